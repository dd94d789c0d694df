"""The order of the queue."""

from dataclasses import replace
from pathlib import Path

from heygem_daemon.config.folders import PriorityCaps
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.service.queue import MAX_BACKOFF_SECONDS, Queue, QueuedJob, backoff_seconds
from heygem_daemon.spool.job import Job, Journal


def next_of(queue: Queue, now: float) -> QueuedJob | None:
    return next(iter(queue.due(now)), None)


def job(identity: str) -> Job:
    journal = Journal(
        id=identity, name=identity, audio_name="a.wav", video_name="a.mp4", claimed_at=0.0
    )
    folder = Path("/p") / identity
    return Job(identity, identity, folder, folder / "audio.wav", folder / "video.mp4", journal)


def queue_of(*identities: str) -> Queue:
    queue = Queue()
    for identity in identities:
        queue.append(job(identity))
    return queue


def names(queue: Queue) -> list[str]:
    return [queued.job.id for queued in queue]


def test_pauses_double_up_to_ten_minutes() -> None:
    assert [backoff_seconds(faults) for faults in (1, 2, 3)] == [5.0, 10.0, 20.0]
    assert backoff_seconds(9) == backoff_seconds(10_000) == MAX_BACKOFF_SECONDS


def test_the_first_to_come_is_the_first() -> None:
    queue = queue_of("b", "a")
    first = next_of(queue, 0.0)
    assert first is not None
    assert first.job.id == "b"
    assert len(queue) == 2
    queue.remove(first)
    assert names(queue) == ["a"]


def test_a_pausing_job_keeps_its_place_but_is_passed_over() -> None:
    queue = queue_of("a", "b")
    a = next_of(queue, 0.0)
    assert a is not None
    queue.remove(a)
    back = queue.put_back(a, a.job, "disk full", 100.0)
    assert (back.ready_at, back.reason) == (105.0, "disk full")
    assert names(queue) == ["a", "b"]
    passed = next_of(queue, 104.0)
    assert passed is not None
    assert passed.job.id == "b"
    assert len(list(queue.due(104.0))) == 1
    assert next_of(queue, 105.0) == back


def test_each_fault_in_a_row_makes_the_pause_longer() -> None:
    queue = queue_of("a")
    queued = next_of(queue, 0.0)
    assert queued is not None
    for ready_at in (5.0, 10.0, 20.0):
        queued = queue.put_back(queued, queued.job, "x", 0.0)
        assert queued.ready_at == ready_at


def test_a_job_that_is_tried_again_comes_last_and_without_a_pause() -> None:
    queue = queue_of("a", "b")
    a = next_of(queue, 0.0)
    assert a is not None
    queue.remove(a)
    queue.append(a.job, "tried again")
    assert names(queue) == ["b", "a"]
    assert len(list(queue.due(0.0))) == 2


def test_an_empty_queue_has_no_first() -> None:
    assert next_of(Queue(), 0.0) is None


def urgent(identity: str, priority: int) -> Job:
    plain = job(identity)
    options = JobOptions(priority=priority)
    return replace(plain, journal=plain.journal.model_copy(update={"options": options}))


def test_the_highest_priority_is_first_and_equals_keep_their_order() -> None:
    queue = queue_of("a", "b")
    queue.append(urgent("c", 5))
    queue.append(urgent("d", -1))
    queue.append(urgent("e", 5))
    assert names(queue) == ["c", "e", "a", "b", "d"]
    assert [queued.priority for queued in queue] == [5, 5, 0, 0, -1]


def test_a_priority_above_the_highest_that_is_allowed_counts_as_that() -> None:
    queue = Queue(PriorityCaps(3))
    for each in (urgent("a", 1), urgent("b", 3), urgent("c", 100)):
        queue.append(each)
    assert names(queue) == ["b", "c", "a"]
    assert [queued.priority for queued in queue] == [3, 3, 1]


def test_a_crashed_job_goes_behind_its_equals_and_pauses() -> None:
    queue = queue_of("a", "b")
    a = next_of(queue, 0.0)
    assert a is not None
    queue.remove(a)
    queue.append(a.job, "attempt 1 of 3 crashed", 105.0)
    assert names(queue) == ["b", "a"]
    assert [len(list(queue.due(now))) for now in (100.0, 105.0)] == [1, 2]
