"""What of a video is missing, not shown, repeated, undecodable or unreadable is counted apart."""

import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from av.error import InvalidDataError

from heygem_daemon.errors import BadInput
from heygem_daemon.media import index_builder
from heygem_daemon.media.riff import is_whole_riff
from heygem_daemon.media.source import read_packets
from heygem_daemon.media.timeline import constant_rate_indices
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.video_warnings import video_warnings
from tests.media.video_files import copy_packets, number_in, numbered_luma, write_video

Spoil = Callable[[Path, Path, set[int]], Path]
HELD = {20, 21, 22, 40, 55, 56, 57, 58, 59, 60}
"""Pictures that a recorder left out."""


def with_holes(path: Path, codec: str, **settings: Any) -> Path:
    """Write 75 pictures at 25 a second, without those in ``HELD``."""
    present = [number for number in range(75) if number not in HELD]
    frames = [numbered_luma(number) for number in present]
    times = [40 * number for number in present]
    return write_video(path, frames, codec, times=times, **settings)


def warnings(reader: VideoReader) -> str:
    return " ".join(video_warnings(reader.info, reader.timestamps, reader.damaged_count))


AVI_CODECS = [
    ("mjpeg", {"pix_fmt": "yuvj420p"}),
    ("mpeg4", {"options": {"bf": "0"}}),
    ("libx264", {"options": {"bf": "0"}}),
    ("ffv1", {}),
]


@pytest.mark.parametrize(("codec", "settings"), AVI_CODECS)
def test_empty_packets_of_avi_are_the_picture_before(
    tmp_path: Path, codec: str, settings: dict[str, Any]
) -> None:
    present = [number for number in range(75) if number not in HELD]
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=settings.get("options", {}))
        stream.height, stream.width = 64, 96
        stream.pix_fmt = settings.get("pix_fmt", "yuv420p")
        for number in present:
            frame = av.VideoFrame.from_ndarray(numbered_luma(number), format="gray").reformat(
                format=stream.pix_fmt, src_color_range=1, dst_color_range=1
            )
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert reader.info.fps == 25
        assert reader.info.repeated_pictures == len(HELD)
        assert reader.info.missing_pictures == 0
        shown = constant_rate_indices(reader.timestamps, Fraction(25)).tolist()
        assert len(shown) == 75
        numbers = [number_in(picture.y) for picture in reader.read_indices(shown)]
        assert reader.damaged_count == 0
        assert not warnings(reader)
    expected = [max(p for p in present if p <= number) for number in range(75)]
    if codec == "libx264":
        # AVI has no presentation times; those that FFmpeg guesses hold the picture before.
        assert set(numbers) == set(present)
        assert all(abs(a - b) <= 1 for a, b in zip(numbers, expected, strict=True))
    else:
        assert numbers == expected


def test_half_an_avi_is_still_truncated(tmp_path: Path) -> None:
    frames = [numbered_luma(number) for number in range(75)]
    path = write_video(tmp_path / "a.avi", frames, "mjpeg", pix_fmt="yuvj420p")
    assert is_whole_riff(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not is_whole_riff(path)
    with pytest.raises(BadInput, match="truncated"):
        VideoReader(path)


def test_the_avi_of_the_issue(shared_cases: Path) -> None:
    with VideoReader(shared_cases / "dropped_frames.avi") as reader:
        assert reader.info.fps == 25
        assert reader.frame_count + reader.info.repeated_pictures == 75
        assert len(constant_rate_indices(reader.timestamps, Fraction(25))) == 75


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.ts"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_the_time_stamps_leave_out_is_held_and_counted(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = with_holes(tmp_path / name, codec, options={"bf": "2"} if codec == "libx264" else {})
    with VideoReader(path) as reader:
        assert reader.info.fps == 25
        assert reader.info.missing_pictures == len(HELD)
        shown = constant_rate_indices(reader.timestamps, Fraction(25)).tolist()
        assert len(shown) == 75
        numbers = [number_in(picture.y) for picture in reader.read_indices(shown)]
        assert reader.damaged_count == 0
        assert not warnings(reader)
    present = [number for number in range(75) if number not in HELD]
    assert numbers == [max(p for p in present if p <= number) for number in range(75)]


def test_a_long_gap_is_told(tmp_path: Path) -> None:
    times = [40 * number + (3000 if number >= 30 else 0) for number in range(60)]
    frames = [numbered_luma(number) for number in range(60)]
    with VideoReader(write_video(tmp_path / "a.mp4", frames, times=times)) as reader:
        assert reader.info.missing_pictures == 75
        assert "leave out 3.0 s, at 1 place" in warnings(reader)


def test_the_held_picture_of_the_issue_is_told_where_it_is_shown(shared_cases: Path) -> None:
    with VideoReader(shared_cases / "vfr_last_picture_held.mp4") as reader:
        assert reader.info.fps == 25
        shown = constant_rate_indices(reader.timestamps, Fraction(25))
        assert shown[:74].tolist() == list(range(74))
        assert len(shown) == 501
        assert not video_warnings(reader.info, reader.timestamps[:70], 0)


OPEN_GOPS = [
    ("a.mkv", "libx265", {"x265-params": "keyint=25:open-gop=1:bframes=4:scenecut=0:log-level=0"}),
    ("a.mp4", "libx265", {"x265-params": "keyint=20:open-gop=1:bframes=3:scenecut=0:log-level=0"}),
    ("a.ts", "libx265", {"x265-params": "keyint=15:open-gop=1:bframes=4:scenecut=0:log-level=0"}),
    ("b.mkv", "libx264", {"x264-params": "keyint=25:open-gop=1:bframes=4:scenecut=0"}),
    ("b.ts", "mpeg2video", {"g": "12", "bf": "2"}),
]


@pytest.mark.parametrize(("name", "codec", "options"), OPEN_GOPS)
def test_leading_pictures_of_a_cut_are_no_damage(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    frames = [numbered_luma(number) for number in range(100)]
    whole = write_video(tmp_path / f"whole-{name}", frames, codec, options=options)
    with av.open(str(whole)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    second = [number for number, packet in enumerate(packets) if packet.is_keyframe][1]
    path = copy_packets(whole, tmp_path / name, first=second)
    with VideoReader(path) as reader:
        numbers = [number_in(picture.y) for picture in reader.read_range()]
        assert reader.damaged_count == 0
        total = reader.frame_count + reader.info.not_shown_pictures
        assert total <= len(packets) - second
        middle = reader.frame_count // 2
        assert number_in(next(reader.read_range(middle, middle + 1)).y) == numbers[middle]
        assert not warnings(reader)
    assert numbers == list(range(100 - len(numbers), 100))
    assert len(numbers) >= 60


def test_the_cut_of_the_issue(shared_cases: Path) -> None:
    with VideoReader(shared_cases / "hevc_open_gop_cut.mkv") as reader:
        assert reader.frame_count == 35
        assert reader.info.not_shown_pictures == 4
        assert len(list(reader.read_range())) == 35
        assert reader.damaged_count == 0


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_what_an_edit_list_leaves_out_is_not_shown(tmp_path: Path, name: str) -> None:
    frames = [numbered_luma(number) for number in range(60)]
    whole = write_video(
        tmp_path / "whole.mp4", frames, options={"bf": "0", "x264-params": "keyint=60"}
    )
    with av.open(str(whole)) as container:
        base = container.streams.video[0].time_base
    assert base is not None
    path = copy_packets(whole, tmp_path / name, shift=-round(Fraction(10, 25) / base))
    with VideoReader(path) as reader:
        assert reader.info.not_shown_pictures == 10
        assert [number_in(p.y) for p in reader.read_range()] == list(range(10, 60))
        assert reader.damaged_count == 0


@pytest.mark.parametrize("name", ["a.mov", "a.avi", "a.mkv"])
def test_undecodable_pictures_are_told_and_limited_in_every_container(
    tmp_path: Path, spoil: Spoil, name: str
) -> None:
    frames = [numbered_luma(number) for number in range(60)]
    whole = write_video(tmp_path / f"whole-{name}", frames, "mjpeg", pix_fmt="yuvj420p")
    with VideoReader(spoil(whole, tmp_path / name, {20, 21})) as reader:
        shown = constant_rate_indices(reader.timestamps, Fraction(25)).tolist()
        numbers = [number_in(picture.y) for picture in reader.read_indices(shown)]
        assert numbers == [19 if n in (20, 21) else n for n in range(60)]
        assert reader.damaged_count == 2
        assert "2 pictures of the video cannot be decoded" in warnings(reader)
    reader = VideoReader(spoil(whole, tmp_path / name, set(range(30, 40))))
    with pytest.raises(BadInput, match="damaged"):
        list(reader.read_range())


def test_read_errors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", [numbered_luma(number) for number in range(60)])
    demux = InputContainer.demux
    calls: list[int] = []

    def fail_once(container: InputContainer, *streams: Any) -> Iterator[Any]:
        for number, packet in enumerate(demux(container, *streams)):
            if number == 30 and not calls:
                calls.append(number)
                raise InvalidDataError(1, "damaged")
            yield packet

    def read_damaged(container: Any, *streams: Any, **settings: Any) -> Iterator[Any]:
        return read_packets(_Wrapped(container, fail_once), *streams, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(index_builder, "read_packets", read_damaged)
    with VideoReader(path) as reader:
        assert reader.info.read_errors == 1
        assert "could not be read once" in warnings(reader)


class _Wrapped:
    """A container with another ``demux``."""

    def __init__(self, container: Any, demux: Callable[..., Iterator[Any]]) -> None:
        self._container, self._demux = container, demux

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def demux(self, *streams: Any) -> Iterator[Any]:
        return self._demux(self._container, *streams)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_lost_end_that_is_tolerated_is_told(tmp_path: Path, name: str) -> None:
    frames = [numbered_luma(number) for number in range(500)]
    path = write_video(tmp_path / name, frames, "mjpeg", pix_fmt="yuvj420p")
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * 0.945)])
    with VideoReader(path) as reader:
        assert Fraction(1, 2) < reader.info.lost_seconds < 1
        assert "of the length that the video file states are missing" in warnings(reader)


BAD_NUMBERS = [float("nan"), float("inf"), float("-inf"), -5.0, 1e300]


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize("name", ["a.flv", "a.mkv"])
def test_a_length_that_is_no_number_is_no_length(tmp_path: Path, name: str, number: float) -> None:
    frames = [numbered_luma(n) for n in range(50)]
    path = write_video(tmp_path / name, frames)
    content = bytearray(path.read_bytes())
    # In Matroska it is element 0x4489, of 8 bytes.
    mark, length = (b"duration", 9) if name == "a.flv" else (b"\x44\x89\x88", 3)
    at = content.index(mark) + length
    content[at : at + 8] = struct.pack(">d", number)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        assert reader.frame_count == 50
        assert reader.info.fps == 25
        assert reader.info.duration >= 0
        assert np.isfinite(reader.timestamps).all()
