"""When a file in the inbox is completely written."""

import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.open_files import is_open_for_writing
from heygem_daemon.spool.settle import MAX_FAULTS, RETRY_SECONDS, Settler

FILE = FileEntry(Path("/inbox/talk.mp4"), "video", 1000, 10, 10, 7, 1)


def _observe(settler: Settler, entry: FileEntry, now: float, ready: str = "") -> bool:
    snapshot = FolderSnapshot((entry,), frozenset({ready} if ready else ()))
    return entry.path in settler.observe(snapshot, now).settled


def _first_settled(settler: Settler, entry: FileEntry, until: int = 1000) -> int | None:
    return next((now for now in range(until) if _observe(settler, entry, now)), None)


def test_rule_6_settled_after_the_quiet_period() -> None:
    assert _first_settled(Settler(5.0), FILE) == 5


def test_rule_6_settled_needs_several_scans_however_long_the_pause_between_them() -> None:
    settler = Settler(5.0, min_scans=2)
    assert not _observe(settler, FILE, 0)
    assert not _observe(settler, FILE, 100)
    assert _observe(settler, FILE, 101)


def test_rule_6_any_change_starts_the_quiet_period_anew() -> None:
    changes = [
        replace(FILE, size=2000),
        replace(FILE, mtime_ns=11),
        replace(FILE, inode=8),
        replace(FILE, ctime_ns=12),
    ]
    for changed in changes:
        settler = Settler(5.0)
        assert not any(_observe(settler, FILE, now) for now in range(4))
        assert not any(_observe(settler, changed, now) for now in range(4, 9))
        assert _observe(settler, changed, 9)


def test_a_settled_file_that_changes_is_unsettled() -> None:
    settler = Settler(1.0)
    assert _first_settled(settler, FILE) is not None
    assert not _observe(settler, replace(FILE, size=1), 50)


def test_rule_6_the_files_own_times_are_never_compared_with_a_clock() -> None:
    for mtime in (0, 10**30):
        assert _first_settled(Settler(5.0), replace(FILE, mtime_ns=mtime)) == 5


def test_rule_6_a_ready_marker_settles_at_once() -> None:
    assert _observe(Settler(60.0), FILE, 0, ready="talk.mp4")
    assert _observe(Settler(60.0), FILE, 0, ready="talk")
    assert not _observe(Settler(60.0), FILE, 0, ready="other")


def test_an_empty_file_waits_long_but_not_for_ever() -> None:
    empty = replace(FILE, size=0)
    assert _first_settled(Settler(5.0, long_patience=12), empty) == 60


def test_rule_9_a_held_file_waits_and_says_so() -> None:
    held = True
    settler = Settler(2.0, can_open=lambda _path: not held)
    assert not any(_observe(settler, FILE, now) for now in range(10))
    assert (
        "opened"
        in settler.observe(FolderSnapshot((FILE,), frozenset()), 10).waiting_reasons[FILE.path]
    )
    held = False
    assert _observe(settler, FILE, 11)


def test_a_file_that_looks_incomplete_gets_a_longer_patience() -> None:
    settler = Settler(5.0, patience=6, looks_complete=lambda _path: False)
    assert _first_settled(settler, FILE) == 30


def test_growth_resets_the_longer_patience_too() -> None:
    settler = Settler(5.0, patience=6, looks_complete=lambda _path: False)
    assert not any(_observe(settler, FILE, now) for now in range(29))
    grown = replace(FILE, size=1001)
    assert not any(_observe(settler, grown, now) for now in range(29, 59))
    assert _observe(settler, grown, 59)


def _recording_probe(answer: bool | None) -> tuple[list[Path], Callable[[Path], bool | None]]:
    probed: list[Path] = []

    def probe(path: Path) -> bool | None:
        probed.append(path)
        return answer

    return probed, probe


def test_the_probe_runs_once_per_quiet_period() -> None:
    probed, probe = _recording_probe(False)
    settler = Settler(5.0, patience=6, looks_complete=probe)
    assert _first_settled(settler, FILE) == 30
    assert len(probed) == 6  # for the first time halfway through


def test_a_probe_without_an_answer_is_called_again() -> None:
    probed, probe = _recording_probe(None)
    settler = Settler(5.0, looks_complete=probe)
    for now in range(8):
        assert not _observe(settler, FILE, now)
    assert len(probed) == 5


def test_the_probes_answer_is_there_when_the_file_is_quiet() -> None:
    answers: list[bool | None] = [None, True]
    settler = Settler(5.0, looks_complete=lambda _path: answers.pop(0))
    assert _first_settled(settler, FILE) == 5


def test_a_file_open_for_writing_is_not_probed() -> None:
    probed, probe = _recording_probe(True)
    settler = Settler(5.0, looks_complete=probe, is_open_for_writing=lambda _path: True)
    for now in range(100):
        assert not _observe(settler, FILE, now)
    assert probed == []


def test_files_that_are_gone_are_forgotten() -> None:
    settler = Settler(5.0)
    for now in range(5):
        _observe(settler, FILE, now)
    settler.observe(FolderSnapshot((), frozenset()), 5)
    found = settler.observe(FolderSnapshot((FILE,), frozenset()), 6)
    assert not found.settled
    assert found.age_seconds[FILE.path] == 0


def test_ages_count_from_the_first_scan_through_changes() -> None:
    settler = Settler(5.0)
    settler.observe(FolderSnapshot((FILE,), frozenset()), 100)
    grown = replace(FILE, size=5)
    assert settler.observe(FolderSnapshot((grown,), frozenset()), 107).age_seconds[FILE.path] == 7


def test_rule_3_scans_alone_settle_a_file_without_any_event(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"whole")
    settler = Settler(2.0)
    found = [settler.observe(scan(tmp_path), now).settled for now in range(4)]
    assert [len(settled) for settled in found] == [0, 0, 1, 1]


def test_rule_4_files_that_were_there_at_the_start_settle_like_any_other() -> None:
    old = replace(FILE, mtime_ns=0, ctime_ns=0)
    assert not _observe(Settler(5.0), old, 0)


def test_rule_6_a_slow_writer_that_pauses_is_not_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    settler = Settler(5.0)
    settled_at = []
    for now in range(40):
        if now < 24 and now % 4 == 0:  # a block, then a pause shorter than the quiet period
            with path.open("ab") as file:
                file.write(b"block")
        if path in settler.observe(scan(tmp_path), now).settled:
            settled_at.append(now)
    assert settled_at[0] == 25


@pytest.mark.parametrize("draft", ["talk.mp4.part", "talk.mp4.filepart", ".talk.mp4.Xa3b9Z"])
def test_rule_6_a_rename_from_a_temporary_name_settles_at_once(tmp_path: Path, draft: str) -> None:
    part = tmp_path / draft
    part.write_bytes(b"who")
    settler = Settler(5.0)
    for now in range(20):
        assert settler.observe(scan(tmp_path), now).settled == frozenset()
    part.write_bytes(b"whole")
    part.rename(tmp_path / "talk.mp4")
    assert settler.observe(scan(tmp_path), 20).settled == {tmp_path / "talk.mp4"}


def test_a_renamed_file_that_looks_incomplete_or_is_written_still_waits(tmp_path: Path) -> None:
    part = tmp_path / "talk.mp4.part"
    part.write_bytes(b"half")
    for doubts in (
        {"looks_complete": lambda _path: False},
        {"is_open_for_writing": lambda _path: True},
    ):
        settler = Settler(5.0, **doubts)  # type: ignore[arg-type]
        settler.observe(scan(tmp_path), 0)
        part.rename(tmp_path / "talk.mp4")
        assert settler.observe(scan(tmp_path), 1).settled == frozenset()
        (tmp_path / "talk.mp4").rename(part)


def test_a_file_that_only_got_a_drafts_inode_waits_like_any_other() -> None:
    settler = Settler(5.0)
    settler.observe(FolderSnapshot((), draft_sizes={FILE.inode: FILE.size + 1}), 0)
    assert not _observe(settler, FILE, 1)


def test_rule_6_an_old_marker_does_not_count_for_a_new_file() -> None:
    settler = Settler(5.0)
    settler.observe(FolderSnapshot((), frozenset({"talk"})), 0)
    assert _first_settled_from(settler, FILE, 1, "talk") == 6


def test_rule_6_a_marker_does_not_count_for_later_changes() -> None:
    settler = Settler(5.0)
    assert _observe(settler, FILE, 0, ready="talk")
    assert _first_settled_from(settler, replace(FILE, size=2000), 1, "talk") == 6


def test_rule_6_a_marker_after_the_file_counts() -> None:
    settler = Settler(5.0)
    assert not _observe(settler, FILE, 0)
    assert _observe(settler, FILE, 1, ready="talk")


def test_rule_6_a_writer_that_pauses_for_ever_is_never_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    settler = Settler(5.0, is_open_for_writing=is_open_for_writing)
    with path.open("wb") as upload:
        upload.write(b"half")
        upload.flush()
        if not is_open_for_writing(path):
            pytest.skip("this file system grants no leases")
        for now in range(500):
            found = settler.observe(scan(tmp_path), now)
            assert found.settled == frozenset()
        assert "open for writing" in found.waiting_reasons[path]
    assert settler.observe(scan(tmp_path), 501).settled == {path}


def test_rule_6_a_replaced_file_settles_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    settler = Settler(5.0)
    path.write_bytes(b"first")
    times = path.stat()
    for now in range(4):
        assert settler.observe(scan(tmp_path), now).settled == frozenset()
    other = tmp_path / ".other"
    other.write_bytes(b"other")  # of the same length, with the same times
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    settled = [settler.observe(scan(tmp_path), now).settled for now in range(4, 10)]
    assert [len(each) for each in settled] == [0, 0, 0, 0, 0, 1]


def _first_settled_from(settler: Settler, entry: FileEntry, start: int, ready: str) -> int | None:
    times = range(start, start + 100)
    return next((now for now in times if _observe(settler, entry, now, ready)), None)


def test_a_file_that_raises_rests_before_it_is_examined_again() -> None:
    examined: list[int] = []
    second = [0]

    def is_open(_path: Path) -> bool:
        examined.append(second[0])
        raise OSError

    settler = Settler(5.0, is_open_for_writing=is_open)
    results = []
    for second[0] in range(60):
        results.append(settler.observe(FolderSnapshot((FILE,)), second[0]))
    pauses = {later - earlier for earlier, later in itertools.pairwise(examined)}
    assert pauses == {RETRY_SECONDS}
    given_up = examined[MAX_FAULTS - 1]
    assert [each.is_settling for each in results] == [now < given_up for now in range(60)]
    assert all(each.settled == frozenset() for each in results)
    assert "cannot be examined" in results[-1].waiting_reasons[FILE.path]


def test_a_file_that_raised_is_examined_at_once_when_it_has_changed() -> None:
    faulty = {FILE}

    def complete(_path: Path) -> bool:
        if FILE in faulty:
            raise OSError
        return True

    settler = Settler(5.0, looks_complete=complete)
    assert not any(_observe(settler, FILE, now) for now in range(8))
    faulty.clear()
    changed = replace(FILE, size=2000)
    assert next(now for now in range(8, 100) if _observe(settler, changed, now)) == 13


def test_what_is_hurried_is_looked_at_before_all_others_of_its_owner() -> None:
    settler = Settler(1.0)
    settler.limit_looks(1)
    entries = tuple(replace(FILE, path=Path(f"/inbox/{each}.mp4")) for each in "abc")
    settler.prefer({entries[1].path})
    settler.hurry({entries[2].path})
    found = [settler.observe(FolderSnapshot(entries), now) for now in range(5)]
    settled = [sorted(path.stem for path in each.settled) for each in found]
    assert settled[2:] == [["c"], ["b", "c"], ["a", "b", "c"]]


def test_a_quiet_file_that_waits_for_its_check_is_doubtful() -> None:
    is_open = True
    settler = Settler(1.0, looks_complete=lambda _path: None, is_open_for_writing=lambda _: is_open)
    snapshot = FolderSnapshot((FILE,))
    assert [bool(settler.observe(snapshot, now).doubtful) for now in range(4)] == [False] * 4
    is_open = False
    assert settler.observe(snapshot, 4).doubtful == {FILE.path}
    assert settler.observe(FolderSnapshot((replace(FILE, size=5),)), 5).doubtful == frozenset()
