import os
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.system.disk_space import (
    DiskSpace,
    describe_shortage,
    format_bytes,
    read_disk_space,
)
from heygem_daemon.system.units import GIB, MIB

SPACE = DiskSpace(free_bytes=5 * GIB, total_bytes=10 * GIB, free_inodes=7, total_inodes=9)


def test_the_room_is_what_this_user_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = (10 * GIB // 4096, 6 * GIB // 4096, 5 * GIB // 4096)
    figures = os.statvfs_result((1 << 20, 4096, *blocks, 9, 8, 7, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: figures)
    assert read_disk_space(tmp_path) == SPACE


def test_room_that_is_used_up_to_the_last_byte_is_room() -> None:
    assert SPACE.has_room(5 * GIB)
    assert not SPACE.has_room(5 * GIB + 1)


def test_a_file_system_that_keeps_no_account_counts_as_having_room() -> None:
    assert replace(SPACE, free_bytes=0, total_bytes=0).has_room(GIB)


def test_a_shortage_names_all_three_figures() -> None:
    assert describe_shortage("the next job", 3 * GIB, GIB // 2, 2 * GIB) == (
        "the next job needs about 3.00 GiB; the spool's disk has 0.50 GiB free, of which 2.00 GiB"
        " must stay free (free_space_gib)"
    )
    assert "has 0 MiB free" in describe_shortage("the next job", GIB, -GIB, GIB)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MiB"), (1, "1 MiB"), (100 * MIB, "100 MiB"), (GIB // 4, "0.25 GiB")],
)
def test_sizes_are_given_in_the_fitting_unit(size: int, text: str) -> None:
    assert format_bytes(size) == text
