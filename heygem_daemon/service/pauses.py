"""Decides which running job pauses, so that another owner's job does not wait for its end. No I/O.

Without pauses a short job waits for hours behind a long one. A paused job goes on at its last
finished chunk.
"""

from collections.abc import Sequence

from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob

SLICE_SECONDS = 10.0
"""How long a job runs at least while others wait. It doubles each time that the job had to pause
before it finished another chunk, so that in the end it does."""

MAX_DOUBLINGS = 12
"""Half a day: longer than any stage that cannot be resumed takes."""

LAST_STAGES = ("join", "review")
"""They take seconds, and then the job is done."""


def slice_seconds(queued: QueuedJob) -> float:
    """Return how long a job runs at least while others wait."""
    return SLICE_SECONDS * 2.0 ** min(queued.fruitless_pauses, MAX_DOUBLINGS)


def find_job_to_pause(
    running: Sequence[RunningJob], first: QueuedJob | None, capacity: int, now: float
) -> RunningJob | None:
    """Return the job that has to make room at monotonic time ``now``; None: none has to.

    ``first``: the queued job whose turn is next; ``capacity``: how many jobs can run at once. A job
    of an owner who has a device already never makes another pause.
    """
    if first is None or len(running) < capacity or any(each.is_pausing for each in running):
        return None
    if any(each.queued.key.owner == first.key.owner for each in running):
        return None
    overdue = [
        each
        for each in running
        if now - each.begun_at >= slice_seconds(each.queued)
        and (each.progress is None or each.progress.stage not in LAST_STAGES)
    ]
    return min(overdue, key=lambda each: each.begun_at, default=None)


def finished_chunks(running: RunningJob) -> int:
    """Return how many chunks of a job are on disk."""
    progress = running.progress
    return 0 if progress is None or progress.stage != "render" else max(0, progress.chunk - 1)
