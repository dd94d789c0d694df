"""How far a running job is as a whole, and how long it still takes. Pure.

Each stage has the share of a job that it had in the last jobs of its engine.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from heygem_daemon.protocol import Progress
from heygem_daemon.report.stages import LOADING, STAGES
from heygem_daemon.service.drawn import seconds_to_draw
from heygem_daemon.service.pace import DRAWING, Pace, stages_after

USUAL_SHARES: Mapping[str, float] = {
    "load": 0.08,
    "probe": 0.01,
    "listen": 0.02,
    "track": 0.46,
    "render": 0.21,
    "join": 0.01,
    "review": 0.21,
}
"""What is taken before some jobs have ended: the shares of the demo on a CPU."""

MOST_PERCENT = 99
"""What a job shows before it has ended."""

LEAST_SECONDS = 2.0
"""Less than that is not shown: it would be over before it is read."""


def percent_of(progress: Progress | None, pace: Pace | None) -> int:
    """Return how many per cent of a job are done. ``progress``: its last one; None: its engine is
    being loaded. ``pace``: that of the last jobs; None: not known."""
    shares = shares_of(pace)
    stage = progress.stage if progress else LOADING
    done = sum(shares[each] for each in stages_before(stage))
    done += shares[stage] * (share_of_stage(progress) if progress else 0.0)
    return min(MOST_PERCENT, int(100 * done / sum(shares.values())))


def seconds_left(
    pace: Pace | None, progress: Progress | None, length: float, since_start: float, in_stage: float
) -> float | None:
    """Return how long a job still takes, in seconds; None: not known. ``length``: seconds of its
    result; 0: not known. ``since_start``, ``in_stage``: for how long it has been at work, and in
    its stage. The others are as in ``percent_of``."""
    if pace is not None:
        left = pace.left(progress, length, since_start, in_stage)
    elif progress is not None:
        left = _by_usual_shares(progress, in_stage)
    else:
        left = None
    return None if left is None or left < LEAST_SECONDS else left


def share_of_stage(progress: Progress) -> float:
    """Return which share of its stage is done, from 0 to 1, as far as its frames show it."""
    if progress.total_frames <= 0:
        return 0.0
    return min(1.0, progress.frames / progress.total_frames)


def shares_of(pace: Pace | None) -> Mapping[str, float]:
    """Return the share that each stage has of a job, in any unit."""
    if pace is None:
        return USUAL_SHARES
    found = {
        stage: median(each.stage_seconds.get(stage, 0.0) for each in pace.samples)
        for stage in STAGES
    }
    work = [sum(each.stage_seconds.values()) for each in pace.samples]
    found[LOADING] = median(
        max(0.0, each.seconds - at_work) for each, at_work in zip(pace.samples, work, strict=True)
    )
    return found if min(work) > 0 else USUAL_SHARES


def stages_before(stage: str) -> Sequence[str]:
    """Return the stages that come before one."""
    stages = list(STAGES)
    return stages[: stages.index(stage)]


def _by_usual_shares(progress: Progress, in_stage: float) -> float | None:
    """Return how long a job still takes by the speed of its present stage, where that is a large
    one: the search for the face takes as long as the video is, which says nothing of what
    follows."""
    share = share_of_stage(progress)
    if progress.stage not in (DRAWING, "review") or not share:
        return None
    drawing = seconds_to_draw(progress)
    whole = in_stage / share if drawing is None else progress.total_frames / progress.fps
    own = whole - in_stage if drawing is None else float(drawing)
    rest = sum(USUAL_SHARES[each] for each in stages_after(progress.stage))
    return own + whole * rest / USUAL_SHARES[progress.stage]
