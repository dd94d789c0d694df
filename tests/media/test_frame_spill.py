"""Pictures are stored on disk and read back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.media.frame_spill import FrameSpill
from heygem_daemon.media.picture import ColourTags, Picture

DiskOf = Callable[[int], AbstractContextManager[None]]

TAGS = ColourTags(1, 1, 1, full_range=True)


def noise(index: int, width: int = 33, height: int = 21) -> Picture:
    random = np.random.default_rng(index)
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (
        random.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), half, half)
    )
    return Picture(index, y, u, v, TAGS)


def same(one: Picture, other: Picture) -> bool:
    planes = zip((one.y, one.u, one.v), (other.y, other.u, other.v), strict=True)
    same_labels = (one.index, one.colour) == (other.index, other.colour)
    return same_labels and all(np.array_equal(a, b) for a, b in planes)


def test_pictures_come_back_as_they_were_in_any_order(tmp_path: Path) -> None:
    with FrameSpill(tmp_path, 33, 21, TAGS) as spill:
        spill.write(map(noise, range(5, 9)))
        assert all(same(spill.read(index), noise(index)) for index in (8, 5, 7, 6, 8))


def test_planes_whose_rows_lie_apart_come_back(tmp_path: Path) -> None:
    wide = noise(3, width=48)
    part = Picture(3, wide.y[:, :33], wide.u[:, :17], wide.v[:, :17], TAGS)
    with FrameSpill(tmp_path, 33, 21, TAGS) as spill:
        spill.write([part])
        assert same(spill.read(3), part)


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    with FrameSpill(tmp_path, 33, 21, TAGS) as spill:
        spill.write(map(noise, range(4)))
        spill.write(map(noise, (9, 10)))
        assert [index for index in range(12) if index in spill] == [9, 10]
        assert same(spill.read(10), noise(10))


def test_its_file_has_no_name_and_none_is_made_before_it_is_needed(tmp_path: Path) -> None:
    with FrameSpill(tmp_path / "missing", 33, 21, TAGS) as spill:
        assert 3 not in spill
    with FrameSpill(tmp_path, 33, 21, TAGS) as spill:
        spill.write([noise(3)])
        assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_no_fault_of_the_job(tmp_path: Path, disk_of: DiskOf) -> None:
    with FrameSpill(tmp_path, 33, 21, TAGS) as spill, disk_of(100_000):  # noqa: SIM117
        with pytest.raises(SpoolUnavailable, match="cannot be written"):
            spill.write(map(noise, range(200)))
