"""Whatever handling one item raises: the daemon lives, and the other job is published."""

import errno
import functools
import importlib
from collections.abc import Callable

import pytest

from heygem_daemon.spool.job import Job
from tests.fakes.service import ServiceHarness

ERRORS: dict[str, Callable[[], Exception]] = {
    "ValueError": lambda: ValueError("not a thing"),
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "MemoryError": MemoryError,
    "EIO": lambda: OSError(errno.EIO, "Input/output error"),
}

PAIR_STEPS = {
    "a file settles": "heygem_daemon.spool.settle:Settler._waiting_reason",
    "a pair is claimed": "heygem_daemon.spool.claim:claim_pair",
    "a job is started": "heygem_daemon.spool.spool:Spool.begin_attempt",
    "a worker's progress": "heygem_daemon.service.dispatch:Dispatcher._handle_update",
    "a worker's verdict": "heygem_daemon.service.dispatch:Dispatcher._handle_verdict",
    "an attempt ends": "heygem_daemon.service.dispatch:Dispatcher._end",
    "a job is published": "heygem_daemon.spool.spool:Spool.publish",
    "an outcome": "heygem_daemon.service.outcomes:JobOutcomes._apply_verdict",
    "a status entry": "heygem_daemon.service.status:_queued_status",
}
BATCH_STEPS = {
    "a folder is scanned": "heygem_daemon.service.folders:FolderIntake._scan_folder",
    "a batch is claimed": "heygem_daemon.spool.batch.claim:claim_batch",
    "a batch goes on": "heygem_daemon.service.batches:BatchTracker._advance",
    "a batch is closed": "heygem_daemon.spool.batch.close:close_batch",
}


def break_for_evil(
    patch: pytest.MonkeyPatch,
    step: str,
    error: Callable[[], Exception],
    harness: ServiceHarness,
    after: bool = False,
) -> None:
    """Make ``step`` raise for whatever belongs to the item "evil"; ``after``: once it is done."""
    module_name, _, name = step.partition(":")
    owner: object = importlib.import_module(module_name)
    *classes, function = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    real = getattr(owner, function)

    def is_evil(values: tuple[object, ...]) -> bool:
        texts = [value.title if isinstance(value, Job) else str(value) for value in values]
        evil_ids = [
            folder.name
            for folder in harness.spool.processing.iterdir()
            for journal in (*folder.glob("job.json"), *folder.glob("batch.json"))
            if '"evil' in journal.read_text()
        ]
        return any(word in text for text in texts for word in ("evil", *evil_ids))

    @functools.wraps(real)
    def broken(*arguments: object, **keywords: object) -> object:
        values = arguments[1:] if classes else arguments
        evil = is_evil(values)
        if evil and not after:
            raise error()
        result = real(*arguments, **keywords)
        if evil:
            raise error()
        return result

    patch.setattr(owner, function, broken)


def is_kept(harness: ServiceHarness, name: str) -> bool:
    """Whether the file that was dropped is still anywhere in the spool."""
    files = (path for path in harness.spool.root.rglob("*") if path.is_file())
    return any(path.read_bytes() == name.encode() for path in files)


def check_others_are_served(harness: ServiceHarness) -> None:
    """Whether everybody else is served, now and after another start."""
    service = harness.service()
    harness.run_rounds(service, 70)
    assert {"talk.json", "talk.mp4", "talk.png"} <= set(harness.outbox())
    assert is_kept(harness, "evil.wav")
    assert is_kept(harness, "evil.mp4")
    harness.kill(service)
    harness.drop("later.wav", "later.mp4")
    again = harness.service()
    harness.run_rounds(again, 70)
    assert {"later.json", "later.mp4", "later.png"} <= set(harness.outbox())
    assert is_kept(harness, "evil.wav")
    assert harness.status().counts.published >= 1


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", PAIR_STEPS.values(), ids=PAIR_STEPS)
def test_a_pair_at_which_a_step_raises_harms_nobody_else(
    harness: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
    error: Callable[[], Exception],
) -> None:
    harness.drop("evil.wav", "evil.mp4", "talk.wav", "talk.mp4")
    break_for_evil(monkeypatch, step, error, harness, after)
    check_others_are_served(harness)


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", BATCH_STEPS.values(), ids=BATCH_STEPS)
def test_a_batch_at_which_a_step_raises_harms_nobody_else(
    harness: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
    error: Callable[[], Exception],
) -> None:
    harness.drop_batch("evil", "evil.wav", "evil.mp4")
    harness.drop("talk.wav", "talk.mp4")
    break_for_evil(monkeypatch, step, error, harness, after)
    check_others_are_served(harness)
