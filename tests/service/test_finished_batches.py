"""A batch is one entry of the status and of the page, with its members, also after a restart."""

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.page.ended import BatchResult, find_results
from heygem_daemon.page.failed import find_failures
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.report.status import Status
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_batches import refuse_two, until_closed


def standpoint(harness: ServiceHarness) -> Standpoint:
    return Standpoint(7.0, lambda path: (harness.spool.root / path).exists())


def results(harness: ServiceHarness, status: Status) -> list[BatchResult]:
    found = find_results(status, standpoint(harness))
    return [each for each in found if isinstance(each, BatchResult)]


def test_a_finished_batch_is_one_entry_before_and_after_a_restart(harness: ServiceHarness) -> None:
    harness.executor.answer = refuse_two(harness)
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    until_closed(harness, service)
    harness.run_rounds(service, 6)
    before = harness.status()
    (batch,) = before.finished_batches
    assert (batch.name, batch.members, batch.published, batch.failed) == ("show", 3, 2, 1)
    assert batch.zip == "outbox/show/show.zip"
    (entry,) = results(harness, before)
    assert (entry.count, entry.unlisted) == ("2 of 3 published, 1 failed", 0)
    assert entry.zip == "./outbox/show/show.zip"
    assert entry.failures == "./failed/show/"
    assert [each.place for each in entry.members] == ["outbox/show/1.mp4", "outbox/show/3.mp4"]
    assert entry.deleted > entry.finished
    (failure,) = find_failures(before, standpoint(harness))
    assert (failure.name, failure.place) == ("show/", "failed/show")
    assert [each.place for each in failure.members] == ["failed/show/2"]
    harness.kill(service)

    restarted = harness.service()
    harness.run_rounds(restarted, 2)
    after = harness.status()
    assert after.finished_batches == before.finished_batches
    assert results(harness, after) == [entry]
    assert find_failures(after, standpoint(harness)) == (failure,)


def test_a_batch_under_way_shows_what_it_has_after_a_restart_too(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    service = harness.service()
    harness.executor.answer = keep_running
    harness.run_rounds(service, 8)
    for message in rendered(harness.executor.submitted[-1]):
        harness.executor.emit(CPU, message)
    harness.run_rounds(service, 2)
    (entry,) = results(harness, harness.status())
    assert (entry.count, entry.finished, entry.zip) == ("1 of 2 published", "", "")
    harness.kill(service)
    harness.run_rounds(harness.service(), 2)
    assert results(harness, harness.status()) == [entry]


def test_what_somebody_removed_is_not_listed(harness: ServiceHarness) -> None:
    harness.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    service = harness.service()
    harness.run_rounds(service, 8)
    until_closed(harness, service)
    harness.run_rounds(service, 6)
    harness.spool.ended.remove("show/1")
    (entry,) = results(harness, harness.status())
    assert ([each.name for each in entry.members], entry.zip) == (["2"], "")
    harness.spool.ended.remove("show")
    assert results(harness, harness.status()) == []
