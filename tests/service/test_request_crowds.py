"""Many requests, and requests about large batches, cost one look little and the log few lines."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.events.requests import JobHurried
from heygem_daemon.service.line_budget import LineBudget
from heygem_daemon.service.look_budget import MAX_STEPS, LookBudget
from heygem_daemon.service.loop import Service
from heygem_daemon.service.owner_log import REQUEST_LINES, OwnerLog
from heygem_daemon.spool.files import FileOperations
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, keep_running
from tests.fakes.service import ServiceHarness

HURRIED = "goes first among the"


def spellings(name: str, count: int) -> list[str]:
    """Return names that a person takes for equal."""
    return [
        "".join(c.upper() if number >> place & 1 else c for place, c in enumerate(name))
        for number in range(count)
    ]


def ask(harness: ServiceHarness, *names: str) -> None:
    for name in names:
        (harness.spool.inbox / name).touch()


def requests_left(harness: ServiceHarness) -> int:
    return sum(1 for path in harness.spool.inbox.iterdir() if path.suffix == ".hurry")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the daemon has written files of each name."""
    count: Counter[str] = Counter()
    write = FileOperations.write

    def counted(files: FileOperations, path: Path, data: bytes) -> None:
        count[path.name] += 1
        write(files, path, data)

    monkeypatch.setattr(FileOperations, "write", counted)
    return count


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A service whose only worker renders for ever, and a batch ``longtalks`` behind that job."""
    harness.executor = FakeExecutor(keep_running, now=harness.clock.monotonic)
    harness.drop("a.wav", "a.mp4")
    service = harness.service()
    harness.run_rounds(service, 8.0)
    harness.drop_batch("longtalks", "s.wav", *(f"{number:02}.mp4" for number in range(30)))
    harness.run_rounds(service, 8.0)
    return service


def test_a_batch_is_hurried_once_however_many_requests_ask_for_it(
    harness: ServiceHarness, service: Service, written: Counter[str]
) -> None:
    ask(harness, *(f"{name}.hurry" for name in spellings("longtalks", 60)))
    harness.run_rounds(service, 3.0)
    assert requests_left(harness) == 0
    assert written["batch.json"] == 1
    assert written["job.json"] == 0
    assert harness.logged(f"INFO {HURRIED} batches of its owner") == 1
    assert harness.logged(f"INFO {HURRIED} jobs of its owner") == 0


def test_the_newest_of_several_requests_counts_after_a_restart_too(
    harness: ServiceHarness, service: Service
) -> None:
    ask(harness, *(f"{name}.hurry" for name in spellings("longtalks", 8)))
    newest = max(path.stat().st_ctime_ns for path in harness.spool.inbox.glob("*.hurry"))
    harness.run_rounds(service, 3.0)
    (batch,) = harness.spool.batches.unfinished()
    assert batch.journal.hurried_ns == newest
    (queued,) = {each.journal.hurried_ns for each in harness.spool.batches.pending_jobs(batch)}
    assert queued == newest


def test_members_with_a_journal_of_their_own_are_hurried_over_several_looks(
    harness: ServiceHarness, service: Service, written: Counter[str]
) -> None:
    """Such a journal is written durably, which takes long on some disks."""
    (batch,) = harness.spool.batches.unfinished()
    for job in harness.spool.batches.pending_jobs(batch):
        harness.spool.defer(harness.spool.begin_attempt(job), "a test")
    written.clear()
    ask(harness, "longtalks.hurry")
    most = 0
    while requests_left(harness):
        before = written["job.json"]
        service.run_round()
        harness.clock.now += 0.25
        most = max(most, written["job.json"] - before)
    assert written["job.json"] == 30
    assert most <= MAX_STEPS
    assert harness.logged(f"INFO {HURRIED} batches of its owner") == 1


def test_a_look_ends_when_its_time_is_over_and_the_next_one_goes_on(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = FileOperations.remove_file_if

    def slowly(
        files: FileOperations, path: Path, condition: Callable[[os.stat_result], bool]
    ) -> None:
        harness.clock.now += 0.3
        remove(files, path, condition)

    monkeypatch.setattr(FileOperations, "remove_file_if", slowly)
    considered: list[int] = []
    ask(harness, *(f"{name}.hurry" for name in spellings("longtalks", 12)))
    while left := requests_left(harness):
        service.run_round()
        harness.clock.now += 0.25
        considered.append(left - requests_left(harness))
    assert max(considered) <= 4
    assert sum(considered) == 12


class TestTheLogOfRequests:
    """What one owner's requests add to the log is limited, and nobody else's is left out."""

    def test_a_flood_is_counted(self, harness: ServiceHarness) -> None:
        requests = OwnerLog(REQUEST_LINES)
        for _ in range(1000):
            requests.log(JobHurried("mallory"), "mallory", 0.0)
        requests.log(JobHurried("anna"), "anna", 0.0)
        requests.summarise(0.0)
        lines = [line for line in harness.log if HURRIED in line]
        assert len(lines) == REQUEST_LINES.burst + 1
        assert "anna" in lines[-1]
        assert harness.logged("requests by mallory that are not logged one by one: 900") == 1

    def test_it_takes_more_again_in_time(self) -> None:
        lines = LineBudget(REQUEST_LINES.burst, REQUEST_LINES.seconds_a_line)
        assert lines.take(1000, 0.0) == REQUEST_LINES.burst
        assert lines.take(1000, 5 * REQUEST_LINES.seconds_a_line) == 5
        assert not lines.is_full(5 * REQUEST_LINES.seconds_a_line)
        assert lines.is_full(1000 * REQUEST_LINES.seconds_a_line)

    def test_answers_count_too(self, harness: ServiceHarness, service: Service) -> None:
        ask(harness, *(f"{name}.hurry" for name in spellings("longtalks", 150)))
        harness.run_rounds(service, 4.0)
        assert requests_left(harness) == 0
        assert harness.logged(".hurry by") == REQUEST_LINES.burst - 1
        assert harness.logged("that are not logged one by one: 51") == 1


def test_steps_and_time_limit_a_look() -> None:
    clock = FakeClock()
    budget = LookBudget(clock, steps=2, seconds=1.0)
    budget.spend()
    assert (budget.is_left(), budget.has_time()) == (True, True)
    budget.spend()
    assert (budget.is_left(), budget.has_time()) == (False, True)
    clock.now += 1.0
    assert (budget.is_left(), budget.has_time()) == (False, False)


def test_the_cancelling_of_a_batch_that_waits_goes_in_steps_with_few_lines(
    harness: ServiceHarness, service: Service
) -> None:
    harness.drop_batch("crowd", "s.wav", *(f"{number:03}.mp4" for number in range(150)))
    harness.run_rounds(service, 0.5)
    ask(harness, "crowd.cancel")
    failed, ended, most = harness.spool.failed / "crowd", 0, 0
    for _ in range(80):
        service.run_round()
        harness.clock.now += 0.25
        count = len(list(failed.iterdir())) if failed.exists() else 0
        ended, most = count, max(most, count - ended)
    assert ended == 150
    assert most <= MAX_STEPS
    assert harness.logged("cancelled by") <= REQUEST_LINES.burst
