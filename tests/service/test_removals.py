"""A request to delete deletes what it meant when it began, and nothing else, whatever happens."""

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.spool.command_requests import leave_request, take_answer
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.removals import find_all
from tests.fakes.executor import refuse, rendered
from tests.fakes.service import ServiceHarness
from tests.service.killed import ArmedDisk, on_other_spool
from tests.spool.conftest import Killed

P = TypeVar("P")

FILE, COMMAND = "talk.remove", "heygem-daemon remove talk"
OF_MEMBER = "heygem-daemon remove show/talk"


def end_jobs(harness: ServiceHarness, *kinds: str) -> list[set[str]]:
    """Let jobs of the name ``talk`` end, and return the files of each, of the last one last."""
    service, found = harness.service(), list[set[str]]()
    for kind in kinds:
        before = files_of_people(harness)
        harness.executor.answer = refuse if kind == "failed" else rendered
        harness.drop("talk.wav", "talk.mp4")
        harness.run_rounds(service, 12.0)
        found.append(files_of_people(harness) - before)
    harness.kill(service)
    return found


def files_of_people(harness: ServiceHarness) -> set[str]:
    spool = harness.spool
    return {
        str(path.relative_to(spool.root))
        for folder in (spool.outbox, spool.done, spool.failed)
        for path in folder.rglob("*")
        if path.is_file()
    }


def ask(harness: ServiceHarness, name: str) -> str | None:
    """Leave a request. Return its id, if it is that of a command."""
    if name == FILE:
        (harness.spool.inbox / name).touch()
        return None
    job = name.removeprefix(COMMAND.removesuffix("talk"))
    return leave_request(harness.spool, FileOperations(), "remove", job, harness.clock.wall())


def answers(harness: ServiceHarness, name: str) -> list[str]:
    return [each.text for each in harness.status().requests if each.name == name]


def killed_at_each_step(
    harness: ServiceHarness, tmp_path: Path, prepare: Callable[[ServiceHarness], P]
) -> Iterator[tuple[int, ServiceHarness, P]]:
    """Yield what a service left that was killed at one step after the other, and then started
    again; with what ``prepare`` returned, which has made its spool and asked."""
    for step in itertools.count(1):
        disk = ArmedDisk()
        each = on_other_spool(harness, tmp_path / str(step), disk)
        prepared = prepare(each)
        service = each.service()
        disk.left = step
        try:
            each.run_rounds(service, 3.0)
        except Killed:
            each.kill(service)
        else:
            break
        disk.left = -1
        each.run_rounds(each.service(), 6.0)
        yield step, each, prepared
        each.close()
    assert step > 6


@pytest.mark.parametrize(
    ("kinds", "meant", "name"),
    [
        (("published", "failed"), 1, FILE),
        (("failed", "published"), 1, COMMAND),
        (("failed", "published", "published"), 1, FILE),  # the last one is called talk (2)
        (("published",), 0, COMMAND),
    ],
)
def test_a_removal_killed_at_any_step_deletes_once_what_it_meant_and_is_answered(
    harness: ServiceHarness, tmp_path: Path, kinds: tuple[str, ...], meant: int, name: str
) -> None:
    def prepare(each: ServiceHarness) -> tuple[set[str], str | None]:
        ended = end_jobs(each, *kinds)
        return set().union(*ended[:meant], *ended[meant + 1 :]), ask(each, name)

    for step, each, (kept, identity) in killed_at_each_step(harness, tmp_path, prepare):
        assert files_of_people(each) == kept, step
        (told,) = answers(each, name)
        assert told.startswith("talk is deleted"), step
        assert translator("zh")(told).startswith("talk 已删除")
        if identity is not None:
            answer = take_answer(each.spool, each.spool.files, identity)
            assert answer is not None, step
            assert answer.text == told, step
        assert [*each.spool.inbox.iterdir()] == []
        assert [*find_all(each.spool, each.spool.files)] == []


def end_batches(harness: ServiceHarness) -> None:
    """Let two batches end, each with a member of the name ``talk``."""
    service = harness.service()
    for batch in ("older", "show"):
        harness.drop_batch(batch, "talk.wav", "talk.mp4", "other.wav", "other.mp4")
        harness.run_rounds(service, 30.0)
    harness.kill(service)


def test_a_removal_of_a_member_killed_at_any_step_deletes_what_it_deletes_without_a_kill(
    harness: ServiceHarness, tmp_path: Path
) -> None:
    end_batches(harness)
    before = files_of_people(harness)
    assert {"outbox/older/talk.mp4", "outbox/show/talk.mp4", "outbox/show/other.mp4"} <= before
    ask(harness, OF_MEMBER)
    harness.run_rounds(harness.service(), 6.0)
    kept = files_of_people(harness)
    assert {"outbox/older/talk.mp4", "outbox/show/other.mp4"} <= kept
    assert "outbox/show/talk.mp4" not in kept

    def prepare(each: ServiceHarness) -> None:
        end_batches(each)
        ask(each, OF_MEMBER)

    for step, each, _ in killed_at_each_step(harness, tmp_path, prepare):
        assert files_of_people(each) == kept, step
        (told,) = answers(each, OF_MEMBER)
        assert told.startswith("show/talk is deleted"), step
        assert [*find_all(each.spool, each.spool.files)] == []


@pytest.mark.parametrize("kinds", [("published", "failed"), ("failed", "published")])
def test_a_disk_that_cannot_clear_the_request_away_costs_no_older_job(
    harness: ServiceHarness, kinds: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, _ = end_jobs(harness, *kinds)
    ask(harness, FILE)

    def fail(_files: FileOperations, path: Path, _condition: Callable[..., bool]) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    service = harness.service()
    with monkeypatch.context() as patch:
        patch.setattr(FileOperations, "remove_file_if", fail)
        harness.run_rounds(service, 60.0)
        assert (harness.spool.inbox / FILE).exists()
    harness.run_rounds(service, 60.0)
    assert files_of_people(harness) == older
    assert answers(harness, FILE)[0].startswith("talk is deleted")
    assert [*harness.spool.inbox.iterdir()] == []


def kill_when_it_begins(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask, and kill the service before the first file is deleted."""

    def die(*_args: object) -> None:
        raise Killed

    ask(harness, FILE)
    service = harness.service()
    with monkeypatch.context() as patch:
        patch.setattr("heygem_daemon.spool.ended.deleting", die)
        with pytest.raises(Killed):
            harness.run_rounds(service, 3.0)
    harness.kill(service)


def test_what_cannot_be_read_of_a_removal_deletes_nothing(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = end_jobs(harness, "published", "failed")
    kill_when_it_begins(harness, monkeypatch)
    ((path, _),) = find_all(harness.spool, harness.spool.files)
    path.write_bytes(b"{")
    harness.run_rounds(harness.service(), 6.0)
    assert files_of_people(harness) == set().union(*ended)
    assert [*harness.spool.inbox.iterdir()] == []


def test_a_removal_that_was_withdrawn_while_the_daemon_was_down_stops(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ended,) = end_jobs(harness, "published")
    kill_when_it_begins(harness, monkeypatch)
    (harness.spool.inbox / FILE).unlink()
    harness.run_rounds(harness.service(), 6.0)
    assert files_of_people(harness) == ended
    assert answers(harness, FILE) == []
    assert [*find_all(harness.spool, harness.spool.files)] == []
