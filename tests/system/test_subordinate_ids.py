"""Who stands behind a user id."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.system import subordinate_ids
from heygem_daemon.system.subordinate_ids import holder_of

FREE = 3_000_000_000
"""No account of any machine that runs this has ids from here on."""


@pytest.fixture(autouse=True)
def subuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "subuid"
    monkeypatch.setattr(subordinate_ids, "SUBUID", file)
    holder_of.cache_clear()
    yield file
    holder_of.cache_clear()


def test_a_subordinate_id_is_that_of_its_user(subuid: Path) -> None:
    subuid.write_text(f"root:{FREE}:10\n4711:{FREE + 10}:10\nno-such-user-x:{FREE + 20}:10\n")
    found = [holder_of(FREE + offset) for offset in (0, 9, 10, 19, 20, 29, 30)]
    assert found == [0, 0, 4711, 4711, FREE + 20, FREE + 20, FREE + 30]


def test_an_account_in_such_a_range_is_a_person_of_its_own(subuid: Path) -> None:
    subuid.write_text("4711:0:65536\n")
    assert holder_of(os.getuid()) == os.getuid()


@pytest.mark.parametrize("text", ["", "x\n", "a:b:c\n", f"root:{FREE}:\n", f"root::{FREE}\n:::\n"])
def test_what_is_no_line_of_it_counts_for_nothing(subuid: Path, text: str) -> None:
    subuid.write_text(text)
    assert holder_of(FREE) == FREE
    subuid.unlink()
    assert holder_of(FREE + 1) == FREE + 1
