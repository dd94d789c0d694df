"""What a file says of its length is weighed; what is missing or damaged is told."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.announced import weigh_length
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.probe import probe_audio
from heygem_daemon.media.source import is_unset_size
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.media.xing import stated_mp3_seconds
from tests.media.sound_files import (
    set_wav_length,
    tones,
    write_float_wav,
    write_plain_wav,
    write_sound,
)

Make = Callable[..., Path]


def warnings(path: Path) -> str:
    return " ".join(probe_audio(path).warnings)


def listened(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    sound = measure_audio(path)
    return np.concatenate(list(read_waveform(path, voice_channel=sound.voice_channel)))


def test_the_length_of_a_pipe_in_the_issue_is_no_length(shared_cases: Path) -> None:
    path = shared_cases / "wav_length_7ffff024.wav"
    assert probe_audio(path).duration == Fraction(57_330, 22_050)
    assert not warnings(path)


@pytest.mark.parametrize(
    "announced",
    [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFDB, 0x7F000000, 0x7FFF0000, 0],
)
@pytest.mark.parametrize(("channels", "width", "rate"), [(1, 2, 22_050), (2, 3, 48_000)])
def test_a_size_that_was_written_ahead_is_no_size(
    tmp_path: Path, announced: int, channels: int, width: int, rate: int
) -> None:
    path = write_plain_wav(tmp_path / "pipe.wav", tones(channels, rate), rate, width)
    set_wav_length(path, announced)
    assert probe_audio(path).duration == 2
    assert not warnings(path)


def test_a_size_that_is_far_too_large_is_told(tmp_path: Path) -> None:
    path = write_plain_wav(tmp_path / "odd.wav", tones(1, 16_000), 16_000)
    set_wav_length(path, 0x01234566)
    assert probe_audio(path).duration == 2
    assert "states a length of 596.5 s, but holds 2.0 s" in warnings(path)


@pytest.mark.parametrize("announced", [32_000, 63_998, 2, 5_000])
def test_a_wav_that_understates_its_length_loses_nothing(tmp_path: Path, announced: int) -> None:
    samples = tones(1, 16_000)
    path = write_plain_wav(tmp_path / "short.wav", samples, 16_000)
    set_wav_length(path, announced)
    assert probe_audio(path).duration == 2
    np.testing.assert_allclose(listened(path), samples[0], atol=1e-4)


@pytest.mark.parametrize(
    "tail", [b"LIST\x04\x00\x00\x00INFO", b"id3 \x02\x00\x00\x00ab", bytes(512), b"x"]
)
def test_chunks_and_padding_after_the_samples_are_no_sound(tmp_path: Path, tail: bytes) -> None:
    path = write_plain_wav(tmp_path / "tail.wav", tones(1, 16_000), 16_000)
    path.write_bytes(path.read_bytes() + tail)
    assert probe_audio(path).duration == 2
    assert not warnings(path)


TRUNCATED = [
    ("a.wav", "pcm_s16le", "wav"),
    ("a.w64", "pcm_s16le", "w64"),
    ("a.aiff", "pcm_s16be", "aiff"),
    ("a.flac", "flac", "flac"),
    ("a.mp3", "libmp3lame", "mp3"),
    ("a.wma", "wmav2", "asf"),
    ("a.mka", "eac3", "matroska"),
    ("a.weba", "libopus", "webm"),
    ("a.caf", "pcm_s16be", "caf"),
]


@pytest.mark.parametrize(("name", "codec", "muxer"), TRUNCATED)
def test_half_a_copy_is_refused_where_anything_tells_the_length(
    tmp_path: Path, name: str, codec: str, muxer: str
) -> None:
    path = write_sound(
        tmp_path / name, codec, tones(2, 48_000, 4.0), 48_000, "stereo", format=muxer
    )
    assert not warnings(path)
    whole = measure_audio(path).duration
    assert abs(whole - 4) < Fraction(1, 10)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadInput, match="truncated"):
        measure_audio(path)


def test_half_an_rf64_is_refused(tmp_path: Path) -> None:
    path = write_sound(
        tmp_path / "a.wav", "pcm_s16le", tones(2, 48_000, 4.0), 48_000, "stereo",
        format="wav", rf64="always",
    )  # fmt: skip
    assert probe_audio(path).duration == 4
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadInput, match="truncated"):
        measure_audio(path)


@pytest.mark.parametrize(
    ("rate", "layout"), [(44_100, "stereo"), (22_050, "mono"), (48_000, "mono")]
)
def test_an_mp3_states_its_length(tmp_path: Path, rate: int, layout: str) -> None:
    channels = av.AudioLayout(layout).nb_channels
    path = write_sound(
        tmp_path / "a.mp3", "libmp3lame", tones(channels, rate, 3.0), rate, layout, format="mp3"
    )
    assert abs(stated_mp3_seconds(path) - 3) < Fraction(1, 8)
    cut = tmp_path / "noise.mp3"
    cut.write_bytes(path.read_bytes()[2000:])
    assert stated_mp3_seconds(cut) == 0


def test_an_mp3_with_all_its_bytes_is_whole_whatever_its_number_of_frames(tmp_path: Path) -> None:
    path = write_sound(
        tmp_path / "a.mp3", "libmp3lame", tones(2, 44_100, 3.0), 44_100, "stereo", format="mp3"
    )
    data = bytearray(path.read_bytes())
    at = max(data.find(b"Xing"), data.find(b"Info"))
    frames = int.from_bytes(data[at + 8 : at + 12], "big")
    data[at + 8 : at + 12] = (4 * frames).to_bytes(4, "big")
    path.write_bytes(data)
    assert stated_mp3_seconds(path) > 11
    assert abs(measure_audio(path).duration - 3) < Fraction(1, 8)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BadInput, match="truncated"):
        measure_audio(path)


def test_an_ogg_without_its_end_is_told(tmp_path: Path) -> None:
    path = write_sound(
        tmp_path / "a.opus", "libopus", tones(2, 48_000, 6.0), 48_000, "stereo", format="ogg"
    )
    assert not warnings(path)
    os.truncate(path, path.stat().st_size // 2)
    assert "ends without the mark of its end" in warnings(path)


def test_sizes_that_were_never_set_are_known_by_their_distance_from_a_limit() -> None:
    assert is_unset_size(0x7FFFF024, 100_000)
    assert is_unset_size(0, 100_000)
    assert is_unset_size(0xFFFFFFFF, 1 << 30)
    assert not is_unset_size(0x7F000000, 1 << 30)
    assert not is_unset_size(200_000, 100_000)
    second = Fraction(1)
    assert weigh_length(10 * second, 5 * second, 160_000, "wav") == "truncated"
    assert weigh_length(10 * second, Fraction(98, 10), 160_000, "wav") == "short"
    assert weigh_length(500 * second, 5 * second, 160_000, "wav") == "doubtful"
    assert weigh_length(500 * second, 5 * second, 160_000, "flac") == "truncated"
    assert weigh_length(Fraction(0), 5 * second, 160_000, "wav") == "whole"


def test_the_chain_of_the_issue_is_whole(shared_cases: Path) -> None:
    path = shared_cases / "chained_ogg_two_rates.ogg"
    sound = measure_audio(path)
    links = [path.read_bytes()]
    parts = _links(links[0])
    assert len(parts) == 2
    assert sound.formats == 2
    assert not sound.read_errors
    assert sound.duration > Fraction(26, 10)
    assert len(listened(path)) == round(sound.duration * 16_000)


def _links(content: bytes) -> list[bytes]:
    """Split a chained Ogg at the pages that begin a stream."""
    starts, at = [], content.find(b"OggS")
    while at >= 0:
        if content[at + 5] & 2:
            starts.append(at)
        at = content.find(b"OggS", at + 4)
    return [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("libopus", 48_000, "mono"), ("libopus", 48_000, "stereo")),
        (("flac", 44_100, "stereo"), ("flac", 16_000, "mono")),
        (("flac", 44_100, "mono"), ("libopus", 48_000, "stereo")),
        (("flac", 22_050, "mono"), ("flac", 22_050, "mono")),
    ],
)
def test_all_links_of_a_chain_are_heard(
    tmp_path: Path, first: tuple[str, int, str], second: tuple[str, int, str]
) -> None:
    parts = []
    for number, (codec, rate, layout) in enumerate((first, second)):
        part = tmp_path / f"{number}.ogg"
        channels = av.AudioLayout(layout).nb_channels
        parts.append(
            write_sound(part, codec, tones(channels, rate, 1.5), rate, layout, format="ogg")
        )
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    sound = measure_audio(path)
    assert sound.duration == sum(measure_audio(part).duration for part in parts)
    assert not warnings(path)
    heard = listened(path)
    assert np.abs(heard[2_000:22_000]).max() > 0.05
    assert np.abs(heard[-20_000:-2_000]).max() > 0.05


def test_a_link_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    good = write_sound(
        tmp_path / "a.ogg", "libopus", tones(1, 48_000), 48_000, "mono", format="ogg"
    )
    page = b"OggS\x00\x02" + bytes(20) + b"\x01\x10" + b"not a header    "
    good.write_bytes(good.read_bytes() + page)
    assert "could not be read" in warnings(good)
    assert measure_audio(good).duration > Fraction(19, 10)


def test_the_gap_of_the_issue_is_silence(shared_cases: Path) -> None:
    path = shared_cases / "gap_2s.opus"
    sound = measure_audio(path)
    assert abs(sound.missing_seconds - 2) < Fraction(1, 50)
    assert not sound.lost_seconds
    assert abs(sound.duration - 15) < Fraction(1, 50)
    heard = listened(path)
    assert len(heard) == round(sound.duration * 16_000)
    assert np.abs(heard[round(6.1 * 16_000) : round(7.9 * 16_000)]).max() < 1e-4
    assert "2.00 s of the sound are missing" in warnings(path)


@pytest.mark.parametrize(
    ("name", "muxer"), [("a.mka", "matroska"), ("a.weba", "webm"), ("a.opus", "ogg")]
)
@pytest.mark.parametrize("gap", [0.02, 0.5, 12.0])
def test_what_the_time_stamps_leave_out_is_silence(
    tmp_path: Path, name: str, muxer: str, gap: float
) -> None:
    if muxer == "ogg" and gap < 0.1:
        pytest.skip("the pages of Ogg have time stamps only once a second")
    rate, cut = 48_000, 1.7
    click = tones(1, rate, 3.0)
    click[:, : round(2 * rate)] *= 0.1
    whole = write_sound(tmp_path / "whole.mka", "libopus", click, rate, "mono", format="matroska")
    path = tmp_path / name
    with av.open(str(whole)) as source, av.open(str(path), "w", format=muxer) as target:
        stream = source.streams.audio[0]
        out = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size and packet.pts is not None:
                at = float(packet.pts * (stream.time_base or 1))
                packet.pts += round(gap / float(stream.time_base or 1)) if at >= cut else 0
                packet.dts, packet.stream = packet.pts, out
                target.mux(packet)
    sound = measure_audio(path)
    assert abs(float(sound.missing_seconds) - gap) < 0.012
    heard = listened(path)
    loud = int(np.argmax(np.abs(heard) > 0.1)) / 16_000
    assert abs(loud - (2 + gap)) < 0.012


def test_the_sample_of_the_issue_is_silence(shared_cases: Path) -> None:
    path = shared_cases / "one_nan.wav"
    assert measure_audio(path).bad_samples == 1
    assert np.isfinite(listened(path)).all()
    assert "1 sample of the sound" in warnings(path)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e20])
def test_what_is_no_number_is_silence_and_counted(tmp_path: Path, bits: int, bad: float) -> None:
    samples = tones(2, 16_000)
    samples[1, 5_000:5_010] = bad
    path = write_float_wav(tmp_path / "bad.wav", samples, 16_000, bits)
    sound = measure_audio(path)
    assert sound.bad_samples == 10
    assert sound.peak < 0.3
    heard = np.concatenate(list(read_waveform(path, voice_channel=1)))
    assert np.abs(heard[5_000:5_010]).max() == 0
    np.testing.assert_allclose(heard[5_010:], samples[1, 5_010:], atol=1e-6)


def test_a_file_of_no_numbers_is_refused(tmp_path: Path) -> None:
    samples = tones(1, 16_000)
    samples[:, ::2] = np.nan
    with pytest.raises(BadInput, match="no numbers"):
        measure_audio(write_float_wav(tmp_path / "bad.wav", samples, 16_000))


def test_a_voice_is_listened_to_wherever_it_is(tmp_path: Path) -> None:
    rate = 16_000
    time = np.arange(4 * rate) / rate
    syllables = np.sin(2 * np.pi * 3 * time).clip(0) ** 2
    turns = np.sin(2 * np.pi * time) > 0
    voice = (0.3 * np.sin(2 * np.pi * 300 * time) * syllables * turns).astype("f4")
    other = (0.3 * np.sin(2 * np.pi * 150 * time) * syllables * ~turns).astype("f4")
    tone = (0.3 * np.sin(2 * np.pi * 1000 * time)).astype("f4")
    silent = np.zeros_like(voice)
    for channels, expected in (
        ([voice, tone], 0),
        ([tone, voice], 1),
        ([voice, -voice], 0),
        ([voice, voice], None),
        ([voice, other], None),
        ([silent, silent], None),
        ([tone, tone, voice, silent, tone, tone], 2),
    ):
        path = write_plain_wav(tmp_path / "a.wav", np.stack(channels), rate)
        assert measure_audio(path).voice_channel == expected
