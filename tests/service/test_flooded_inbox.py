"""A flooded inbox keeps nobody waiting but its owner: what a scan looks at closely is limited."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from heygem_daemon.service import folders
from heygem_daemon.service.claims import Claims
from heygem_daemon.service.folder_views import NOT_EXAMINED
from heygem_daemon.service.folders import ENTRIES_A_FOLDER, FolderIntake
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.loop import Service
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.prober import FileVersion, Prober
from heygem_daemon.spool import inbox
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.settle import MAX_LOOKS, Settler
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness

FLOOD = 3 * MAX_LOOKS
FEW = 8


def file(owner: int, number: int) -> FileEntry:
    return FileEntry(Path(f"/inbox/{owner}-{number}.mp4"), "video", 9, 1, 1, number, 1, owner)


def test_one_owner_s_files_are_looked_at_in_several_scans() -> None:
    looked: list[Path] = []

    def can_open(path: Path) -> bool:
        looked.append(path)
        return True

    settler = Settler(5.0, can_open=can_open)
    flood = [file(1, number) for number in range(FLOOD)]
    honest = file(2, FLOOD)
    snapshot = FolderSnapshot((*flood, honest))
    for second in range(5):
        settler.observe(snapshot, second)
    looked.clear()
    assert honest.path in settler.observe(snapshot, 5).settled
    assert len(looked) == MAX_LOOKS + 1
    for second in range(6, 8):
        result = settler.observe(snapshot, second)
    assert len(result.settled) == FLOOD + 1


def test_a_file_with_a_partner_is_looked_at_before_its_owner_s_other_files() -> None:
    looked: list[Path] = []

    def looks_complete(path: Path) -> bool:
        looked.append(path)
        return False

    settler = Settler(5.0, looks_complete=looks_complete)
    flood = [file(1, number) for number in range(10 * FLOOD)]
    partner = file(1, 10 * FLOOD)
    snapshot = FolderSnapshot((*flood, partner))
    settler.prefer({partner.path})
    for second in range(5):
        settler.observe(snapshot, second)
    assert partner.path in looked


def test_files_are_looked_at_in_the_order_of_their_arrival() -> None:
    """Whatever order the folder lists them in: who came first is examined first."""
    looked: list[Path] = []

    def looks_complete(path: Path) -> bool:
        looked.append(path)
        return False

    settler = Settler(5.0, looks_complete=looks_complete)
    files = [replace(file(1, number), ctime_ns=number) for number in range(30)]
    for second in range(5):
        settler.observe(FolderSnapshot(tuple(files[::-1])), second)
    assert looked[:30] == [each.path for each in files]


def test_files_that_never_settle_do_not_keep_others_of_their_owner_back() -> None:
    held = [file(1, number) for number in range(FLOOD)]
    last = file(1, FLOOD)
    settler = Settler(5.0, is_open_for_writing=lambda path: path != last.path)
    snapshot = FolderSnapshot((*held, last))
    rounds = 2 * FLOOD // MAX_LOOKS + 8
    assert any(last.path in settler.observe(snapshot, now).settled for now in range(rounds))


def test_what_waits_to_be_examined_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def lstat(path: Path) -> os.stat_result:
        looked.append(path.name)
        return os.lstat(path)

    versions: list[FileVersion] = []
    for number in range(FEW):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(b"x")
        versions.append((path, path.lstat().st_mtime_ns, 1))
    prober = Prober((sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(Path, "lstat", lstat)
    try:
        for _ in range(FEW):
            for version in versions:
                prober.examine(version, 1000)
    finally:
        prober.close()
    assert len(looked) <= FEW


def test_the_next_file_is_examined_without_a_scan(tmp_path: Path) -> None:
    note, versions = tmp_path / "note", list[FileVersion]()
    for number in range(FEW):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(b"x")
        versions.append((path, path.lstat().st_mtime_ns, 1))
    code = f"import sys; open({str(note)!r}, 'a').write('x')"
    prober = Prober((sys.executable, "-S", "-c", code))
    try:
        for version in versions:
            prober.examine(version, 1000)
        deadline = time.monotonic() + 60
        while not note.exists() or len(note.read_text()) < FEW:
            assert time.monotonic() < deadline
            prober.advance()
            time.sleep(0.02)
    finally:
        prober.close()


def test_every_round_lets_the_probes_go_on(harness: ServiceHarness) -> None:
    calls: list[float] = []
    harness.configure(scan_seconds=60)
    harness.advance_probes = lambda: calls.append(harness.clock.now)
    harness.run_rounds(harness.service(), 2.0)
    assert len(calls) >= 7


def test_no_status_entry_is_made_for_what_the_status_does_not_list() -> None:
    many = tuple(InboxNotice(str(number), "waits", number == 0) for number in range(FLOOD))
    view = InboxView(waiting=many)
    listed = view.list_entries(2)
    assert [(each.name, each.waits_for) for each in listed] == [("0", "attention"), ("1", "upload")]
    assert view.entry_count == FLOOD


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were looked into."""
    looked: list[str] = []

    def scan(folder: Path, limit: int) -> FolderSnapshot:
        looked.append(folder.name)
        return inbox.scan(folder, limit=limit)

    monkeypatch.setattr(folders, "scan_tree", scan)
    return looked


def test_every_folder_has_its_turn(tmp_path: Path, looks: list[str]) -> None:
    names = [f"batch-{number:02d}" for number in range(20)]
    for name in names:
        (tmp_path / name).mkdir()
    intake = FolderIntake(
        tmp_path,
        lambda: Settler(5.0),
        5.0,
        60.0,
        100,
        lambda _path: None,
        ItemFaults(),
        entries_a_scan=8 * ENTRIES_A_FOLDER,
    )
    views = intake.scan(names, {}, 0.0)
    assert looks == names[:8]
    assert [view.notice.reason for view in views if view.notice].count(NOT_EXAMINED) == 12
    intake.scan(names, {}, 1.0)
    intake.scan(names, {}, 2.0)
    assert looks == [*names, *names[:4]]


def test_a_large_folder_uses_up_later_scans_of_its_owner(tmp_path: Path, looks: list[str]) -> None:
    folder = tmp_path / "batch"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number}.wav").touch()
    intake = FolderIntake(
        tmp_path,
        lambda: Settler(5.0),
        5.0,
        60.0,
        100,
        lambda _path: None,
        ItemFaults(),
        entries_a_scan=20,
    )
    for second in range(6):
        intake.scan(["batch"], {}, second)
    assert looks == ["batch"] * 2


def test_short_jobs_follow_each_other_between_two_scans(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.drop(*(f"{number}.{suffix}" for number in range(8) for suffix in ("wav", "mp4")))
    service = harness.service()
    claims = scanned(harness, service)
    assert len(claims.view.ready) == 8
    monkeypatch.setattr(claims, "scan", lambda _now: None)
    harness.run_rounds(service, 20)
    assert len(harness.executor.submitted) == 8


def scanned(harness: ServiceHarness, service: Service | None = None) -> Claims:
    """Return a service's claims when what is in the inbox has settled, and nothing is claimed."""
    service = service or harness.service()
    service.run_round()
    claims = service._claims
    assert claims is not None
    for _ in range(4):
        harness.clock.now += 50
        claims.scan(harness.clock.now)
    return claims


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "talk.mp4").write_bytes(b"another"),
        lambda folder: (folder / "talk.toml").write_text("crf = 30"),
        lambda folder: (folder / "Talk.mov").write_bytes(b"a second video"),
        lambda folder: (folder / "talk.wav").unlink(),
    ],
    ids=["content", "sidecar", "second video", "gone"],
)
def test_rule_6_a_claim_takes_nothing_that_changed_since_the_scan(
    harness: ServiceHarness, change: Callable[[Path], object]
) -> None:
    harness.drop("talk.wav", "talk.mp4")
    claims = scanned(harness)
    assert [each.name for each in claims.view.ready] == ["talk"]
    change(harness.spool.inbox)
    claims.claim(harness.clock.now)
    assert harness.processing() == 0
    assert claims.view.settling


def test_a_claim_looks_at_its_own_files_alone(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.drop_batch("show", "1.wav", "1.mp4")
    claims = scanned(harness)
    monkeypatch.setattr(claims, "scan", lambda _now: pytest.fail("the whole inbox is scanned"))
    claims.claim(harness.clock.now)
    assert harness.processing() == 2


def test_page_and_log_say_once_that_an_inbox_is_crowded(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SAMPLED", 5)
    monkeypatch.setattr("heygem_daemon.service.intake.scan", partial(inbox.scan, limit=20))
    harness.drop(*(f"{number}.wav" for number in range(60)))
    service = harness.service()
    harness.run_rounds(service, 20.0)
    told = [each.reason for each in harness.status().inbox if each.name == "inbox"]
    assert [reason[:36] for reason in told] == ["holds more than 100000 names: only a"]
    assert harness.logged("holds more than 100000 names") == 1


def test_of_many_pairs_at_once_the_first_starts_first(harness: ServiceHarness) -> None:
    """Early probes take several scans for them, and say nothing of whose turn it is then."""
    service = harness.service()
    harness.run_rounds(service, 1)
    harness.executor.answer = keep_running
    for number in range(FLOOD):
        harness.drop(f"{number:04}.wav", f"{number:04}.mp4")
    harness.run_rounds(service, 8)
    assert [each.name for each in harness.status().jobs[:2]] == ["0000", "0001"]
