"""How far a running job is as a whole, and how long it still takes. Pure, but for one that looks
into a folder.

Both come from how long it is expected to be in each stage: as long as the last jobs of its engine.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from heygem_daemon.protocol import Progress
from heygem_daemon.report.stages import LOADING, STAGES
from heygem_daemon.service.drawn import DRAWING, seconds_to_draw
from heygem_daemon.service.pace import USUAL_SHARES, Pace, time_left
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.kept_chunks import count_chunks

MOST_PERCENT = 99
"""What a job shows before it has ended."""

LEAST_SECONDS = 2.0
"""Less than that is not shown: it would be over before it is read."""

TELLING_SHARE = 0.1
"""From which share of a stage on its own speed tells how long it still takes."""


def percent_of(progress: Progress | None, pace: Pace | None, length: float = 0.0) -> int:
    """Return how many per cent of a job are done. ``progress``: its last one; None: its engine is
    being loaded. ``pace``: that of the last jobs; None: not known. ``length``: seconds of its
    result; 0: not known."""
    shares = {stage: _expected(stage, pace, length) for stage in STAGES}
    stage = progress.stage if progress else LOADING
    done = sum(shares[each] for each in stages_before(stage))
    done += shares[stage] * (share_of_stage(progress) if progress else 0.0)
    return min(MOST_PERCENT, int(100 * done / sum(shares.values())))


def with_kept_percent(job: Job, chunk_seconds: float) -> Job:
    """Return a claimed job with how many per cent of it are kept, by its finished chunks: where the
    daemon died, nobody noted it. ``chunk_seconds``: how long a chunk is."""
    finished = count_chunks(job.workspace)
    if not finished:
        return job
    total = math.ceil(job.journal.seconds / chunk_seconds)  # 0 where its length is not known
    drawn = Progress(job_id=job.id, stage=DRAWING, frames=finished, total_frames=total)
    percent = max(job.journal.percent, percent_of(drawn, None))
    return replace(job, journal=job.journal.model_copy(update={"percent": percent}))


def seconds_left(
    pace: Pace | None, progress: Progress | None, length: float, since_start: float, in_stage: float
) -> float | None:
    """Return how long a job still takes, in seconds; None: not known. ``since_start``,
    ``in_stage``: for how long it has been at work, and in its stage. The others are as in
    ``percent_of``."""
    if pace is None:
        return _by_usual_shares(progress, in_stage) if progress else None
    stage = progress.stage if progress else LOADING
    own = left_by_speed(progress, in_stage) if progress else None
    if own is None:
        own = time_left(pace.in_stage(stage, length), in_stage)
    if own is None and time_left(pace.expected(length), since_start) is not None:
        own = 0.0  # it is longer than in the last jobs, but this job is not
    after = sum(_expected(each, pace, length) for each in stages_after(stage))
    return None if own is None else own + after


def share_of_stage(progress: Progress) -> float:
    """Return which share of its stage is done, from 0 to 1, as far as its frames show it."""
    if progress.total_frames <= 0:
        return 0.0
    return min(1.0, progress.frames / progress.total_frames)


def stages_before(stage: str) -> Sequence[str]:
    """Return the stages that come before one."""
    stages = list(STAGES)
    return stages[: stages.index(stage)]


def stages_after(stage: str) -> Sequence[str]:
    """Return the stages that follow one."""
    stages = list(STAGES)
    return stages[stages.index(stage) + 1 :]


def _expected(stage: str, pace: Pace | None, length: float) -> float:
    """Return how long a stage is expected to take, in seconds; without a pace in parts of a
    job."""
    return USUAL_SHARES[stage] if pace is None else median(pace.in_stage(stage, length))


def left_by_speed(progress: Progress, in_stage: float) -> float | None:
    """Return how long a stage still takes at its own speed, in seconds; None: that does not show
    it. Of a drawing the frames of earlier attempts count too, and tell nothing of its speed."""
    if progress.stage == DRAWING:
        return seconds_to_draw(progress)
    share = share_of_stage(progress)
    return in_stage * (1.0 - share) / share if share >= TELLING_SHARE else None


def _by_usual_shares(progress: Progress, in_stage: float) -> float | None:
    """Return how long a job still takes by the speed of its present stage, where that is a large
    one: the search for the face takes as long as the video is, which says nothing of what
    follows."""
    own = left_by_speed(progress, in_stage)
    if progress.stage not in (DRAWING, "review") or own is None:
        return None
    is_drawn = progress.stage == DRAWING
    whole = progress.total_frames / progress.fps if is_drawn else in_stage + own
    after = sum(USUAL_SHARES[each] for each in stages_after(progress.stage))
    return own + whole * after / USUAL_SHARES[progress.stage]
