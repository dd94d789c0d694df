"""A long job makes room for somebody else's, and goes on where it stopped."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from heygem_daemon.protocol import Progress
from heygem_daemon.service import candidates, dispatch
from heygem_daemon.service.admission import DiskSpaceCheck
from heygem_daemon.service.candidates import Candidate, fairness_key
from heygem_daemon.service.loop import Service
from heygem_daemon.service.pauses import (
    MAX_DOUBLINGS,
    MAX_SHORT_DOUBLINGS,
    SLICE_SECONDS,
    START_SECONDS,
    UNSAVED_EARLY_SECONDS,
    UNSAVED_SECONDS,
    slice_seconds,
)
from heygem_daemon.service.queue import Queue
from heygem_daemon.service.turns import FairnessKey
from heygem_daemon.spool.job import Job
from heygem_daemon.system.units import GIB
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_fairness import drop_pairs
from tests.service.test_progress_notes import notes
from tests.service.test_queue import job

SETTLED = 10.0
"""Seconds in which a dropped pair settles and is claimed."""


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files belong to whoever their name begins with: only root can change an owner."""

    def key(candidate: Candidate) -> FairnessKey:
        return FairnessKey(candidate.name[0], fairness_key(candidate).batch)

    def owner_of(job: Job) -> str:
        return job.title[0]

    monkeypatch.setattr(candidates, "fairness_key", key)
    monkeypatch.setattr(dispatch, "owner_of", owner_of)


@pytest.fixture
def run(harness: ServiceHarness, owners: None) -> Callable[[float], None]:
    """A daemon whose first job does not end by itself; its others do."""
    harness.executor.answer = keep_running
    drop_pairs(harness, "a-long")
    service = harness.service()
    harness.run_rounds(service, SETTLED)
    assert len(harness.executor.submitted) == 1
    harness.executor.answer = rendered
    return lambda seconds: harness.run_rounds(service, seconds)


def test_a_long_job_makes_room_and_goes_on(
    harness: ServiceHarness, run: Callable[[float], None]
) -> None:
    run(100)
    assert harness.executor.paused == [], "nobody waits"
    drop_pairs(harness, "b-short")
    run(SETTLED + 3)
    long, short, again = [each.job_id for each in harness.executor.submitted]
    assert harness.executor.paused == [long]
    assert again == long != short
    assert {"a-long.mp4", "b-short.mp4"} <= set(harness.outbox())
    assert harness.logged("job pauses: b-short has its turn") == 1
    assert harness.logged("attempt 1") == 3, "a pause costs no attempt"


def test_a_job_runs_undisturbed_for_a_while(
    harness: ServiceHarness, run: Callable[[float], None]
) -> None:
    drop_pairs(harness, "b-short")
    began = harness.clock.now
    while not harness.executor.paused:
        run(0.25)
    assert harness.clock.now - began > SLICE_SECONDS - SETTLED
    assert harness.executor.submitted[0].job_id in harness.executor.paused


def test_jobs_of_the_same_owner_do_not_interrupt_each_other(
    harness: ServiceHarness, run: Callable[[float], None]
) -> None:
    drop_pairs(harness, "a-short")
    run(100)
    assert harness.executor.paused == []


def test_a_job_that_is_almost_done_goes_on(
    harness: ServiceHarness, run: Callable[[float], None]
) -> None:
    long = harness.executor.submitted[0].job_id
    harness.executor.emit_for_job(long, Progress(job_id=long, stage="review"))
    drop_pairs(harness, "b-short")
    run(100)
    assert harness.executor.paused == []


@pytest.fixture
def long(harness: ServiceHarness, run: Callable[[float], None]) -> str:
    """The id of the long job, while a short one of another owner waits."""
    drop_pairs(harness, "b-short")
    run(SETTLED)
    return harness.executor.submitted[0].job_id


def report(harness: ServiceHarness, job_id: str, chunk: int, frames: int, fps: float = 10) -> None:
    """Report the drawing of a job of 4 chunks with 1000 frames each."""
    message = Progress(
        job_id=job_id,
        stage="render",
        chunk=chunk,
        chunks=4,
        frames=frames,
        total_frames=4000,
        fps=fps,
    )
    harness.executor.emit_for_job(job_id, message)


def test_a_start_is_no_part_of_the_slice(
    harness: ServiceHarness, run: Callable[[float], None], long: str
) -> None:
    run(25)  # 20 s until the short job waits, and an engine that takes long to load
    assert harness.executor.paused == [], "it has had nothing of its turn yet"
    report(harness, long, chunk=1, frames=10)
    run(1)
    report(harness, long, chunk=2, frames=1001)
    run(SLICE_SECONDS)
    assert harness.executor.paused == [], "its start took longer than ten seconds"


def test_a_start_that_never_ends_does_not_keep_others_waiting(
    harness: ServiceHarness, run: Callable[[float], None], long: str
) -> None:
    run(START_SECONDS)
    assert harness.executor.paused == [long]


def start_a_long_job(harness: ServiceHarness) -> tuple[Service, str]:
    """Return a daemon whose job has just been started, and the job's id."""
    harness.executor.answer = keep_running
    service = harness.service()
    drop_pairs(harness, "a-long")
    while not harness.executor.submitted:
        harness.run_rounds(service, 0.25)
    return service, harness.executor.submitted[0].job_id


def test_a_job_pauses_where_a_chunk_ends(harness: ServiceHarness, owners: None) -> None:
    service, long = start_a_long_job(harness)
    report(harness, long, chunk=1, frames=10)
    drop_pairs(harness, "b-short")
    harness.run_rounds(service, 30)
    assert harness.executor.paused == [], "the chunk would be lost"
    report(harness, long, chunk=2, frames=1001)
    harness.run_rounds(service, 1)
    assert harness.executor.paused == [long]


def test_a_chunk_that_takes_long_is_lost_in_the_end(
    harness: ServiceHarness, run: Callable[[float], None], long: str
) -> None:
    report(harness, long, chunk=1, frames=10)
    run(UNSAVED_SECONDS - 5)
    assert harness.executor.paused == []
    run(60)  # the slice of a start that took 20 s is 100 s
    assert harness.executor.paused == [long]


def test_a_job_without_a_chunk_makes_room_soon(harness: ServiceHarness, owners: None) -> None:
    """One long video after the other may be tracked, none of which ever finishes a chunk."""
    service, long = start_a_long_job(harness)
    harness.executor.emit_for_job(long, Progress(job_id=long, stage="track"))
    drop_pairs(harness, "b-short")
    harness.run_rounds(service, UNSAVED_EARLY_SECONDS + 1)
    assert harness.executor.paused == [long]


@pytest.mark.parametrize("frames", [4000, 3990, 3600])
def test_a_job_whose_rest_is_shorter_than_a_pause_goes_on(
    harness: ServiceHarness, run: Callable[[float], None], long: str, frames: int
) -> None:
    report(harness, long, chunk=4, frames=frames)
    run(150)
    assert harness.executor.paused == []


def test_no_job_pauses_for_one_that_could_not_start(
    harness: ServiceHarness, run: Callable[[float], None]
) -> None:
    harness.free_memory = GIB // 4
    drop_pairs(harness, "b-short")
    run(150)
    assert harness.executor.paused == []
    assert harness.logged("job pauses") == 0
    harness.free_memory = 32 * GIB
    run(5)
    assert len(harness.executor.paused) == 1, "as soon as it could"


def test_no_job_pauses_for_one_that_lacks_disk_space(
    harness: ServiceHarness, run: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DiskSpaceCheck, "shortage_beside", lambda *_: "the disk is full")
    drop_pairs(harness, "b-short")
    run(150)
    assert harness.executor.paused == []


def test_a_job_that_cannot_be_looked_at_stops_no_pause(
    harness: ServiceHarness, run: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_lost, looks = harness.spool.is_lost, []

    def broken(job: Job) -> bool:
        if job.title == "b-evil":
            looks.append(harness.clock.now)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return is_lost(job)

    monkeypatch.setattr(harness.spool, "is_lost", broken)
    long = harness.executor.submitted[0].job_id
    drop_pairs(harness, "b-evil", "c-short")
    run(100)
    assert len(set(looks)) > 10, "in round after round"
    assert harness.executor.paused == [long]
    assert {"a-long.mp4", "c-short.mp4"} <= set(harness.outbox())


def test_a_pause_keeps_the_worker(harness: ServiceHarness, run: Callable[[float], None]) -> None:
    drop_pairs(harness, "b-short")
    run(150)
    assert len(harness.executor.submitted) == 3
    assert list(harness.executor.workers) == [1]
    assert harness.executor.retired == []


def test_each_fruitless_pause_doubles_the_time() -> None:
    """A job that cannot stop within its time, in its first stages, must end all the same."""
    queue = Queue()
    long = job("long")
    queued = queue.append(long, owner="a")
    assert slice_seconds(queued) == SLICE_SECONDS
    for number, gained in enumerate((False, False, True, False, True)):
        queue.remove(queued)
        queue.put_back_paused(queued, long, "pauses", gained=gained)
        (queued,) = queue
        expected = (1, 2, 2, 3, 3)[number]
        assert slice_seconds(queued) == SLICE_SECONDS * 2**expected
    assert (
        slice_seconds(replace(queued, fruitless_pauses=10**6)) == SLICE_SECONDS * 2**MAX_DOUBLINGS
    )
    endless = replace(queued, fruitless_pauses=10**6)
    for stage in ("probe", "listen"):
        assert slice_seconds(endless, stage=stage) == SLICE_SECONDS * 2**MAX_SHORT_DOUBLINGS
    assert slice_seconds(endless, stage="track") == SLICE_SECONDS * 2**MAX_DOUBLINGS


def test_a_paused_job_shows_how_far_it_came_and_who_goes_first(
    harness: ServiceHarness, owners: None
) -> None:
    """It waited as if it had never begun."""
    service, long = start_a_long_job(harness)
    harness.configure(language="en")
    report(harness, long, chunk=1, frames=10)
    drop_pairs(harness, "b-short", "b-second")
    harness.run_rounds(service, 30)
    report(harness, long, chunk=1, frames=990)
    report(harness, long, chunk=2, frames=1001)
    harness.run_rounds(service, 5)
    assert harness.executor.paused == [long]
    (paused,) = [each for each in harness.status().jobs if each.id == long]
    assert (paused.state, paused.first) == ("paused", "b-short")
    (b_short,) = [each for each in harness.status().jobs if each.state == "running"]
    assert b_short.name == "b-short"
    assert paused.percent is not None
    assert 50 < paused.percent < 75, "the first of four chunks is kept"
    said = f"pauses at {paused.percent} %, so that b-short goes first"
    root = harness.spool.root
    assert f"a-long: {said}\n" in (root / "status.txt").read_text()
    assert said in (root / "status.html").read_text()
    assert f"已暂停在 {paused.percent}%，先处理 b-short" in (root / "status.html").read_text()
    short = harness.executor.submitted[1]
    for message in rendered(short):
        harness.executor.emit_for_job(short.job_id, message)
    harness.run_rounds(service, 3)
    (again,) = [each for each in harness.status().jobs if each.id == long]
    if again.state == "paused":
        assert again.first == "", "it has ended"
        assert f"pauses at {paused.percent} %, so that others have their turn" in (
            (root / "status.txt").read_text()
        )
    while long not in harness.executor.busy.values():
        for each in list(harness.executor.busy.values()):
            render = next(r for r in harness.executor.submitted if r.job_id == each)
            for message in rendered(render):
                harness.executor.emit_for_job(each, message)
        harness.run_rounds(service, 3)
    (again,) = [each for each in harness.status().jobs if each.id == long]
    assert (again.state, again.percent) == ("running", paused.percent), "it does not begin anew"
    assert again.left_seconds is None, "what is done already shows when the drawing begins"


def test_after_a_restart_a_job_is_as_far_as_it_was(harness: ServiceHarness) -> None:
    service, long = start_a_long_job(harness)
    report(harness, long, chunk=1, frames=990)
    report(harness, long, chunk=2, frames=1001)
    harness.run_rounds(service, 2)
    service.request_stop()
    service._stop()
    harness.kill(service)
    again = harness.service()
    harness.run_rounds(again, 3)
    (running,) = harness.status().jobs
    assert running.percent is not None
    assert 50 < running.percent < 75
    harness.kill(again)
    harness.configure(active_hours=["02:00-02:01"], time_zone="UTC", language="en")
    harness.run_rounds(harness.service(), 3)
    (waiting,) = harness.status().jobs
    assert (waiting.state, waiting.percent) == ("queued", running.percent)
    said = f"done so far: {waiting.percent} %"
    assert said in (harness.spool.root / "status.txt").read_text()


def test_a_paused_job_keeps_its_file_beside_the_results(
    harness: ServiceHarness, owners: None
) -> None:
    """Whoever saw it go took the job for ended."""
    harness.configure(language="both")
    service, long = start_a_long_job(harness)
    report(harness, long, chunk=1, frames=990)
    drop_pairs(harness, "b-short")
    harness.run_rounds(service, 30)
    assert notes(harness) == {"a-long.rendering.txt"}
    report(harness, long, chunk=2, frames=1001)
    seen = list[set[str]]()
    for _ in range(40):
        service.run_round()
        harness.clock.now += 0.25
        seen.append(notes(harness))
    assert harness.executor.paused == [long]
    assert all("a-long.rendering.txt" in each for each in seen)
    text = (harness.spool.outbox / "a-long.rendering.txt").read_text()
    assert '"a-long" pauses, so that others have their turn.' in text
    assert "Done: " in text
    assert "暂停" in text
    service.request_stop()
    service._stop()
    assert notes(harness) == set()


def tracked(long: str, frames: int) -> Progress:
    return Progress(job_id=long, stage="track", frames=frames, total_frames=1000)


def test_tracking_that_was_lost_once_is_not_lost_again_near_its_end(
    harness: ServiceHarness, owners: None
) -> None:
    """A job that needed 83 s to find the face lost 20 s of it, then 51 s, and then all of it."""
    service, long = start_a_long_job(harness)
    harness.executor.answer = lambda each: [] if each.job_id == long else rendered(each)
    harness.executor.emit_for_job(long, tracked(long, 100))
    drop_pairs(harness, "b-short")
    harness.run_rounds(service, UNSAVED_EARLY_SECONDS + 1)
    assert harness.executor.paused == [long], "the first time others do not wait"
    while long not in harness.executor.busy.values():
        harness.run_rounds(service, 0.25)
    harness.executor.emit_for_job(long, tracked(long, 10))
    drop_pairs(harness, "b-second")
    harness.run_rounds(service, UNSAVED_EARLY_SECONDS)
    harness.executor.emit_for_job(long, tracked(long, 600))
    harness.run_rounds(service, 1.75 * UNSAVED_EARLY_SECONDS)
    assert harness.executor.paused == [long], "less is left than would be lost"
    harness.run_rounds(service, 2.5 * UNSAVED_EARLY_SECONDS)
    assert harness.executor.paused == [long] * 2, "it had longer than its progress promised"
