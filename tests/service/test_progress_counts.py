"""Attempts count failures without progress, and a retry goes on with the finished chunks."""

from pathlib import Path

import pytest

from heygem_daemon.protocol import Crashed, FromWorker, Progress, Refused, Render
from heygem_daemon.render.chunks import Chunk
from heygem_daemon.spool.attempt_count import MAX_DEATHS
from heygem_daemon.spool.cached_entries import LAST_USE_FILE
from heygem_daemon.spool.job import SEGMENT
from heygem_daemon.spool.kept_chunks import count_chunks
from heygem_daemon.worker.executor import WorkerDied
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness

Messages = list[FromWorker | WorkerDied]


class Drawing:
    """A worker that finishes ``chunks_each`` chunks in each attempt, and then ends."""

    def __init__(self, chunks_each: int, end: str = "") -> None:
        self.chunks_each = chunks_each
        self.end = end
        self.found: list[int] = []
        """How many chunks each attempt found."""

    def __call__(self, render: Render) -> Messages:
        workspace = Path(render.workspace)
        before = count_chunks(workspace)
        self.found.append(before)
        for number in range(before, before + self.chunks_each):
            Chunk(number, 0, 1).segment_path(workspace).write_text(str(number))
        if self.end == "crash":
            return [Crashed(job_id=render.job_id, error="bug", traceback="")]
        if self.end == "die":
            return [WorkerDied("was killed", render.job_id)]
        if self.end == "refuse":
            return [Refused(job_id=render.job_id, reason="No face.", remedy="")]
        return keep_running(render)


@pytest.fixture
def talk(harness: ServiceHarness) -> ServiceHarness:
    harness.drop("talk.wav", "talk.mp4")
    return harness


def test_names_of_segments_are_those_of_the_renderer() -> None:
    whole = Chunk(12, 0, 9)
    for chunk in (whole, *whole.halves(), *whole.halves()[0].halves(), Chunk(1, 0, 9, "", ".mov")):
        assert SEGMENT.fullmatch(chunk.segment_path(Path()).name)
    assert not SEGMENT.fullmatch(".segment-00001.mp4")
    assert not SEGMENT.fullmatch("plan.json")


def test_many_deaths_of_the_daemon_do_not_fail_a_job_that_makes_progress(
    talk: ServiceHarness,
) -> None:
    drawing = talk.executor.answer = Drawing(1)
    for _ in range(7):
        daemon = talk.service()
        talk.run_rounds(daemon, 10)
        talk.kill(daemon)
    assert drawing.found == [0, 1, 2, 3, 4, 5, 6]
    talk.executor.answer = rendered
    assert talk.service().run_once().published == 1


class Tracking:
    """A worker that follows the face in each attempt, and does not come to the first chunk."""

    def __init__(self) -> None:
        self.attempts = 0

    def __call__(self, render: Render) -> Messages:
        self.attempts += 1
        return [Progress(job_id=render.job_id, stage="track"), *keep_running(render)]


def test_the_daemon_may_die_often_while_a_job_has_no_chunk_yet(talk: ServiceHarness) -> None:
    talk.executor.answer = Tracking()
    for _ in range(8):
        daemon = talk.service()
        talk.run_rounds(daemon, 10)
        talk.kill(daemon)
    talk.executor.answer = rendered
    assert talk.service().run_once().published == 1


def test_a_job_that_works_at_every_death_of_the_daemon_fails_in_the_end(
    talk: ServiceHarness,
) -> None:
    tracking = talk.executor.answer = Tracking()
    for _ in range(MAX_DEATHS + 3):
        daemon = talk.service()
        talk.run_rounds(daemon, 10)
        talk.kill(daemon)
    assert tracking.attempts == MAX_DEATHS
    reason = (talk.spool.failed / "talk" / "reason.txt").read_text()
    assert f"The daemon itself ended, or its machine, {MAX_DEATHS} times" in reason


def test_a_death_of_the_worker_at_work_counts_as_before(talk: ServiceHarness) -> None:
    def answer(render: Render) -> Messages:
        message = Progress(job_id=render.job_id, stage="track")
        return [message, WorkerDied("was killed", render.job_id)]

    talk.executor.answer = answer
    talk.run_rounds(talk.service(), 120)
    assert talk.status().counts.failed == 1


def test_a_stop_at_work_costs_nothing(talk: ServiceHarness) -> None:
    talk.executor.answer = Tracking()
    for _ in range(5):
        daemon = talk.service()
        talk.run_rounds(daemon, 10)
        daemon._stop()
        talk.kill(daemon)
    (job,) = talk.spool.recover()
    assert (job.journal.attempts, job.journal.deaths, job.journal.at_work) == (0, 0, False)


def test_deaths_without_progress_are_not_called_a_fault_of_the_program(
    talk: ServiceHarness,
) -> None:
    talk.executor.answer = Drawing(0)
    for _ in range(3):
        daemon = talk.service()
        talk.run_rounds(daemon, 10)
        talk.kill(daemon)
    assert talk.service().run_once().failed == 1
    reason = (talk.spool.failed / "talk" / "reason.txt").read_text()
    assert "The daemon itself ended, or its machine, 3 times" in reason
    assert "fault of the program" not in reason


@pytest.mark.parametrize("end", ["crash", "die"])
def test_crashes_count_only_in_a_row_without_progress(talk: ServiceHarness, end: str) -> None:
    drawing = talk.executor.answer = Drawing(1, end)
    service = talk.service()
    talk.run_rounds(service, 120)
    assert len(drawing.found) > 5
    assert talk.status().counts.failed == 0
    drawing.chunks_each = 0
    talk.run_rounds(service, 120)
    assert talk.status().counts.failed == 1
    assert "crashed in 3 attempts" in (talk.spool.failed / "talk" / "reason.txt").read_text()


def test_a_retry_goes_on_with_the_finished_chunks(talk: ServiceHarness) -> None:
    drawing = talk.executor.answer = Drawing(3, "refuse")
    assert talk.service().run_once().failed == 1
    assert talk.spool.retry("talk") == "talk"
    talk.service().run_once()
    assert drawing.found == [0, 3]
    assert not (talk.spool.failed / "talk" / "work").exists()


def test_other_files_of_the_same_name_get_no_chunks(talk: ServiceHarness) -> None:
    drawing = talk.executor.answer = Drawing(3, "refuse")
    assert talk.service().run_once().failed == 1
    talk.drop("talk.wav", "talk.mp4")
    talk.service().run_once()
    assert drawing.found == [0, 0]


def test_kept_chunks_go_with_the_job_that_is_removed(talk: ServiceHarness) -> None:
    talk.executor.answer = Drawing(3, "refuse")
    assert talk.service().run_once().failed == 1
    kept = talk.spool.cache / "chunks"
    assert len(list(kept.iterdir())) == 1
    talk.spool.ended.remove("talk")
    assert list(kept.iterdir()) == []


def test_the_age_of_chunks_counts_from_the_last_time_they_were_kept(talk: ServiceHarness) -> None:
    talk.executor.answer = Drawing(3, "refuse")
    assert talk.service().run_once().failed == 1
    (kept,) = (talk.spool.cache / "chunks").iterdir()
    (kept / LAST_USE_FILE).write_text("0")
    talk.spool.retry("talk")
    assert talk.service().run_once().failed == 1
    assert count_chunks(kept) > 0
    assert not (kept / LAST_USE_FILE).exists()


def test_kept_chunks_are_purged_with_the_cache(talk: ServiceHarness) -> None:
    talk.executor.answer = Drawing(3, "refuse")
    service = talk.service()
    talk.run_rounds(service, 15)
    kept = talk.spool.cache / "chunks"
    assert len(list(kept.iterdir())) == 1
    talk.clock_synchronized = True
    for pause in (3700, 9 * 86_400, 3700):  # the hourly sweep stamps new entries of the cache
        talk.clock.now += pause
        talk.run_rounds(service, 10)
    assert list(kept.iterdir()) == []
