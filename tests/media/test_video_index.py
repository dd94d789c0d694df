"""Videos are indexed from their packets, or by decoding."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.index_builder import build_index

MakeFile = Callable[..., Path]


def test_reordered_pictures_are_indexed_as_they_are_shown(make_video: MakeFile) -> None:
    index = build_index(
        make_video("a.mp4", 40, options={"g": "10", "bf": "3", "sc_threshold": "0"})
    )
    assert len(index) == 40
    assert index.timestamps.tolist() == [number / 25 for number in range(40)]
    assert index.keyframes[:, 0].tolist() == [0, 10, 20, 30]
    assert [index.keyframe_row_before(i) for i in (0, 9, 10, 39)] == [0, 0, 1, 3]


def test_variable_times_are_kept(make_video: MakeFile) -> None:
    times = [0, 10, 500, 520]
    index = build_index(make_video("a.mkv", 4, times=times))
    assert [Fraction(int(t)) * index.time_base * 1000 for t in index.pts] == times


def test_containers_without_presentation_times_are_decoded(make_video: MakeFile) -> None:
    index = build_index(make_video("a.avi", 30, options={"bf": "2"}))
    assert len(index) == 30
    assert not index.has_timestamps
    assert len(index.keyframes) == 0
    assert index.keyframe_row_before(20) == -1


def test_times_between_pictures_belong_to_the_earlier_one(make_video: MakeFile) -> None:
    index = build_index(make_video("a.mp4", 3))
    first, second = index.pts[:2].tolist()
    assert index.picture_at(first - 1) == -1
    assert index.picture_at(first) == 0
    assert index.picture_at(second - 1) == 0
    assert index.picture_at(second + 10**9) == 2


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_half_a_file_is_detected_by_its_announced_length(make_video: MakeFile, name: str) -> None:
    path = make_video(name, 100, "mjpeg", pix_fmt="yuvj420p")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match="truncated"):
        build_index(path)
