"""Whatever one item raises at the start or in a purge: the others are recovered and purged."""

import json
from collections.abc import Callable

import pytest

from heygem_daemon.service.sweeper import REST_SECONDS
from heygem_daemon.spool.clock_record import DAY_SECONDS
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_isolation import ERRORS, EVERY, break_for_evil, is_kept, is_told

RECOVERY_STEPS = {
    "a folder is recovered": "heygem_daemon.spool.recovery:_recover_folder",
    "a job is recovered": "heygem_daemon.spool.recovery:_recover_job",
    "a batch's journal is read": "heygem_daemon.spool.batch.journal:load_batch",
    "a record is checked": "heygem_daemon.spool.recovery:set_aside_unreadable",
    "a job is queued": "heygem_daemon.service.dispatch:owner_of",
}
PURGE_STEPS = {
    "a published job is examined": "heygem_daemon.spool.retention:_search_published",
    "its record is read": "heygem_daemon.spool.retention:load_record",
    "its results are found": "heygem_daemon.spool.retention:_expired_job",
    "an item is deleted": "heygem_daemon.spool.retention:_deleting_item",
    "a cache entry is examined": "heygem_daemon.spool.retention:read_last_use",
    "a cache entry is stamped": "heygem_daemon.spool.cached_entries:_stamp_if_unused",
    "a log is examined": "heygem_daemon.spool.retention:_search_log",
}


def record_ids(harness: ServiceHarness, name: str) -> list[str]:
    """Return the ids of the finished jobs of that name."""
    found = (json.loads(path.read_text()) for path in harness.spool.finished.iterdir())
    return [each["journal"]["id"] for each in found if each["journal"]["name"] == name]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("step", RECOVERY_STEPS.values(), ids=RECOVERY_STEPS)
def test_a_job_that_cannot_be_recovered_holds_no_other(
    harness: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: Callable[[], Exception],
) -> None:
    harness.drop("evil.wav", "evil.mp4")
    service = harness.service()
    harness.run_rounds(service, 20, EVERY)  # a record of another job of that name
    harness.executor.answer = keep_running
    (harness.spool.outbox / "evil.mp4").rename(harness.spool.inbox / "evil.mp4")
    harness.drop("evil.wav", "evil.mp4", "talk.wav", "talk.mp4")
    harness.run_rounds(service, 20, EVERY)
    assert harness.processing() == 2
    harness.kill(service)
    harness.executor.answer = rendered
    ids = record_ids(harness, "evil")
    before = len(harness.log)
    with monkeypatch.context() as patch:
        raised = break_for_evil(patch, step, error, harness, also=ids)
        harness.run_rounds(harness.service(), 70, EVERY)
    assert 1 <= len(raised) <= 8, raised
    assert is_told(harness.log[before:])
    assert {"talk.json", "talk.mp4", "talk.png"} <= set(harness.outbox())
    assert is_kept(harness, "evil.wav")
    assert is_kept(harness, "evil.mp4")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("step", PURGE_STEPS.values(), ids=PURGE_STEPS)
def test_an_item_that_cannot_be_purged_holds_no_other(
    harness: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: Callable[[], Exception],
) -> None:
    harness.configure(retention_days=7)
    harness.drop("evil.wav", "evil.mp4")
    service = harness.service()
    harness.run_rounds(service, 20, EVERY)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20, EVERY)
    make_caches_and_logs(harness)
    assert {"evil.mp4", "talk.mp4"} <= set(harness.outbox())
    with monkeypatch.context() as patch:
        ids = [*record_ids(harness, "evil"), "2001-01-01"]
        before = len(harness.log)
        raised = break_for_evil(patch, step, error, harness, also=ids)
        harness.clock.now += 8 * DAY_SECONDS
        harness.run_rounds(service, 20, EVERY)
        assert 1 <= len(raised) <= 20, raised
        assert is_told(harness.log[before:])
        assert not [name for name in harness.outbox() if name.startswith("talk")]
        assert not (harness.spool.cache / "templates" / "old").exists()
        assert not (harness.spool.logs / "heygem-daemon.log.2001-01-02").exists()
    harness.clock.now += REST_SECONDS
    harness.run_rounds(service, 20, EVERY)
    assert harness.outbox() == []
    assert not any(harness.spool.logs.iterdir())


def make_caches_and_logs(harness: ServiceHarness) -> None:
    for name in ("evil", "old"):
        entry = harness.spool.cache / "templates" / name
        entry.mkdir(parents=True)
        if name == "old":
            (entry / "used").write_text("0\n")
    for day in ("2001-01-01", "2001-01-02"):
        (harness.spool.logs / f"heygem-daemon.log.{day}").write_text("")
