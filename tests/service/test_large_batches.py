"""What is asked of a batch with many members is done in many rounds, and nobody waits for it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.protocol import Render
from heygem_daemon.service.look_budget import MAX_STEPS
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.files import FileOperations
from tests.fakes.executor import FakeExecutor, Messages, refuse, rendered
from tests.fakes.service import ServiceHarness

MEMBERS = 150
ANNA, MALLORY = 70_002, 70_003
OPERATIONS_A_STEP = 60
"""No step of a round does more: a member's folder, its journal, and each of its files; or 50
deletions."""


class Operations:
    """Counts what the daemon moves and deletes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("rename", "remove_file", "make_folder", "write"):
            monkeypatch.setattr(FileOperations, name, self._counted(getattr(FileOperations, name)))

    def _counted(self, operation: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: object, **kwargs: object) -> None:
            self.count += 1
            operation(*args, **kwargs)

        return counted

    def most_in_a_round(self, harness: ServiceHarness, service: Service, rounds: int) -> int:
        """Run rounds. Return how many operations one of them took at most."""
        most = 0
        for _ in range(rounds):
            before = self.count
            service.run_round()
            harness.clock.now += 0.25
            most = max(most, self.count - before)
        return most


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Operations:
    return Operations(monkeypatch)


@pytest.fixture
def service(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service whose engine refuses what is called bad. It waits for no medium."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)

    def answer(render: Render) -> Messages:
        is_bad = b"bad" in Path(render.audio).read_bytes()
        return refuse(render) if is_bad else rendered(render)

    harness.executor = FakeExecutor(answer, now=harness.clock.monotonic)
    service = harness.service()
    harness.run_rounds(service, 1.0)
    return service


def give(owner: int, *paths: Path) -> None:
    for path in paths if owner else ():
        os.chown(path, owner, -1)


def render_batch(
    harness: ServiceHarness,
    service: Service,
    name: str,
    stem: str,
    count: int = MEMBERS,
    owner: int = 0,
) -> None:
    files = [f"{stem}{each}{end}" for each in range(count) for end in (".wav", ".mp4")]
    folder = harness.drop_batch(name, *files)
    give(owner, folder, *folder.iterdir())
    for _ in range(100):
        harness.run_rounds(service, 20.0)
        if harness.processing() == 0 and not list(harness.spool.inbox.iterdir()):
            return
    raise AssertionError("the batch has not ended")


def inbox(harness: ServiceHarness) -> list[str]:
    return sorted(path.name for path in harness.spool.inbox.iterdir())


def members(harness: ServiceHarness) -> list[Path]:
    return list((harness.spool.failed / "crowd").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["bad", "good"])
def test_a_retry_of_many_members_takes_many_rounds_and_others_are_served_meanwhile(
    harness: ServiceHarness, service: Service, operations: Operations, stem: str
) -> None:
    render_batch(harness, service, "crowd", stem)
    harness.run_rounds(service, 5.0)
    (harness.spool.inbox / "crowd.retry").touch()
    harness.drop("honest.wav", "honest.mp4")
    said: set[str] = set()
    rounds_to_go_back = 0
    while "crowd" not in inbox(harness):
        assert operations.most_in_a_round(harness, service, 1) < MAX_STEPS * OPERATIONS_A_STEP
        is_under_way = not (harness.spool.inbox / "crowd.retry").exists()
        rounds_to_go_back += is_under_way
        said |= {each.text for each in harness.status().requests}
    assert 30 > rounds_to_go_back > MEMBERS / MAX_STEPS / 2
    assert "crowd goes back to the inbox, file by file" in said
    assert len(list((harness.spool.inbox / "crowd").iterdir())) == 2 * MEMBERS
    harness.run_rounds(service, 1.0)
    assert "crowd is in the inbox again" in {each.text for each in harness.status().requests}
    harness.run_rounds(service, 10.0)
    assert "honest.mp4" in harness.outbox()


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["bad", "good"])
def test_a_retry_goes_on_after_the_daemon_was_killed(
    harness: ServiceHarness, service: Service, stem: str
) -> None:
    render_batch(harness, service, "crowd", stem)
    (harness.spool.inbox / "crowd.retry").write_text("crf = 30\n")
    while harness.processing() == 0:
        harness.run_rounds(service, 0.25)
    harness.run_rounds(service, 0.5)
    assert harness.processing() == 1
    harness.kill(service)
    again = harness.service()
    again.run_round()
    assert harness.processing() == 1, "the start does not wait for it"
    while harness.processing():
        harness.run_rounds(again, 0.25)
    assert inbox(harness) == ["crowd"]
    assert len(list((harness.spool.inbox / "crowd").iterdir())) == 2 * MEMBERS + 1
    assert (harness.spool.inbox / "crowd" / "job.toml").read_text() == "crf = 30\n"


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["bad", "good"])
def test_a_removal_of_many_members_takes_many_rounds(
    harness: ServiceHarness, service: Service, operations: Operations, stem: str
) -> None:
    render_batch(harness, service, "crowd", stem)
    (harness.spool.inbox / "crowd.remove").touch()
    rounds = 0
    while inbox(harness):
        assert operations.most_in_a_round(harness, service, 1) < MAX_STEPS * OPERATIONS_A_STEP
        rounds += 1
    assert rounds < 60
    assert harness.outbox() == harness.failed() == []
    assert list(harness.spool.done.iterdir()) == []


def test_a_removal_goes_on_after_the_daemon_was_killed(
    harness: ServiceHarness, service: Service
) -> None:
    render_batch(harness, service, "crowd", "bad", 2 * MAX_STEPS)
    (harness.spool.inbox / "crowd.remove").touch()
    while len(members(harness)) == 2 * MAX_STEPS:
        harness.run_rounds(service, 0.25)
    harness.kill(service)
    assert members(harness)
    assert inbox(harness) == ["crowd.remove"]
    harness.run_rounds(harness.service(), 10.0)
    assert inbox(harness) == harness.failed() == harness.outbox() == []
    assert list(harness.spool.done.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_one_owners_requests_about_many_members_do_not_hold_those_of_another(
    harness: ServiceHarness, service: Service
) -> None:
    names = [f"crowd{number}" for number in range(3)]
    for name in names:
        render_batch(harness, service, name, "bad", 60, MALLORY)
    harness.drop("talk.wav", "talk.mp4")
    give(ANNA, *harness.spool.inbox.iterdir())
    harness.run_rounds(service, 12.0)
    assert "talk.mp4" in harness.outbox()
    for name, owner in [*((each, MALLORY) for each in names), ("talk", ANNA)]:
        (request := harness.spool.inbox / f"{name}.remove").touch()
        give(owner, request)
    harness.run_rounds(service, 1.5)
    assert inbox(harness) == [f"{name}.remove" for name in names]
    assert harness.outbox() == []
    harness.run_rounds(service, 20.0)
    assert inbox(harness) == []


@pytest.mark.slow
def test_a_large_batch_is_closed_over_several_rounds(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.service.batches.STEPS_A_ROUND", 1)
    harness.drop_batch("crowd", "s.wav", *(f"{number}.mp4" for number in range(120)))
    while not (harness.spool.outbox / "crowd" / "crowd.zip").exists():
        harness.run_rounds(service, 0.25)
    rounds = 0
    while harness.processing():
        harness.run_rounds(service, 0.25)
        rounds += 1
    assert rounds > 5
    assert [path.name for path in harness.spool.done.iterdir()] == ["crowd"]
    assert harness.logged("batch finished: 120 published") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
def test_a_batch_that_is_made_again_takes_its_owners_turns(
    harness: ServiceHarness, service: Service
) -> None:
    render_batch(harness, service, "crowd", "good", 40, MALLORY)
    (request := harness.spool.inbox / "crowd.retry").touch()
    give(MALLORY, request)
    while not (found := list(harness.spool.processing.glob("*/batch.json"))):
        harness.run_rounds(service, 0.25)
    assert json.loads(found[0].read_text())["owner"] == MALLORY
