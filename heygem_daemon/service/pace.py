"""How long jobs take on this machine, from the last ones that ended. Pure.

How long a job will take is not known before its files are read. So nothing is said before some jobs
have ended, nor where they took very different times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from statistics import median, quantiles

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.stages import STAGES
from heygem_daemon.service.progress import seconds_left
from heygem_daemon.service.running_jobs import RunningJob

MIN_SAMPLES, MAX_SAMPLES = 3, 20
"""How many finished jobs a pace needs at least; how many of the last ones count."""

MAX_SPREAD = 4.0
"""Where the slower quarter took so many times as long as the faster one, nothing is said."""

DRAWING = "render"
"""The stage whose progress shows when it ends."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of the last jobs."""

    duration: float
    """How long a job takes, in seconds."""

    cycle: float
    """How long it takes from the start of a job until the next one starts in its place, in
    seconds."""

    samples: tuple[FinishedJob, ...]
    """The last published jobs of which the time is known."""

    def left(self, running: RunningJob, now: float) -> float | None:
        """Return how long a running job still takes at monotonic time ``now``, in seconds; None: it
        has taken longer than all the last ones, and nobody knows."""
        progress = running.progress
        if progress is None or not _is_drawn_from(progress.stage):
            return time_left([each.seconds for each in self.samples], now - running.began_at)
        if (drawing := seconds_left(progress)) is not None:
            return drawing + median(self._rests(_after(progress.stage)))
        stages = [progress.stage, *_after(progress.stage)]
        return time_left(self._rests(stages), now - running.stage_began_at)

    def _rests(self, stages: Sequence[str]) -> list[float]:
        """Return how long each of the last jobs was in these stages, in seconds."""
        return [sum(each.stage_seconds.get(one, 0.0) for one in stages) for each in self.samples]


def find_pace(
    ended: Sequence[FinishedJob], busy_since: float, places: int, now: float
) -> Pace | None:
    """Return the pace from the jobs that ended, the newest first; None: there is
    none. ``busy_since``: from when on something has always waited; ``now``: both UNIX times.
    ``places``: how many jobs run at once."""
    published = (each for each in ended if each.outcome == "published" and each.seconds > 0)
    samples = tuple(islice(published, MAX_SAMPLES))
    duration = usual_seconds(each.seconds for each in samples)
    if duration is None:
        return None
    cycle = find_cycle((each.finished for each in ended), busy_since, places, now)
    return Pace(duration, duration if cycle is None else cycle, samples)


def usual_seconds(seconds: Iterable[float]) -> float | None:
    """Return how long a job takes, from how long the last ones took, the newest first. None: they
    are too few, or too different."""
    known = list(islice((each for each in seconds if each > 0), MAX_SAMPLES))
    if len(known) < MIN_SAMPLES:
        return None
    fast, _, slow = quantiles(known, n=4, method="inclusive")
    return None if slow > fast * MAX_SPREAD else median(known)


def find_cycle(ends: Iterable[float], busy_since: float, places: int, now: float) -> float | None:
    """Return the time from one end to the next in each of ``places``, as it was lately. It includes
    what is in no job's own time: examination, publication, pauses. None: too few have ended since
    ``busy_since``. ``ends``: when jobs ended, the newest first; all are UNIX times."""
    lately = list(islice(takewhile(lambda end: end >= busy_since, ends), MAX_SAMPLES + 1))
    if len(lately) <= MIN_SAMPLES:
        return None
    first, last, intervals = min(lately), max(lately), len(lately) - 1
    # Where none has ended for long, that is the pace too.
    return places * max((last - first) / intervals, (now - first) / (intervals + 1))


def time_left(samples: Iterable[float], elapsed: float) -> float | None:
    """Return how long something still takes that has taken ``elapsed`` seconds, from how long the
    last ones took; None: it has taken longer than all of them."""
    longer = [each - elapsed for each in samples if each > elapsed]
    return median(longer) if longer else None


def _is_drawn_from(stage: str) -> bool:
    return stage == DRAWING or stage in _after(DRAWING)


def _after(stage: str) -> Sequence[str]:
    """Return the stages that follow one."""
    stages = list(STAGES)
    return stages[stages.index(stage) + 1 :]
