"""Parts of pictures come back as they were, and where there is no room, nothing else fails."""

from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.media.kept_crops import Corners, KeptCrops
from heygem_daemon.media.picture import ColourTags, Picture


def noise(index: int, width: int = 63, height: int = 47) -> Picture:
    random = np.random.default_rng(index)
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (random.integers(0, 256, size, np.uint8) for size in ((height, width), half, half))
    return Picture(index, y, u, v, ColourTags(matrix=6))


def assert_same(one: Picture | None, other: Picture) -> None:
    assert one is not None
    assert (one.index, one.colour) == (other.index, other.colour)
    for name in ("y", "u", "v"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_part_comes_back_as_it_was_cut_from_the_picture(tmp_path: Path) -> None:
    kept = KeptCrops(tmp_path)
    for index in (0, 3, 5):
        kept.add(noise(index), Corners(-7, 5, 41, 100))
    for corners in (Corners(0, 4, 40, 47), Corners(2, 10, 38, 30), Corners(0, 6, 42, 40)):
        assert_same(kept.find(3, corners), noise(3).crop(*corners))
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_kept_is_not_found(tmp_path: Path) -> None:
    kept = KeptCrops(tmp_path)
    kept.add(noise(1), Corners(10, 10, 30, 30))
    kept.add(noise(2), Corners(100, 100, 120, 120))
    assert kept.find(1, Corners(8, 10, 30, 30)) is None
    assert kept.find(1, Corners(10, 10, 30, 34)) is None
    assert kept.find(2, Corners(0, 0, 2, 2)) is None


def test_each_of_two_parts_of_a_picture_is_found(tmp_path: Path) -> None:
    kept = KeptCrops(tmp_path)
    for left in (0, 32):
        kept.add(noise(1), Corners(left, 0, left + 20, 20))
    for left in (0, 32):
        corners = Corners(left + 2, 2, left + 18, 18)
        assert_same(kept.find(1, corners), noise(1).crop(*corners))


def test_nothing_more_is_kept_where_there_is_no_room(tmp_path: Path) -> None:
    kept = KeptCrops(tmp_path, limit_bytes=1000)
    corners = Corners(0, 0, 24, 24)
    for index in range(3):
        kept.add(noise(index), corners)
    assert_same(kept.find(0, corners), noise(0).crop(*corners))
    assert kept.find(1, corners) is None
    assert kept.find(2, corners) is None


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    kept = KeptCrops(tmp_path / "gone")
    kept.add(noise(0), Corners(0, 0, 20, 20))
    assert kept.find(0, Corners(0, 0, 20, 20)) is None


@pytest.mark.parametrize("step", [1, 2])
def test_only_even_corners_are_kept(tmp_path: Path, step: int) -> None:
    kept = KeptCrops(tmp_path)
    kept.add(noise(0), Corners(3 * step, 5 * step, 9 * step, 11 * step))
    corners = Corners(4 * step // 2 * 2, 6 * step // 2 * 2, 8 * step, 10 * step)
    assert_same(kept.find(0, corners), noise(0).crop(*corners))
