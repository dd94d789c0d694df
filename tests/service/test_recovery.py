"""A fault or a restart while a batch is closed: the rounds of the loop close it, once."""

import errno
import os
import time
from pathlib import Path

import pytest

from heygem_daemon.service.loop import Service
from heygem_daemon.spool.files import FileOperations
from tests.fakes.service import ServiceHarness
from tests.service.test_batches import until_closed, zip_contents


def fail_at(patch: pytest.MonkeyPatch, name: str) -> list[Path]:
    """Let the disk fail once where the folder ``name`` of a batch is deleted. Return the paths at
    which it did; the list grows."""
    failed: list[Path] = []
    real = FileOperations.remove_tree

    def remove_tree(files: FileOperations, path: Path) -> None:
        if path.name == name and not failed:
            failed.append(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        real(files, path)

    patch.setattr(FileOperations, "remove_tree", remove_tree)
    return failed


def until_closing(harness: ServiceHarness, service: Service) -> None:
    """Run rounds until the journal of the batch says that it has ended."""
    deadline = time.monotonic() + 60
    is_closing = False
    while not is_closing:
        assert time.monotonic() < deadline
        harness.run_rounds(service, 0.25)
        time.sleep(0.005)
        is_closing = any(
            each.journal.outcome == "finished" for each in harness.spool.batches.unfinished()
        )


def check_closed(harness: ServiceHarness) -> None:
    assert harness.logged("batch finished: 2 published, 0 failed; all of it in show.zip") == 1
    assert harness.logged("not by the daemon") == 0
    assert len(zip_contents(harness)) == 6
    assert [path.name for path in harness.spool.done.iterdir()] == ["show"]
    assert [*(harness.spool.outbox / "show").glob("*.zip")] == [
        harness.spool.outbox / "show" / "show.zip"
    ]


@pytest.fixture
def service(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that takes one step a round to close a batch, which was dropped."""
    monkeypatch.setattr("heygem_daemon.service.batches.STEPS_A_ROUND", 1)
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    return harness.service()


@pytest.mark.parametrize("name", ["publish", "0002", "ended"])
def test_a_fault_while_a_batch_is_closed_loses_nothing_of_its_end(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failed = fail_at(monkeypatch, name)
    until_closing(harness, service)
    until_closed(harness, service)
    assert failed
    check_closed(harness)


@pytest.mark.parametrize("name", ["publish", "0002", "ended", "none"])
def test_a_batch_that_was_being_closed_is_closed_in_rounds_after_a_restart(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    until_closing(harness, service)
    harness.kill(service)
    failed = fail_at(monkeypatch, name)
    again = harness.service()
    again.run_round()
    assert harness.processing() == 1, "the start does not wait for it"
    until_closed(harness, again)
    assert bool(failed) == (name != "none")
    check_closed(harness)
