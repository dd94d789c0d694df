"""Joined results have exact timestamps, unchanged pictures and the original sound."""

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.config.choices import VideoCodec
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import COMPATIBLE, TrackOptions, encode_ahead
from heygem_daemon.media.mux import REPORT_INTERVAL_PICTURES, mux_segments
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.probe import probe_audio, probe_video
from heygem_daemon.media.timeline import frame_count
from heygem_daemon.media.verify import InvalidResult, ResultVerifier, verify_result
from heygem_daemon.media.video_codecs import CODECS, EncoderSettings
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform

MakeFile = Callable[..., Path]
WriteSegments = Callable[..., list[Path]]
Samples = NDArray[np.float32]
BT709 = ColourTags(1, 1, 1)

COPIED = [
    ("a.m4a", "aac", 44_100, "stereo"),
    ("a.aac", "aac", 16_000, "mono"),
]
COPIED_ON_REQUEST = [
    ("a.mp3", "libmp3lame", 44_100, "stereo"),
    ("a.mp3", "libmp3lame", 16_000, "mono"),
    ("a.flac", "flac", 48_000, "mono"),
    ("a.opus", "libopus", 48_000, "stereo"),
    ("a.m4a", "alac", 44_100, "stereo"),
    ("a.mka", "ac3", 48_000, "stereo"),
]
ENCODED = [
    ("a.wav", "pcm_s16le", 16_000, "mono"),
    ("a.wav", "pcm_s24le", 96_000, "stereo"),
    ("a.wav", "pcm_u8", 11_025, "mono"),
    ("a.wav", "pcm_s16le", 48_000, "5.1"),
]


@pytest.fixture
def write_segments(tmp_path: Path, numbered: Callable[..., Picture]) -> WriteSegments:
    def write(frames: int, chunk: int, fps: Fraction = Fraction(25)) -> list[Path]:
        paths = []
        for first in range(0, frames, chunk):
            paths.append(tmp_path / f"segment-{first:05d}.mp4")
            with SegmentWriter(paths[-1], 96, 64, fps, BT709) as writer:
                for number in range(first, min(first + chunk, frames)):
                    writer.write(numbered(number % 256))
        return paths

    return write


def samples(path: Path) -> Samples:
    return np.concatenate(list(read_waveform(path)))


def lag(before: Samples, after: Samples) -> int:
    """Samples by which ``after`` is late: where their cross-correlation has its peak."""
    size = 1 << 17
    spectrum = np.fft.rfft(after, size) * np.conj(np.fft.rfft(before, size))
    peak = int(np.fft.irfft(spectrum, size).argmax())
    return peak if peak < size // 2 else peak - size


@pytest.mark.parametrize("track", [COMPATIBLE, TrackOptions("copy")])
@pytest.mark.parametrize(("name", "codec", "rate", "layout"), COPIED + COPIED_ON_REQUEST + ENCODED)
def test_the_sound_keeps_its_place_in_time(
    make_sound: MakeFile,
    write_segments: WriteSegments,
    tmp_path: Path,
    name: str,
    codec: str,
    rate: int,
    layout: str,
    track: TrackOptions,
) -> None:
    sound = make_sound(name, codec, 1.83, rate, layout)
    info = probe_audio(sound)
    frames = frame_count(info.duration, Fraction(25))
    target = tmp_path / "result.mp4"
    done = mux_segments(
        write_segments(frames, 20), sound, target, Fraction(25), frames, info.duration, track=track
    )
    copied = [*COPIED, *(COPIED_ON_REQUEST if track.handling == "copy" else [])]
    assert ("copied" in done) == ((name, codec, rate, layout) in copied)
    verify_result(target, frames, Fraction(25), info.duration)
    before, after = samples(sound), samples(target)
    assert len(after) >= len(before) - 32
    assert abs(lag(before, after)) <= 8


def sound_of(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(p.pts, p.duration, bytes(p)) for p in container.demux(audio=0) if p.size]


@pytest.mark.parametrize(("name", "codec", "rate", "layout"), ENCODED)
def test_a_sound_that_was_encoded_ahead_is_the_same(
    make_sound: MakeFile,
    write_segments: WriteSegments,
    tmp_path: Path,
    name: str,
    codec: str,
    rate: int,
    layout: str,
) -> None:
    sound, ahead = make_sound(name, codec, 1.83, rate, layout), tmp_path / "sound.m4a"
    segments, fps, duration = write_segments(46, 20), Fraction(25), probe_audio(sound).duration
    now, later = tmp_path / "now.mp4", tmp_path / "later.mp4"
    description = mux_segments(segments, sound, now, fps, 46, duration)
    encode_ahead(sound, ahead, lambda: True)
    again = mux_segments(
        segments, sound, later, fps, 46, duration, track=TrackOptions(encoded_ahead=ahead)
    )
    assert again == description
    assert sound_of(later) == sound_of(now)
    verify_result(later, 46, fps, duration)


@pytest.mark.parametrize("found", [None, b"", b"rubbish" * 100])
def test_without_a_usable_encoded_sound_it_is_encoded_now(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path, found: bytes | None
) -> None:
    sound, ahead = make_sound("a.wav", seconds=2.0), tmp_path / "sound.m4a"
    if found is not None:
        ahead.write_bytes(found)
    target = tmp_path / "result.mp4"
    mux_segments(
        write_segments(50, 50),
        sound,
        target,
        Fraction(25),
        50,
        Fraction(2),
        track=TrackOptions(encoded_ahead=ahead),
    )
    verify_result(target, 50, Fraction(25), Fraction(2))


def test_an_encoded_sound_that_is_too_short_is_encoded_again(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    ahead = tmp_path / "sound.m4a"
    encode_ahead(make_sound("b.wav", seconds=1.0), ahead, lambda: True)
    sound, target = make_sound("a.wav", seconds=2.0), tmp_path / "result.mp4"
    mux_segments(
        write_segments(50, 50),
        sound,
        target,
        Fraction(25),
        50,
        Fraction(2),
        track=TrackOptions(encoded_ahead=ahead),
    )
    verify_result(target, 50, Fraction(25), Fraction(2))


def test_a_cancelled_encoding_leaves_nothing_behind(make_sound: MakeFile, tmp_path: Path) -> None:
    wanted = iter([True, True, False])
    encode_ahead(make_sound("a.wav", seconds=2.0), tmp_path / "sound.m4a", lambda: next(wanted))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_what_can_be_copied_is_not_encoded_ahead(make_sound: MakeFile, tmp_path: Path) -> None:
    sound = make_sound("a.m4a", "aac", 1.0, 44_100)
    encode_ahead(sound, tmp_path / "sound.m4a", lambda: True)
    assert not (tmp_path / "sound.m4a").exists()


def test_one_channel_is_encoded_with_little_loss(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    sound, target = make_sound("a.wav", "pcm_s16le", 2.0, 16_000, "mono"), tmp_path / "result.mp4"
    mux_segments(write_segments(50, 50), sound, target, Fraction(25), 50, Fraction(2))
    before, after = samples(sound), samples(target)[: 2 * 16_000]
    error = (after - before)[1000:-1000]
    assert np.square(error).mean() < 1e-4 * np.square(before).mean()


def test_a_copied_sound_has_the_same_packets(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    def payload(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    sound, target = make_sound("a.m4a", "aac", 2.0, 44_100), tmp_path / "result.mp4"
    mux_segments(
        write_segments(50, 50), sound, target, Fraction(25), 50, probe_audio(sound).duration
    )
    assert payload(target) == payload(sound)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fps", [Fraction(25), Fraction(30_000, 1001), Fraction(12), Fraction(2987, 100)]
)
@pytest.mark.parametrize("chunk", [1, 2, 7, 30])
def test_rule_21_the_clock_is_exact_whatever_the_chunks(
    make_sound: MakeFile,
    write_segments: WriteSegments,
    number_of: Callable[[Picture], int],
    tmp_path: Path,
    fps: Fraction,
    chunk: int,
) -> None:
    sound, target = make_sound("a.wav", seconds=float(31 / fps)), tmp_path / "result.mp4"
    mux_segments(
        write_segments(31, chunk, fps), sound, target, fps, 31, probe_audio(sound).duration
    )
    verify_result(target, 31, fps, 31 / fps)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.size]
        assert stream.average_rate == fps
        assert stream.time_base is not None
        times = sorted((p.pts or 0) * stream.time_base for p in packets)
    assert times == [number / fps for number in range(31)]
    decoding = [p.dts for p in packets if p.dts is not None]
    assert len(decoding) == 31
    assert all(a < b for a, b in pairwise(decoding))
    assert all(p.dts <= p.pts for p in packets if p.dts is not None and p.pts is not None)
    with VideoReader(target) as reader:
        assert [number_of(p) for p in reader.read_range()] == list(range(31))


def test_a_long_join_reports_its_progress(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    reported: list[int] = []
    sound, frames = make_sound("a.wav", seconds=22), 2 * REPORT_INTERVAL_PICTURES + 50
    duration = probe_audio(sound).duration
    mux_segments(
        write_segments(frames, 100), sound, tmp_path / "result.mp4", Fraction(25), frames,
        duration, reported.append,
    )  # fmt: skip
    assert reported == [REPORT_INTERVAL_PICTURES, 2 * REPORT_INTERVAL_PICTURES]


def test_pictures_are_not_encoded_again(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    segments, target = write_segments(40, 15), tmp_path / "result.mp4"
    sound = make_sound("a.wav", seconds=1.6)
    mux_segments(segments, sound, target, Fraction(25), 40, Fraction(8, 5))
    separate = [p for s in segments for p in VideoReader(s).read_range()]
    joined = VideoReader(target).read_range()
    for one, other in zip(separate, joined, strict=True):
        np.testing.assert_array_equal(one.y, other.y)
    assert probe_video(target).colour == BT709


def test_the_index_lies_at_the_front(
    make_sound: MakeFile, write_segments: WriteSegments, tmp_path: Path
) -> None:
    target = tmp_path / "result.mp4"
    mux_segments(write_segments(25, 25), make_sound("a.wav"), target, Fraction(25), 25, Fraction(1))
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_damaged_sound_is_encoded_with_silence_in_the_gap(
    make_sound: MakeFile, write_segments: WriteSegments, spoil: Callable[..., Path], tmp_path: Path
) -> None:
    good = make_sound("a.mka", "ac3", 3.2, 48_000)
    sound, target = spoil(good, tmp_path / "b.mka", {40}), tmp_path / "result.mp4"
    duration = probe_audio(sound).duration
    frames = frame_count(duration, Fraction(25))
    done = mux_segments(write_segments(frames, 80), sound, target, Fraction(25), frames, duration)
    assert done == "aac (encoded from ac3)"
    verify_result(target, frames, Fraction(25), duration)


def test_segments_that_do_not_fit_are_a_bug(
    make_sound: MakeFile, write_segments: WriteSegments, make_video: MakeFile, tmp_path: Path
) -> None:
    sound, target = make_sound("a.wav"), tmp_path / "result.mp4"
    segments = write_segments(25, 25)
    with pytest.raises(ValueError, match="25 pictures, not 26"):
        mux_segments(segments, sound, target, Fraction(25), 26, Fraction(1))
    other = make_video("other.mp4", 5, options={"bf": "0"})
    with pytest.raises(ValueError, match="different parameters"):
        mux_segments([*segments, other], sound, target, Fraction(25), 30, Fraction(1))
    with pytest.raises(ValueError, match="sound"):
        mux_segments(segments, sound, target, Fraction(25), 25, Fraction(2))
    assert not target.exists()


def test_a_result_that_is_not_as_specified_is_reported(
    make_sound: MakeFile, write_segments: WriteSegments, make_video: MakeFile, tmp_path: Path
) -> None:
    target = tmp_path / "result.mp4"
    mux_segments(write_segments(25, 25), make_sound("a.wav"), target, Fraction(25), 25, Fraction(1))
    checked: list[int] = []
    second = Fraction(1)
    ResultVerifier(target, 25, 25 * second, second, second, on_pictures=checked.append).finish()
    assert checked == [25]
    for frames, fps, duration, reason in (
        (24, Fraction(25), Fraction(1), "25 pictures instead of 24"),
        (25, Fraction(30), Fraction(1), "picture 1 is shown"),
        (25, Fraction(25), Fraction(2), "of picture instead"),
    ):
        with pytest.raises(InvalidResult, match=reason):
            verify_result(target, frames, fps, duration)
    silent = make_video("silent.mp4", 25)
    verify_result(silent, 25, Fraction(25), Fraction(1), audio=False)
    with pytest.raises(InvalidResult, match="no audio"):
        verify_result(silent, 25, Fraction(25), Fraction(1))


@pytest.mark.parametrize("codec", CODECS)
def test_the_shape_of_the_pixels_is_kept(
    make_sound: MakeFile,
    tmp_path: Path,
    numbered: Callable[..., Picture],
    codec: VideoCodec,
) -> None:
    """ProRes has no place for it: there the container alone says it."""
    encoder, aspect = EncoderSettings(codec), Fraction(16, 15)
    segment = tmp_path / f"segment{encoder.spec.suffix}"
    target = tmp_path / f"result{encoder.spec.suffix}"
    with SegmentWriter(
        segment, 96, 64, Fraction(25), BT709, encoder=encoder, sample_aspect=aspect
    ) as writer:
        for number in range(25):
            writer.write(numbered(number))
    track = TrackOptions(is_pcm=codec == "prores")
    mux_segments([segment], make_sound("a.wav"), target, Fraction(25), 25, Fraction(1), track=track)
    assert probe_video(target).sample_aspect == aspect


@pytest.mark.parametrize(
    ("name", "codec", "is_pcm", "ahead"),
    [
        ("a.m4a", "aac", False, False),
        ("a.wav", "pcm_s16le", False, False),
        ("a.wav", "pcm_s16le", False, True),
        ("a.wav", "pcm_s16le", True, False),
    ],
)
@pytest.mark.parametrize("delay", [Fraction(1, 100), Fraction(3, 10)])
def test_a_sound_that_begins_later_keeps_its_place(
    make_sound: MakeFile,
    write_segments: WriteSegments,
    tmp_path: Path,
    name: str,
    codec: str,
    is_pcm: bool,
    ahead: bool,
    delay: Fraction,
) -> None:
    sound, encoded = make_sound(name, codec, 1.6, 48_000), tmp_path / "ahead.m4a"
    if ahead:
        encode_ahead(sound, encoded, lambda: True)
    track = TrackOptions(delay=delay, is_pcm=is_pcm, encoded_ahead=encoded if ahead else None)
    target = tmp_path / ("result.mov" if is_pcm else "result.mp4")
    duration, fps = probe_audio(sound).duration, Fraction(25)
    frames = frame_count(duration + delay, fps)
    done = mux_segments(
        write_segments(frames, 20), sound, target, fps, frames, duration, track=track
    )
    assert ("copied" in done) == (codec == "aac")
    ResultVerifier(target, frames, fps, duration + delay, duration).finish()
    before = np.concatenate(list(read_waveform(sound, delay=delay)))
    silence = np.zeros(round(measure_audio(target).start * 16_000), np.float32)
    # An edit list counts milliseconds.
    assert abs(lag(before, np.concatenate([silence, samples(target)]))) <= 16
