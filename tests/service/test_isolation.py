"""Whatever handling one item raises: the daemon lives, and the other job is published."""

import errno
import functools
import importlib
from collections.abc import Callable, Collection, Iterable

import pytest

from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.spool.job import Job
from tests.fakes.service import ServiceHarness

ERRORS = [
    pytest.param(lambda: ValueError("not a thing"), id="ValueError"),
    pytest.param(lambda: OSError(errno.EIO, "Input/output error"), id="EIO"),
    pytest.param(lambda: RecursionError("too deep"), id="RecursionError", marks=pytest.mark.slow),
    pytest.param(MemoryError, id="MemoryError", marks=pytest.mark.slow),
]

SECONDS, EVERY = 70.0, 0.5
"""How long each service runs, and how long there is from round to round."""
MOST_TRIES = round(SECONDS)
"""One a second: a scan, or a step that the environment holds."""

USUAL_WARNINGS = ("'event': 'device_notice'", "'event': 'result_warning'")

PAIR_STEPS = {
    "an entry is listed": "heygem_daemon.spool.inbox:_Found.add",
    "a file settles": "heygem_daemon.spool.settle:Settler._waiting_reason",
    "files are paired": "heygem_daemon.service.pairs:InboxPairs._pair",
    "a group of files is paired": "heygem_daemon.spool.pairing:_pair_media",
    "a file's role is found": "heygem_daemon.spool.pairing:with_roles",
    "a sidecar is attached": "heygem_daemon.spool.pairing:_attach_sidecars",
    "a sidecar is read": "heygem_daemon.service.runtime:read_now",
    "a pair becomes a candidate": "heygem_daemon.service.pair_candidates:pair_candidate",
    "a pair is claimed": "heygem_daemon.spool.claim:claim_pair",
    "a job's owner is looked up": "heygem_daemon.service.dispatch:owner_of",
    "a job is queued": "heygem_daemon.service.queue:Queue.append",
    "a job is started": "heygem_daemon.spool.spool:Spool.begin_attempt",
    "a worker's progress": "heygem_daemon.service.attempts:Attempts._handle_update",
    "a worker's verdict": "heygem_daemon.service.attempts:Attempts._handle_verdict",
    "a worker is looked after": "heygem_daemon.service.reaper:WorkerReaper.kill_if_stuck",
    "an attempt ends": "heygem_daemon.service.attempts:Attempts.end",
    "the outputs are checked": "heygem_daemon.service.outcomes:check_outputs",
    "a job is published": "heygem_daemon.spool.spool:Spool.publish",
    "an outcome": "heygem_daemon.service.outcomes:JobOutcomes._apply_verdict",
    "a status entry": "heygem_daemon.service.job_statuses:_queued_status",
}
BATCH_STEPS = {
    "a folder is scanned": "heygem_daemon.service.folders:FolderIntake._scan_folder",
    "a batch is claimed": "heygem_daemon.spool.batch.claim:claim_batch",
    "a batch is followed": "heygem_daemon.service.batches:BatchTracker._add",
    "a batch goes on": "heygem_daemon.service.batches:BatchTracker._advance",
    "a batch's status": "heygem_daemon.service.batches:_batch_status",
    "a batch is closed": "heygem_daemon.spool.batch.close:closing_batch",
}


def break_for_evil(
    patch: pytest.MonkeyPatch,
    step: str,
    error: Callable[[], Exception],
    harness: ServiceHarness,
    after: bool = False,
    also: Collection[str] = (),
) -> list[float]:
    """Make ``step`` raise for whatever belongs to the item "evil"; ``after``: once it is done.
    ``also``: ids of other items that belong to it.

    Return the times at which it did, by the harness's clock; the list grows.
    """
    raised: list[float] = []
    module_name, _, name = step.partition(":")
    if name == "read_now":
        harness.read_sidecar = Dependencies().read_sidecar
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
        return any(word in text for text in texts for word in ("evil", *evil_ids, *also))

    @functools.wraps(real)
    def broken(*arguments: object, **keywords: object) -> object:
        values = arguments[1:] if classes else arguments
        evil = is_evil(values)
        if evil:
            raised.append(harness.clock.now)
        if evil and not after:
            raise error()
        result = real(*arguments, **keywords)
        if evil:
            raise error()
        return result

    patch.setattr(owner, function, broken)
    return raised


def is_kept(harness: ServiceHarness, name: str) -> bool:
    """Whether the file that was dropped is still anywhere in the spool."""
    files = (path for path in harness.spool.root.rglob("*") if path.is_file())
    return any(path.read_bytes() == name.encode() for path in files)


def is_told(log: Iterable[str]) -> bool:
    """Whether people can see in the log that something was wrong, beyond what a run without any
    fault logs."""
    told = (line for line in log if "ERROR" in line or "WARNING" in line)
    return any(not any(event in line for event in USUAL_WARNINGS) for line in told)


def check_others_are_served(
    harness: ServiceHarness, raised: list[float], most_tries: int = MOST_TRIES
) -> None:
    """Check that the other jobs are published, also after a restart, and that the error is told,
    and that the step is tried at most ``most_tries`` times in SECONDS."""
    service = harness.service()
    harness.run_rounds(service, SECONDS, EVERY)
    assert raised, "the step was not reached"
    assert len(raised) <= most_tries, raised
    assert is_told(harness.log)
    assert {"talk.json", "talk.mp4", "talk.png"} <= set(harness.outbox())
    assert is_kept(harness, "evil.wav")
    assert is_kept(harness, "evil.mp4")
    harness.kill(service)
    harness.drop("later.wav", "later.mp4")
    again = harness.service()
    harness.run_rounds(again, SECONDS, EVERY)
    assert {"later.json", "later.mp4", "later.png"} <= set(harness.outbox())
    assert is_kept(harness, "evil.wav")
    assert harness.status().counts.published >= 1
    assert len(raised) <= 2 * most_tries, raised


def test_a_run_without_a_fault_tells_nothing(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), SECONDS, EVERY)
    assert {"talk.json", "talk.mp4", "talk.png"} <= set(harness.outbox())
    assert not is_told(harness.log)


@pytest.mark.parametrize("error", ERRORS)
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
    (harness.spool.inbox / "evil.toml").write_text("crf = 20\n")
    raised = break_for_evil(monkeypatch, step, error, harness, after)
    is_scan = step == PAIR_STEPS["an entry is listed"]  # each of the three files in each scan
    check_others_are_served(harness, raised, 3 * MOST_TRIES if is_scan else MOST_TRIES)


@pytest.mark.parametrize("error", ERRORS)
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
    raised = break_for_evil(monkeypatch, step, error, harness, after)
    check_others_are_served(harness, raised)
