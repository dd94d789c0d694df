"""``status``: with a daemon that works, and with one that is stopped, hung or blocked."""

import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli import status as status_module
from heygem_daemon.cli.liveness import require_answer
from heygem_daemon.cli.output import speaking
from heygem_daemon.cli.status_tables import (
    inbox_rows,
    print_tables,
    progress_text,
    running_rows,
    waiting_rows,
)
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.page.renderer import PageRenderer
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.report.notification_status import NotificationStatus, SilentTarget
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.report.status_file import write_status
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.processes import Activity, ProcessState

if TYPE_CHECKING:
    from tests.cli.conftest import Program

NOBODY = (1 << 22) - 1
"""The highest id that a process can have; none has it."""


@pytest.fixture
def spool(program: "Program") -> Spool:
    spool = Spool(program.spool)
    spool.prepare()
    return spool


def _status(age: float, **fields: object) -> Status:
    now = time.time()
    return Status(
        version="1", pid=NOBODY, state="working", started=now - 3600, written=now - age,
        spool="/spool", engine="auto", device="auto",
    ).model_copy(update=fields)  # fmt: skip


def _fill(program: "Program", spool: Spool) -> str:
    """Claim a pair that has two finished chunks, and drop others. Return the job's id."""
    program.drop("claimed")
    (pair,) = pair_files(scan(spool.inbox).entries).pairs
    job = spool.begin_attempt(spool.claim(pair))
    for number in range(2):
        (job.workspace / f"segment-{number:04}.mp4").write_bytes(b"x")
    for name in ("first", "second"):
        program.drop(name)
        time.sleep(0.01)
    (spool.inbox / "second.toml").write_text("priority = 5\n")
    (spool.inbox / "alone.wav").write_bytes(b"x")
    (spool.inbox / "talks.mp4").write_bytes(b"x")
    (spool.inbox / "talks.toml").write_text('audio = "own"\n')
    for name in ("empty", "show"):
        (spool.inbox / name).mkdir()
    for name in ("1.wav", "1.mp4"):
        (spool.inbox / "show" / name).write_bytes(b"x")
    (spool.inbox / "old.cancel").mkdir()  # no batch
    return job.id


def test_targets_that_take_no_notifications_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    silent = (SilentTarget(name="hook", reason="the answer is HTTP status 503"),)
    status_module._print_notifications(
        _status(0, notifications=NotificationStatus(waiting=3, silent=silent))
    )
    assert capsys.readouterr().out.splitlines() == [
        "hook does not take notifications: the answer is HTTP status 503.",
        "Notifications that wait: 3.",
    ]
    status_module._print_notifications(_status(0, notifications=NotificationStatus(waiting=1)))
    status_module._print_notifications(_status(0))
    assert capsys.readouterr().out == ""


def test_a_stopped_daemons_jobs_are_read_from_the_spool_in_their_order(
    program: "Program", spool: Spool
) -> None:
    job_id = _fill(program, spool)
    known = JobStatus(id=job_id, name="claimed", state="running", chunks=5, left_seconds=90)
    write_status(_status(40, jobs=(known,)), spool.state / "status.json")
    done = program("status")
    assert done.returncode == 3
    assert done.stdout.startswith(f"No daemon is running on {program.spool}. The last one reported")
    assert "4 pairs wait, 1 folder waits, 2 files are not complete." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    places = [row[:2] for row in rows if row and row[0].isdigit() and row[1] != "pairs"]
    assert places == [
        ["1", "claimed"], ["2", "second"], ["3", "first"], ["4", "talks"], ["5", "show/"]
    ]  # fmt: skip
    assert f"claimed  {job_id}" in done.stdout
    assert "chunks finished: 2 of 5" in done.stdout
    assert "has no video of the same name" in done.stdout
    assert "is a folder that holds neither audio nor video" in done.stdout
    state = json.loads(program("status", "--json").stdout)
    assert (state["running"], state["condition"]) == (False, "stopped")
    assert [job["id"] for job in state["spool"]["jobs"]] == [job_id]


def test_the_inboxes_of_hot_folders_are_read_too(program: "Program", spool: Spool) -> None:
    for folder, name in (("", "first"), ("anna/", "second"), ("", "third")):
        (spool.inbox / folder).mkdir(exist_ok=True)
        for extension in (".wav", ".mp4"):
            (spool.inbox / f"{folder}{name}{extension}").write_bytes(b"x")
            time.sleep(0.01)
    (spool.inbox / "anna" / "alone.wav").write_bytes(b"x")
    file = program.spool.parent / "config.toml"
    file.write_text("[folders.anna]\nface = 'left'\n[folders.none]\n")
    read = json.loads(program("status", "--json", "--config", str(file)).stdout)["spool"]
    names = [each["name"] for each in read["inbox"]]
    assert names == ["anna/alone.wav", "first", "anna/second", "third"]
    assert (read["backlog"]["pairs"], read["backlog"]["folders"]) == ({"turn": 3}, 0)


@pytest.mark.parametrize(
    ("activity", "condition", "words"),
    [
        ("runs", "hung", "hangs. Its process 77 has reported nothing for 5 min."),
        ("is suspended", "hung", "`kill -CONT 77`"),
        ("waits for a disk", "blocked", "is blocked. Its process 77"),
    ],
)
def test_a_daemon_that_hangs_or_is_blocked_is_told_from_a_stopped_one(
    program: "Program",
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    activity: Activity,
    condition: str,
    words: str,
) -> None:
    write_status(_status(300, pid=77), spool.state / "status.json")
    process = ProcessState(77, activity, time.time() - 3600)
    monkeypatch.setattr("heygem_daemon.cli.liveness.read_process", lambda _pid: process)
    program.drop("talk")
    with spool.lock():
        done = program("status")
        state = json.loads(program("status", "--json").stdout)
    assert done.returncode == 3
    assert words in done.stdout
    assert "talk" in done.stdout
    assert state["condition"] == condition


def test_a_daemon_that_works_is_shown_and_one_that_is_held_is_no_success(
    program: "Program", spool: Spool
) -> None:
    write_status(_status(1), spool.state / "status.json")
    with spool.lock():
        assert program("status").returncode == 0
        write_status(_status(1, hold="the disk is full"), spool.state / "status.json")
        done = program("status")
    assert done.returncode == 3
    assert "Waiting: the disk is full" in done.stdout


def test_watch_shows_it_again_until_ctrl_c(
    program: "Program", spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spool.is_mounted()
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    clock = SimpleNamespace(time=time.time, sleep=pause)
    monkeypatch.setattr("heygem_daemon.cli.status.time", clock)
    done = program("status", "--watch")
    assert done.returncode == 3
    assert done.stdout.count("No daemon is running") == 3


def test_rows_are_in_the_order_of_the_queue_and_files_of_a_pair_are_one() -> None:
    def entry(name: str, reason: str, waits_for: object) -> InboxStatus:
        return InboxStatus.model_validate({"name": name, "reason": reason, "waits_for": waits_for})

    status = _status(
        0,
        jobs=(
            JobStatus(id="1", name="a", state="running", attempt=1),
            JobStatus(id="2", name="b", state="queued"),
        ),
        inbox=(
            entry("talk.wav", "it has changed lately", "upload"),
            entry("lone.wav", "has no video", "partner"),
            entry("Talk.MP4", "it has changed lately", "upload"),
            entry("c", "goes next", "turn"),
        ),
        unlisted=Unlisted(jobs=10),
    )
    assert [row[:3] for row in running_rows(status)] == [("a", "1", 1)]
    assert [row[:4] for row in waiting_rows(status)] == [
        (1, "b", "2", "queued"),
        (12, "c", "", "in the inbox"),
    ]
    assert list(inbox_rows(status.inbox[:3])) == [
        ("talk.wav, Talk.MP4", "it has changed lately"),
        ("lone.wav", "has no video"),
    ]


def test_status_has_the_sections_words_and_counts_of_the_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = JobStatus(
        id="1",
        name="a",
        state="running",
        stage="render",
        chunk=2,
        chunks=3,
        frames=7,
        total_frames=10,
        percent=70,
        fps=9.5,
    )
    status = _status(
        0,
        jobs=(drawn,),
        inbox=(InboxStatus(name="b.wav", reason="is empty", waits_for="attention"),),
        requests=(RequestStatus(name="c.hurry", text="c goes first", at=0.0),),
        unlisted=Unlisted(attention=4, inbox=4),
    )
    page = PageRenderer().text(status, Standpoint(0.0), "en")
    with speaking("en"):
        print_tables(status)
    told = capsys.readouterr().out
    assert "Being made now (1)" in told
    assert "Being made at " in page, "a text may be old"
    heading = "Cannot start: somebody has to do something"
    assert f"{heading} (5)" in told
    assert heading in page
    assert "Requests (1)" in told
    assert "c goes first" in told
    assert "drawing the mouth, chunk 2/3, 70 %, 9.5 frames a second" in told
    checked = drawn.model_copy(update={"stage": "review", "percent": None, "fps": 0.0})
    assert progress_text(checked) == "checking the result"
    for each in (drawn, checked):
        running = PageRenderer().text(_status(0, jobs=(each,)), Standpoint(0.0), "en")
        assert progress_text(each).split(",")[0] in running


def test_what_people_removed_is_listed_no_more(program: "Program", spool: Spool) -> None:
    for name in ("kept", "erased"):
        program.drop(name)
        (pair,) = pair_files(scan(spool.inbox).entries).pairs
        spool.fail(spool.claim(pair), "It is silent.")
    assert "erased" in program("status").stdout
    shutil.rmtree(spool.root / "failed" / "erased")
    told = program("status").stdout
    assert "kept" in told
    assert "erased" not in told


def test_a_disk_that_does_not_answer_is_named_instead_of_waited_for(tmp_path: Path) -> None:
    require_answer(tmp_path)
    require_answer(tmp_path / "missing")
    require_answer(tmp_path, command=("no-such-program",))
    with pytest.raises(SpoolUnavailable, match="has not answered for"):
        require_answer(tmp_path, 0.1, ("sh", "-c", "sleep 60"))
