"""The published sound is that of the input: its channels, level, start and length."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import encode_ahead, published_layout
from tests.media import sound_files
from tests.media.sound_files import (
    TONES,
    decibels,
    read_channels,
    tone_decibels,
    tones,
    write_float_wav,
    write_plain_wav,
    write_sound,
)
from tests.media.test_demuxers import amr

pytestmark = pytest.mark.slow

LEVEL_DB = 0.1
APART_DB = -40
"""How loud a tone may be in a channel that is not its own, against its own."""

CODED = [
    # name, codec, rate, layout, layout of the result, muxer
    ("s16.aiff", "pcm_s16be", 44_100, "stereo", "stereo", "aiff"),
    ("s24.aif", "pcm_s24be", 48_000, "stereo", "stereo", "aiff"),
    ("s16.w64", "pcm_s16le", 48_000, "stereo", "stereo", "w64"),
    ("rf64.wav", "pcm_s16le", 44_100, "stereo", "stereo", "rf64"),
    ("mulaw.wav", "pcm_mulaw", 16_000, "stereo", "stereo", "wav"),
    ("alaw.wav", "pcm_alaw", 16_000, "mono", "mono", "wav"),
    ("mulaw.au", "pcm_mulaw", 16_000, "stereo", "stereo", "au"),
    ("adpcm.wav", "adpcm_ms", 22_050, "stereo", "stereo", "wav"),
    ("ima.wav", "adpcm_ima_wav", 44_100, "stereo", "stereo", "wav"),
    ("f64.wav", "pcm_f64le", 48_000, "stereo", "stereo", "wav"),
    ("s16.caf", "pcm_s16be", 44_100, "stereo", "stereo", "caf"),
    ("alac.caf", "alac", 44_100, "stereo", "stereo", "caf"),
    ("a.flac", "flac", 44_100, "stereo", "stereo", "flac"),
    ("surround.flac", "flac", 48_000, "5.1", "5.1", "flac"),
    ("surround.wav", "pcm_s16le", 48_000, "5.1", "5.1", "wav"),
    ("side.wav", "pcm_s24le", 48_000, "5.1(side)", "5.1", "wav"),
    ("eight.wav", "pcm_s16le", 48_000, "7.1", "7.1", "wav"),
    ("quad.wav", "pcm_s16le", 48_000, "quad", "quad", "wav"),
    ("five.wav", "pcm_s16le", 48_000, "5.0", "5.0", "wav"),
    ("three.wav", "pcm_s16le", 48_000, "3.0", "3.0", "wav"),
    ("a.mp3", "libmp3lame", 44_100, "stereo", "stereo", "mp3"),
    ("a.mp2", "mp2", 48_000, "stereo", "stereo", "mp2"),
    ("a.ac3", "ac3", 48_000, "stereo", "stereo", "ac3"),
    ("surround.ac3", "ac3", 48_000, "5.1(side)", "5.1", "ac3"),
    ("a.mka", "eac3", 48_000, "stereo", "stereo", "matroska"),
    ("a.wma", "wmav2", 44_100, "stereo", "stereo", "asf"),
    ("a.oga", "vorbis", 44_100, "stereo", "stereo", "ogg"),
    ("surround.opus", "libopus", 48_000, "5.1", "5.1", "ogg"),
    ("a.opus", "libopus", 48_000, "stereo", "stereo", "ogg"),
    ("a.weba", "libopus", 48_000, "stereo", "stereo", "webm"),
    ("alac.m4a", "alac", 44_100, "stereo", "stereo", "ipod"),
    ("a.m4b", "aac", 44_100, "stereo", "stereo", "ipod"),
    ("a.aac", "aac", 44_100, "stereo", "stereo", "adts"),
]
PLAIN = [
    # channels, bytes of a sample, rate, layout of the result
    (1, 2, 22_050, "mono"),
    (2, 1, 16_000, "stereo"),
    (2, 2, 16_000, "stereo"),
    (2, 2, 8_000, "stereo"),
    (2, 3, 48_000, "stereo"),
    (2, 4, 96_000, "stereo"),
    (4, 2, 48_000, "4.0"),
    (6, 2, 48_000, "5.1"),
    (8, 2, 48_000, "7.1"),
    (8, 3, 44_100, "7.1"),
]


def published(sound: Path) -> Path:
    """Return the sound as a result has it."""
    target = sound.with_name("published.m4a")
    encode_ahead(sound, target, lambda: True)
    return target if target.exists() else sound


def require_same_sound(sound: Path, layout: str, channels: int) -> None:
    """Check the published sound of a file of tones against what PyAV decodes of that file."""
    measured = measure_audio(sound)
    assert measured.channels == channels
    result = published(sound)
    with av.open(str(result)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        assert container.streams.audio[0].codec_context.layout.name == layout
    made, rate = read_channels(result)
    assert abs(made.shape[1] / rate - float(measured.duration)) <= 2048 / rate
    table = tone_decibels(made, rate, TONES[:channels])
    own = np.diag(table)
    before = np.diag(tone_decibels(*read_channels(sound), TONES[:channels]))
    assert np.abs(before).max() < 3
    np.testing.assert_allclose(own, before, atol=LEVEL_DB)
    others = table - np.diag(own) - 200 * np.eye(channels)
    assert others.max() < APART_DB


@pytest.mark.parametrize(("name", "codec", "rate", "layout", "expected", "muxer"), CODED)
def test_each_kind_of_file_keeps_its_channels_and_levels(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, expected: str, muxer: str
) -> None:
    channels = av.AudioLayout(layout).nb_channels
    options = {"rf64": "always"} if muxer == "rf64" else {}
    sound = write_sound(
        tmp_path / name,
        codec,
        tones(channels, rate),
        rate,
        layout,
        format="wav" if muxer == "rf64" else muxer,
        **options,
    )
    require_same_sound(sound, expected, channels)


@pytest.mark.parametrize(("channels", "width", "rate", "layout"), PLAIN)
def test_a_wav_without_a_channel_mask_keeps_its_channels_and_levels(
    tmp_path: Path, channels: int, width: int, rate: int, layout: str
) -> None:
    sound = write_plain_wav(tmp_path / "plain.wav", tones(channels, rate), rate, width)
    require_same_sound(sound, layout, channels)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_wav_of_floats_keeps_its_channels_and_levels(tmp_path: Path, bits: int) -> None:
    sound = write_float_wav(tmp_path / "float.wav", tones(2, 48_000), 48_000, bits)
    require_same_sound(sound, "stereo", 2)
    assert measure_audio(sound).duration == 2


def test_narrow_band_speech_is_read(tmp_path: Path) -> None:
    sound = tmp_path / "a.amr"
    if "libopencore_amrnb" in av.codecs_available:
        write_sound(sound, "libopencore_amrnb", tones(1, 8_000), 8_000, "mono", format="amr")
    else:  # PyAV 19's FFmpeg has only the decoder.
        sound.write_bytes(amr())
    assert measure_audio(sound).codec == "amr_nb"
    made, rate = read_channels(published(sound))
    assert abs(made.shape[1] / rate - float(measure_audio(sound).duration)) < 0.05


def test_the_stereo_file_of_the_issue_keeps_both_channels(
    shared_cases: Path, tmp_path: Path
) -> None:
    sound = tmp_path / "stereo16.wav"
    sound.write_bytes((shared_cases / "stereo16.wav").read_bytes())
    before, _ = read_channels(sound)
    measured = measure_audio(sound)
    assert (measured.duration, measured.channels) == (Fraction(26, 10), 2)
    assert measured.voice_channel == 0
    made, rate = read_channels(published(sound))
    assert rate == 48_000
    np.testing.assert_allclose(decibels(made), decibels(before), atol=LEVEL_DB)
    for channel in range(2):
        thinned = made[channel, ::3][: before.shape[1]]
        likeness = np.corrcoef(thinned, before[channel, : thinned.size])[0, 1]
        other = np.corrcoef(thinned, before[1 - channel, : thinned.size])[0, 1]
        assert likeness > 0.9
        assert abs(other) < 0.1


@pytest.mark.parametrize("peak", [0.5, 0.8, 0.96, 1.0, 1.4])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_level_is_kept_up_to_full_scale_and_beyond(
    tmp_path: Path, peak: float, channels: int
) -> None:
    """FFmpeg's encoder alone makes everything quieter that comes near full scale."""
    samples = tones(channels, 44_100) * np.float32(peak / sound_files.AMPLITUDE)
    sound = write_float_wav(tmp_path / "loud.wav", samples, 44_100)
    made, _ = read_channels(published(sound))
    np.testing.assert_allclose(decibels(made), decibels(samples), atol=LEVEL_DB)


def test_what_each_channel_says_stays_in_it_when_it_is_loud(tmp_path: Path) -> None:
    samples = tones(2, 48_000) * 4
    sound = write_float_wav(tmp_path / "loud.wav", samples, 48_000)
    made, rate = read_channels(published(sound))
    table = tone_decibels(made, rate, TONES[:2])
    assert max(table[0, 1], table[1, 0]) < APART_DB + 12


def test_tracks_of_a_recorder_are_kept_with_all_their_frequencies(tmp_path: Path) -> None:
    """The default layout has an LFE channel, of which AAC keeps nothing above 250 Hz."""
    for count, layout in ((6, "hexagonal"), (8, "octagonal"), (3, "3.0")):
        samples = tones(count, 48_000)[::-1]
        sound = write_plain_wav(tmp_path / f"{count}.wav", samples, 48_000)
        assert published_layout(measure_audio(sound)) == layout
        made, _ = read_channels(published(sound))
        (tmp_path / "published.m4a").unlink()
        np.testing.assert_allclose(decibels(made), decibels(samples), atol=LEVEL_DB)


def test_more_channels_than_aac_has_become_the_voice(tmp_path: Path) -> None:
    samples = np.tile(tones(1, 48_000), (11, 1))
    sound = write_plain_wav(tmp_path / "eleven.wav", samples, 48_000)
    made, _ = read_channels(published(sound))
    np.testing.assert_allclose(decibels(made), decibels(samples[:1]), atol=LEVEL_DB)


def test_opposite_phase_is_published_as_it_is(tmp_path: Path) -> None:
    one = tones(1, 44_100)
    sound = write_plain_wav(tmp_path / "a.wav", np.concatenate([one, -one]), 44_100)
    made, _ = read_channels(published(sound))
    np.testing.assert_allclose(decibels(made), decibels(np.concatenate([one, one])), atol=LEVEL_DB)
    np.testing.assert_allclose(made[0], -made[1], atol=0.01)


def test_a_sound_with_a_cover_is_a_sound(tmp_path: Path, make_video: Callable[..., Path]) -> None:
    cover = make_video("cover.png", 1, "png", pix_fmt="rgb24")
    for name, codec, muxer in (
        ("a.mp3", "libmp3lame", "mp3"),
        ("a.flac", "flac", "flac"),
        ("a.m4a", "aac", "mp4"),
    ):
        plain = write_sound(
            tmp_path / f"plain-{name}", codec, tones(2, 44_100), 44_100, "stereo", format=muxer
        )
        target = tmp_path / name
        with (
            av.open(str(plain)) as source,
            av.open(str(cover)) as picture,
            av.open(str(target), "w", format=muxer) as out,
        ):
            streams: list[tuple[Any, Any]] = [
                (source, source.streams.audio[0]),
                (picture, picture.streams.video[0]),
            ]
            outs = [out.add_stream_from_template(each, opaque=True) for _, each in streams]
            outs[1].disposition = Disposition.attached_pic
            for (container, stream), target_stream in zip(streams, outs, strict=True):
                for packet in container.demux(stream):
                    if packet.size:
                        packet.stream = target_stream
                        out.mux(packet)
        with av.open(str(target)) as container:
            assert len(container.streams) == 2
        assert measure_audio(target).duration == measure_audio(plain).duration
        require_same_sound(target, "stereo", 2)
        published(target).unlink(missing_ok=True)
