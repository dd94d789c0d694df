"""A folder that was cancelled before anything of it was published."""

import pytest

from heygem_daemon.service.loop import Service
from heygem_daemon.spool.batch import close
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness
from tests.service.test_estimates import finish_running
from tests.service.test_steering import ask, requests


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A daemon that has claimed a folder and renders the first of its two jobs."""
    harness.executor.answer = keep_running
    harness.drop_batch("talks", "1.wav", "1.mp4", "2.mp4", "notes.txt")
    service = harness.service()
    harness.run_rounds(service, 12.0)
    assert harness.executor.busy
    return service


def cancel(harness: ServiceHarness, service: Service) -> None:
    ask(harness, "talks.cancel")
    harness.run_rounds(service, 8.0)


def names_in(harness: ServiceHarness, folder: str) -> list[str]:
    return sorted(each.name for each in (harness.spool.root / folder).iterdir())


def test_it_leaves_nothing_in_the_outbox_and_keeps_its_name(
    harness: ServiceHarness, service: Service
) -> None:
    cancel(harness, service)
    assert names_in(harness, "outbox") == []
    assert names_in(harness, "failed/talks") == ["1", "2"]
    assert (harness.spool.root / "done/talks (cancelled)/inputs/notes.txt").is_file()
    (ended,) = harness.status().finished_batches
    assert (ended.failed, ended.cancelled, ended.path) == (2, 2, "")
    assert all(each.cancelled for each in harness.status().finished)
    text = (harness.spool.root / "status.txt").read_text()
    assert text.splitlines()[0].endswith(": The daemon is ready. 1 cancelled")
    ask(harness, "talks.retry")
    harness.run_rounds(service, 12.0)
    assert names_in(harness, "outbox") == ["talks"]
    (batch,) = harness.status().batches
    assert batch.name == "talks"
    cancel(harness, service)
    assert names_in(harness, "outbox") == []
    for left in (["talks (cancelled)"], []):
        ask(harness, "talks.remove")
        harness.run_rounds(service, 6.0)
        assert requests(harness)["talks.remove"].startswith("talks is deleted, ")
        assert (names_in(harness, "done"), names_in(harness, "failed")) == (left, [])


def test_what_others_have_put_there_stays(harness: ServiceHarness, service: Service) -> None:
    (harness.spool.outbox / "talks" / "mine.txt").write_text("mine")
    cancel(harness, service)
    assert names_in(harness, "outbox/talks") == ["mine.txt"]


def test_a_folder_that_has_taken_its_place_stays(harness: ServiceHarness, service: Service) -> None:
    """The daemon makes another one of its own, and removes that."""
    (harness.spool.outbox / "talks").rename(harness.spool.outbox / "mine")
    (harness.spool.outbox / "talks").mkdir()
    (harness.spool.outbox / "talks" / "batch.json").write_text("mine")
    cancel(harness, service)
    assert (harness.spool.outbox / "talks" / "batch.json").read_text() == "mine"
    assert names_in(harness, "outbox") == ["mine", "talks"]


def test_it_keeps_its_folder_where_something_was_published(
    harness: ServiceHarness, service: Service
) -> None:
    finish_running(harness, service)
    cancel(harness, service)
    assert {"1.mp4", "batch.json"} <= set(names_in(harness, "outbox/talks"))
    assert names_in(harness, "done") == ["talks"]
    (ended,) = harness.status().finished_batches
    assert (ended.published, ended.failed, ended.cancelled) == (1, 1, 1)


@pytest.mark.parametrize("step", ["withdraw_outbox_folder", "save_record", "release_folder"])
def test_a_step_that_failed_is_repeated(
    harness: ServiceHarness, service: Service, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(close, step), []

    def fail_once(*values: object) -> object:
        calls.append(step)
        result = real(*values) if step != "release_folder" or len(calls) > 1 else None
        if len(calls) == 1:
            raise RuntimeError("once")
        return result

    monkeypatch.setattr(close, step, fail_once)
    cancel(harness, service)
    harness.run_rounds(service, 30.0)
    assert len(calls) > 1
    assert names_in(harness, "outbox") == []
    assert names_in(harness, "done") == ["talks (cancelled)"]
