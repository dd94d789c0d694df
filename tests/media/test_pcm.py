"""ProRes results carry the source's sound as PCM, sample for sample."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import (
    TrackOptions,
    encode_ahead,
    is_copyable,
    measure_published,
    plan_loudness,
)
from heygem_daemon.media.mux import mux_segments
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.video_encoder import SegmentWriter
from tests.media.sound_files import tones, write_float_wav, write_plain_wav, write_sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from heygem_daemon.media.picture import Picture

PCM = TrackOptions(is_pcm=True)


@pytest.fixture
def segment(tmp_path: Path, numbered: "Callable[..., Picture]") -> Path:
    path = tmp_path / "segment.mp4"
    with SegmentWriter(path, 96, 64, Fraction(25), ColourTags(1, 1, 1)) as writer:
        for number in range(25):
            writer.write(numbered(number))
    return path


def decoded(path: Path) -> tuple[tuple[str, int, str], NDArray[Any]]:
    """Return codec, rate and layout, and all samples (1, channels · n) of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        blocks = [frame.to_ndarray() for frame in container.decode(stream)]
        context = stream.codec_context
        form = context.name, context.sample_rate, context.layout.name
        return form, np.concatenate(blocks, 1)


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize(
    ("channels", "width", "rate", "codec", "layout"),
    [
        (1, 2, 16_000, "pcm_s16le", "mono"),
        (2, 2, 44_100, "pcm_s16le", "stereo"),
        (2, 3, 96_000, "pcm_s24le", "stereo"),
        (6, 3, 48_000, "pcm_s24le", "5.1"),
        (8, 2, 48_000, "pcm_s16le", "7.1"),
    ],
)
def test_every_sample_is_the_sources(
    tmp_path: Path,
    segment: Path,
    channels: int,
    width: int,
    rate: int,
    codec: str,
    layout: str,
    ahead: bool,
) -> None:
    source = write_plain_wav(tmp_path / "a.wav", tones(channels, rate, 1.0), rate, width)
    sound, target = measure_audio(source), tmp_path / "result.mov"
    track = TrackOptions(is_pcm=True, encoded_ahead=tmp_path / "ahead.m4a" if ahead else None)
    if ahead:
        encode_ahead(source, tmp_path / "ahead.m4a", lambda: True, PCM)
        assert (tmp_path / "ahead.m4a").exists()
    done = mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=track)
    assert done == f"pcm (encoded from {sound.codec})"
    form, samples = decoded(target)
    assert form == (codec, rate, layout)
    assert np.array_equal(samples, decoded(source)[1])


def test_a_copy_keeps_what_quicktime_holds(tmp_path: Path, segment: Path) -> None:
    source = write_plain_wav(tmp_path / "a.wav", tones(2, 48_000, 1.0), 48_000, 2)
    sound, target = measure_audio(source), tmp_path / "result.mov"
    track = TrackOptions("copy", is_pcm=True)
    assert is_copyable(sound, track)
    done = mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=track)
    assert done == "pcm_s16le (copied)"
    assert np.array_equal(decoded(target)[1], decoded(source)[1])


def test_aac_that_was_encoded_ahead_is_not_taken(tmp_path: Path, segment: Path) -> None:
    """The work of an earlier version, or of a job whose codec was another."""
    source = write_plain_wav(tmp_path / "a.wav", tones(2, 48_000, 1.0), 48_000, 2)
    sound, target = measure_audio(source), tmp_path / "result.mov"
    encode_ahead(source, tmp_path / "ahead.m4a", lambda: True)
    track = TrackOptions(is_pcm=True, encoded_ahead=tmp_path / "ahead.m4a")
    mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=track)
    assert np.array_equal(decoded(target)[1], decoded(source)[1])


def test_any_sound_and_a_new_loudness_are_pcm(tmp_path: Path, segment: Path) -> None:
    source = write_float_wav(tmp_path / "a.wav", 1.2 * tones(12, 11_025, 1.0), 11_025)
    sound, target = measure_audio(source), tmp_path / "result.mov"
    mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=PCM)
    (codec, rate, _), samples = decoded(target)
    assert (codec, rate) == ("pcm_s24le", 11_025)
    assert np.abs(samples.astype(float) / 2**31 - decoded(source)[1]).max() < 2**-22
    stereo = write_plain_wav(tmp_path / "b.wav", tones(2, 48_000, 1.0), 48_000, 2)
    track = TrackOptions(is_pcm=True, loudness=plan_loudness(stereo, -23))
    mux_segments([segment], stereo, target, Fraction(25), 25, Fraction(1), track=track)
    assert decoded(target)[0] == ("pcm_s24le", 48_000, "stereo")
    assert abs(measure_published(target).integrated + 23) < 0.2


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_beyond_full_scale_are_not_clipped(tmp_path: Path, segment: Path, bits: int) -> None:
    source = write_float_wav(tmp_path / "a.wav", 6 * tones(2, 48_000, 1.0), 48_000, bits)
    sound, target = measure_audio(source), tmp_path / "result.mov"
    assert sound.peak > 1
    mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=PCM)
    form, samples = decoded(target)
    assert form == ("pcm_f32le", 48_000, "stereo")
    assert np.abs(samples - decoded(source)[1]).max() < 2**-22
    track = TrackOptions(is_pcm=True, loudness=plan_loudness(source, -23, is_pcm=True))
    mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=track)
    assert decoded(target)[0][0] == "pcm_s24le"


def test_a_sound_whose_rate_changes_has_the_highest(tmp_path: Path, segment: Path) -> None:
    links = []
    for rate, channels in ((8_000, 1), (48_000, 2)):
        noise = np.random.default_rng(rate).uniform(-0.5, 0.5, (channels, rate // 2))
        layout = "mono" if channels == 1 else "stereo"
        samples = noise.astype(np.float32) * (1 if channels == 1 else 0.5)
        links.append(write_sound(tmp_path / f"{rate}.ogg", "flac", samples, rate, layout))
    source, target = tmp_path / "a.ogg", tmp_path / "result.mov"
    source.write_bytes(b"".join(link.read_bytes() for link in links))
    sound = measure_audio(source)
    assert sound.formats == 2
    mux_segments([segment], source, target, Fraction(25), 25, sound.duration, track=PCM)
    assert decoded(target)[0][1:] == (48_000, "stereo")
    assert measure_audio(target).duration == sound.duration
