"""Batches on their way back to the inbox, and what goes wrong with them."""

import errno
import os
from pathlib import Path

import pytest

from heygem_daemon.service.loop import Service
from heygem_daemon.system.untrusted import TextLimits, read_text
from tests.fakes.executor import refuse, rendered
from tests.fakes.service import ServiceHarness

KINDS = ("failed", "published")


@pytest.fixture(params=KINDS)
def service(harness: ServiceHarness, request: pytest.FixtureRequest) -> Service:
    """A service whose batch ``show`` of two members has ended."""
    if request.param == "failed":
        harness.executor.answer = refuse
    service = harness.service()
    harness.drop_batch("show", "1.wav", "1.mp4", "2.wav", "2.mp4")
    harness.run_rounds(service, 16.0)
    assert harness.processing() == 0
    return service


def begin_retry(harness: ServiceHarness, service: Service) -> Path:
    """Ask for another try, and return the folder in processing/ once it is there."""
    (harness.spool.inbox / "show.retry").touch()
    while not (found := list(harness.spool.processing.iterdir())):
        service.run_round()
        harness.clock.now += 0.25
    return found[0]


def test_a_journal_that_cannot_be_read_stops_neither_the_start_nor_a_return(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_retry(harness, service)
    harness.kill(service)
    other = harness.spool.batches.claim(harness.drop_batch("other", "1.wav", "1.mp4"))

    def read(path: Path, limits: TextLimits) -> bytes:
        if path.parent == other.folder:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return read_text(path, limits)

    with monkeypatch.context() as patch:
        patch.setattr("heygem_daemon.spool.batch.journal.read_text", read)
        harness.executor.answer = rendered
        again = harness.service()
        harness.run_rounds(again, 60.0)
        assert [*harness.spool.inbox.iterdir()] == []
        assert not (harness.spool.outbox / "other" / "other.zip").exists()
    harness.run_rounds(again, 60.0)
    assert (harness.spool.outbox / "other" / "other.zip").is_file()
    assert harness.processing() == 0
