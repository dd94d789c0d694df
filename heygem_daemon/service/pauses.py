"""Decides which running job pauses, so that another owner's job does not wait for its end. No I/O.

Without pauses a short job waits for hours behind a long one. A paused job goes on at its last
finished chunk.
"""

from collections.abc import Sequence

from heygem_daemon.service.drawn import seconds_to_draw
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.whole_job import left_by_speed

SLICE_SECONDS = 10.0
"""How long a job makes progress at least while others wait. It doubles each time that the job had
to pause before it finished another chunk, so that in the end it does."""

SLICE_STARTS = 5.0
"""How many times as long as its start a job makes progress at least, so that a pause costs little
of the machine's time."""

START_SECONDS = 60.0
"""After so long without any progress a job counts as begun: others do not wait for its start."""

SAVED_SECONDS = 3.0
"""How soon after the end of a chunk a job pauses: what it draws of the next one is lost."""

UNSAVED_SECONDS = 60.0
"""A job that has finished no chunk for so long pauses all the same, and loses what it did since.
It doubles like the slice, so that a chunk or a stage that takes longer ends too."""

UNSAVED_EARLY_SECONDS = 20.0
"""The same before the first chunk is begun: somebody may drop one long video after the other, of
which none ever finishes a chunk."""

PATIENT_TIMES = 2
"""By what factor a job may go on longer that has lost its tracking before and is more than half
through it. By then the tracking has ended, unless the reported progress was wrong."""

MAX_DOUBLINGS = 12
"""Half a day: longer than any stage that cannot be resumed takes."""

SHORT_STAGES = ("probe", "listen")
MAX_SHORT_DOUBLINGS = 4
"""In a short stage, which takes five minutes at most: what takes longer is damaged or hostile, and
would keep others waiting ever longer."""

LAST_STAGES = ("join", "review")
"""They take seconds, and then the job is done."""


def slice_seconds(queued: QueuedJob, start_seconds: float = 0.0, stage: str | None = None) -> float:
    """Return how long a job makes progress at least while others wait. ``start_seconds``: the time
    from its start to its first progress. ``stage``: in which it is; None: its engine is loaded."""
    return max(SLICE_SECONDS, SLICE_STARTS * start_seconds) * _doubling(queued, stage)


def find_jobs_that_may_pause(
    running: Sequence[RunningJob], capacity: int, now: float
) -> list[RunningJob]:
    """Return the jobs that may make room at monotonic time ``now``, the one that runs longest
    first. ``capacity``: how many jobs can run at once."""
    if len(running) < capacity or any(each.is_pausing for each in running):
        return []
    return sorted(
        (each for each in running if _may_pause(each, now)), key=lambda each: each.began_at
    )


def may_interrupt(queued: QueuedJob, running: Sequence[RunningJob]) -> bool:
    """Return whether a running job may pause for ``queued``: an owner who has a device already
    never makes another's job pause."""
    return all(each.queued.key.owner != queued.key.owner for each in running)


def _may_pause(running: RunningJob, now: float) -> bool:
    first_at, progress = running.first_progress_at, running.progress
    if first_at is None or progress is None:
        return now - running.began_at >= START_SECONDS + slice_seconds(running.queued)
    start_seconds = first_at - running.began_at
    if now - first_at < slice_seconds(running.queued, start_seconds, progress.stage):
        return False
    saved_at = first_at if running.saved_at is None else running.saved_at
    unsaved = now - saved_at
    if _is_almost_done(running, start_seconds + unsaved):
        return False
    has_just_saved = running.saved_at is not None and unsaved <= SAVED_SECONDS
    patience = UNSAVED_SECONDS if progress.stage == "render" else UNSAVED_EARLY_SECONDS
    patience *= _doubling(running.queued, progress.stage)
    if unsaved < PATIENT_TIMES * patience and _has_almost_tracked(running, unsaved, now):
        return False
    return has_just_saved or unsaved >= patience


def _has_almost_tracked(running: RunningJob, unsaved: float, now: float) -> bool:
    """Return whether a job that has lost its tracking before has less of it left than it would lose
    again."""
    progress = running.progress
    if progress is None or progress.stage != "track" or not running.queued.fruitless_pauses:
        return False
    left = left_by_speed(progress, now - running.stage_began_at)
    return left is not None and left <= unsaved


def _is_almost_done(running: RunningJob, cost_seconds: float) -> bool:
    """Return whether a job's end is nearer than what a pause would cost: another start, and the
    work since its last finished chunk."""
    progress = running.progress
    if progress is None:
        return False
    if progress.stage in LAST_STAGES:
        return True
    if progress.stage != "render" or progress.total_frames <= 0:
        return False
    left = seconds_to_draw(progress)
    return progress.frames >= progress.total_frames or (left is not None and left <= cost_seconds)


def _doubling(queued: QueuedJob, stage: str | None) -> float:
    most = MAX_SHORT_DOUBLINGS if stage in SHORT_STAGES else MAX_DOUBLINGS
    return 2.0 ** min(queued.fruitless_pauses, most)
