"""Batches on their way back to the inbox, and what goes wrong with them."""

import errno
import itertools
import os
import shutil
from pathlib import Path

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.command_requests import leave_request
from heygem_daemon.system.untrusted import TextLimits, read_text
from tests.fakes.executor import refuse, rendered
from tests.fakes.service import ServiceHarness
from tests.service.killed import ArmedDisk, on_other_spool
from tests.spool.conftest import Killed

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


def answers(harness: ServiceHarness, name: str = "show.retry") -> list[str]:
    return [each.text for each in harness.status().requests if each.name == name]


def test_a_return_ends_with_one_answer(harness: ServiceHarness, service: Service) -> None:
    begin_retry(harness, service)
    harness.run_rounds(service, 2.0)
    assert answers(harness) == ["show is in the inbox again"]


@pytest.mark.parametrize("records_a_look", [200, 1])
def test_a_crash_before_the_request_is_gone_renders_nothing_twice(
    harness: ServiceHarness,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    records_a_look: int,
) -> None:
    def die(*_args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("heygem_daemon.service.steering.clear_any", die)
        with pytest.raises(Killed):
            begin_retry(harness, service)
    harness.kill(service)
    monkeypatch.setattr("heygem_daemon.service.ended_requests.RECORDS_A_LOOK", records_a_look)
    again, before = harness.service(), len(harness.executor.submitted)
    harness.run_rounds(again, 2.0)
    assert answers(harness) == ["show is in the inbox again"]
    harness.run_rounds(again, 60.0)
    assert len(harness.executor.submitted) == before + 2
    assert [*harness.spool.inbox.iterdir()] == []


def fail(*_args: object) -> None:
    raise ValueError("of the test")


def test_who_asked_is_told_why_a_return_was_set_aside(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.spool.batch.returning.move_all", fail)
    (harness.spool.inbox / "show.retry").touch()
    harness.run_rounds(service, 6.0)
    (told,) = answers(harness)
    assert told == (
        "show cannot go back to the inbox: The daemon could not handle it (ValueError: of the test)"
        "; what it has taken is in failed"
    )
    assert translator("zh").knows(told)
    (kept,) = harness.spool.failed.glob("*/inputs")
    assert len([*kept.iterdir()]) == 4
    assert (kept.parent / "reason.txt").is_file()
    assert harness.logged("show cannot go back to the inbox") == 1


def test_who_asked_is_told_that_somebody_has_removed_a_return(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(*_args: object) -> None:
        (folder,) = harness.spool.processing.iterdir()
        shutil.rmtree(folder)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))

    monkeypatch.setattr("heygem_daemon.spool.batch.returning.move_all", remove)
    (harness.spool.inbox / "show.retry").touch()
    harness.run_rounds(service, 6.0)
    (told,) = answers(harness)
    assert told.endswith(": its folder in processing/ was removed, not by the daemon")
    assert translator("zh").knows(told)
    assert harness.processing() == 0


@pytest.mark.parametrize(
    ("kind", "asks"),
    [
        ("failed", "by a file"),
        ("published", "with options"),
        ("failed", "with options beside"),
        ("published", "a command"),
    ],
)
def test_a_retry_killed_at_any_step_renders_once_and_is_answered(
    harness: ServiceHarness, tmp_path: Path, kind: str, asks: str
) -> None:
    new = 'face = "left"\n'
    for step in itertools.count(1):
        disk = ArmedDisk()
        each = on_other_spool(harness, tmp_path / str(step), disk)
        each.executor.answer = refuse if kind == "failed" else rendered
        service = each.service()
        each.drop("talk.wav", "talk.mp4")
        each.run_rounds(service, 12.0)
        name = "heygem-daemon retry talk" if asks == "a command" else "talk.retry"
        asked = None
        if asks == "a command":
            asked = leave_request(each.spool, disk, "retry", "talk", each.clock.wall(), new)
        else:
            (each.spool.inbox / name).write_text(new if asks == "with options" else "")
        if asks == "with options beside":
            (each.spool.inbox / "talk.toml").write_text(new)
        disk.left = step
        try:
            each.run_rounds(service, 6.0)
        except Killed:
            each.kill(service)
        else:
            break
        disk.left = -1
        has_journal = [*each.spool.processing.glob("*/job.json")]
        is_back = not has_journal and (each.spool.inbox / "talk.wav").exists()
        again = each.service()
        each.run_rounds(again, 16.0)
        assert len(each.executor.submitted) == 2, step
        assert (each.executor.submitted[-1].options.face == "left") == (asks != "by a file")
        if not is_back:  # else the job itself shows what became of the request
            assert answers(each, name)[-1:] == ["talk is in the inbox again"], step
            assert asked is None or (each.spool.requests / f"{asked}.answer").is_file()
        assert [*each.spool.inbox.iterdir()] == []
        assert each.processing() == 0
        each.close()
    assert step > 8
