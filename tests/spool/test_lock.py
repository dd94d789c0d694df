"""The lock of a spool: one owner, who notices that it has lost the lock."""

import os
from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolBusy
from heygem_daemon.spool.lock import hold_lock, lock_holder
from heygem_daemon.spool.spool import Spool

OTHER = "process 7 on render-2, since 2026-11-28 23:00:00 +0000 (0badcafe)\n"


def test_an_owner_that_nobody_replaced_keeps_the_lock(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock", 0.0) as held:
        held.require()
        assert held.is_in_place()
        assert f"process {os.getpid()} on" in str(lock_holder(tmp_path / "lock"))
        assert "(" not in str(lock_holder(tmp_path / "lock")).split("since")[1]
    assert (tmp_path / "lock").read_text() == ""


def test_an_owner_whose_lock_a_server_gave_away_is_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path, 0.0) as held:
        path.write_text(OTHER)
        with pytest.raises(SpoolBusy, match=r"taken over this spool: process 7 on render-2"):
            held.require()
    assert path.read_text() == OTHER, "the new owner's line stays"


def test_an_owner_that_was_replaced_by_one_that_left_again_is_none_any_more(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock", 0.0) as held:
        (tmp_path / "lock").write_text("")
        with pytest.raises(SpoolBusy, match="an unknown process"):
            held.require()


def test_a_second_life_of_the_same_process_is_another_owner(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock", 0.0) as first:
        pass
    with hold_lock(tmp_path / "lock", 0.0) as second:
        assert first.owner != second.owner


def test_another_disk_in_the_spools_place_is_no_other_owner(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold_lock(path, 0.0) as held:
        path.rename(tmp_path / "elsewhere")
        held.require()
        path.write_text(OTHER)
        held.require()
        assert not held.is_in_place()


def test_a_daemon_without_the_lock_moves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    with spool.lock():
        (spool.state / "lock").write_text(OTHER)
        with pytest.raises(SpoolBusy):
            spool.recover()
        with pytest.raises(SpoolBusy):
            spool.latest_published()
    spool.recover()  # commands that need no lock go on
