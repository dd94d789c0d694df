"""Records the progress of running jobs, and logs it: stages, chunks, and a sign of life."""

from heygem_daemon.events.jobs import ChunkDone, ChunkTakenOver, JobGoesOn, StageBegan
from heygem_daemon.protocol import Progress
from heygem_daemon.service.drawn import DRAWING, percent_drawn, seconds_to_draw
from heygem_daemon.service.running_jobs import RunningJob, job_logger
from heygem_daemon.service.whole_job import percent_of

LONG_SECONDS = 60.0
"""A job that runs for so long has its stages logged. It is also the longest time in which nothing
is logged of a job that makes progress."""


def record_progress(running: RunningJob, progress: Progress, now: float) -> None:
    """Record and log a job's progress at monotonic time ``now``."""
    done = finished_chunk(running.progress, progress)
    if done is not None:
        _log_chunk(running, done, now)
        if done.fps:
            running.saved_at, running.kept_percent = now, running.percent
    if running.first_progress_at is None:
        running.first_progress_at = now
    stage_before = running.progress.stage if running.progress else "load"
    if stage_before != progress.stage:
        _log_stage(running, stage_before, progress, now)
    elif done is None and now - running.logged_at >= LONG_SECONDS:
        percent, left = percent_drawn(progress), seconds_to_draw(progress)
        seconds = round(now - running.stage_began_at, 1)
        JobGoesOn(progress.stage, seconds, percent, left).log(job_logger(running.job))
        running.logged_at = now
    running.progress = progress
    running.progress_at = now
    # A video that is turned is searched anew, and a stage may have another share than it had.
    running.percent = max(
        running.percent, percent_of(progress, running.pace, running.job.journal.seconds)
    )
    if stage_before != progress.stage == DRAWING:  # the face that was found is kept
        running.kept_percent = running.percent


def finished_chunk(before: Progress | None, after: Progress) -> Progress | None:
    """Return the last progress within a chunk if ``after`` shows that the chunk is done."""
    if before is None or before.stage != "render" or before.chunk == 0:
        return None
    return before if after.stage != "render" or after.chunk > before.chunk else None


def _log_chunk(running: RunningJob, done: Progress, now: float) -> None:
    about = job_logger(running.job)
    running.logged_at = now
    if not done.fps:  # no frames drawn: the chunk is from an earlier attempt
        ChunkTakenOver(done.chunk, done.chunks).log(about)
        return
    left = seconds_to_draw(done)
    percent = percent_drawn(done) or 0
    ChunkDone(done.chunk, done.chunks, round(done.fps, 1), percent, left).log(about)


def _log_stage(running: RunningJob, before: str, progress: Progress, now: float) -> None:
    is_long = now - running.began_at >= LONG_SECONDS
    event = StageBegan(progress.stage, before, round(now - running.stage_began_at, 1))
    event.log(job_logger(running.job), level="INFO" if is_long else "DEBUG")
    running.stage_began_at = now
    if is_long:
        running.logged_at = now
