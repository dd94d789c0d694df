"""How long jobs take on this machine, from the last ones that ended. Pure.

By each of the last jobs another one takes as long as it did itself, and longer or shorter by as
much as the other's result is. Nothing is said before some jobs have ended, nor where they took very
different times for their lengths.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, takewhile
from statistics import median, quantiles

from heygem_daemon.protocol import Progress
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.stages import STAGES
from heygem_daemon.service.drawn import seconds_to_draw

MIN_SAMPLES, MAX_SAMPLES = 3, 20
"""From how many finished jobs on there is a pace; how many of the last ones count."""

MAX_SPREAD = 4.0
"""Where a job takes so many times as long by the slower quarter as by the faster one, nothing is
said."""

MIN_RATIO = 2.0
"""Two jobs of which one is so many times as long show what a second costs."""

DRAWING = "render"
"""The stage whose progress shows when it ends."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of the last jobs of one engine."""

    samples: tuple[FinishedJob, ...]
    """The last published jobs of which the time is known; one or more."""

    stretch: float = 1.0
    """How many times as long as its work a job keeps its place: what lies between jobs is in it."""

    second_costs: float | None = None
    """Seconds of work for one more second of result; None: the jobs are too much alike."""

    def seconds(self, length: float) -> float:
        """Return how long a job takes. ``length``: seconds of its result; 0: not known."""
        return median(self._expected(length))

    def cycle(self, length: float) -> float:
        """Return how long it takes from the start of such a job until the next one starts in its
        place."""
        return self.seconds(length) * self.stretch

    def left(
        self, progress: Progress | None, length: float, since_start: float, in_stage: float
    ) -> float | None:
        """Return how long a running job still takes, in seconds; None: it has taken longer than by
        all the last ones, and nobody knows. ``progress``: its last one; None: its engine is being
        loaded. ``since_start``, ``in_stage``: for how many seconds it has been at work, and in its
        stage."""
        if progress is None or not _is_drawn_from(progress.stage):
            return time_left(self._expected(length), since_start)
        if (drawing := seconds_to_draw(progress)) is not None:
            return drawing + median(self._rests(stages_after(progress.stage), length))
        stages = [progress.stage, *stages_after(progress.stage)]
        return time_left(self._rests(stages, length), in_stage)

    def _expected(self, length: float) -> list[float]:
        """Return how long a job of this length takes by each of the last ones."""
        return [seconds_of(each, length, self.second_costs) for each in self.samples]

    def _rests(self, stages: Sequence[str], length: float) -> list[float]:
        """Return how long such a job is in these stages, by each of the last jobs."""
        return [
            sum(each.stage_seconds.get(one, 0.0) for one in stages) * _times(each, length)
            for each in self.samples
        ]


@dataclass(frozen=True, slots=True)
class Paces:
    """The paces of the last jobs."""

    common: Pace
    """Of all of them."""

    of_engines: dict[str, Pace]
    """Of the jobs that asked for an engine; empty name: for that of the settings."""

    def of(self, engine: str | None) -> Pace:
        """Return the pace of jobs that ask for an engine; None: for that of the settings."""
        return self.of_engines.get(engine or "", self.common)


def find_paces(
    ended: Sequence[FinishedJob],
    running: Iterable[tuple[float, float]],
    busy_since: float,
    now: float,
) -> Paces | None:
    """Return the paces from the jobs that ended, the newest first; None: there are too few, or too
    different ones. ``running``: from when until when each running job has been at work;
    ``busy_since``: from when on something has always waited; ``now``: all UNIX times."""
    published = [each for each in ended if each.outcome == "published" and each.seconds > 0]
    stretch = find_stretch(ended, list(running), busy_since, now)
    common = find_pace(published, stretch)
    if common is None:
        return None
    asked = dict.fromkeys(each.engine for each in published)
    found = {
        engine: find_pace([each for each in published if each.engine == engine], stretch)
        for engine in asked
    }
    return Paces(common, {engine: pace for engine, pace in found.items() if pace is not None})


def pace_of(ended: Sequence[FinishedJob], engine: str | None) -> Pace | None:
    """Return the pace of jobs that ask for an engine; None: as in ``find_paces``."""
    paces = find_paces(ended, [], math.inf, 0.0)
    return None if paces is None else paces.of(engine)


def find_pace(published: Iterable[FinishedJob], stretch: float = 1.0) -> Pace | None:
    """Return the pace of published jobs, the newest first; None: as in ``find_paces``."""
    samples = tuple(islice(published, MAX_SAMPLES))
    if len(samples) < MIN_SAMPLES:
        return None
    second_costs = cost_of_second(samples)
    usual = median([each.length for each in samples if each.length > 0] or [0.0])
    found = [seconds_of(each, usual, second_costs) for each in samples]
    return None if is_spread(found) else Pace(samples, stretch, second_costs)


def seconds_of(sample: FinishedJob, length: float, second_costs: float | None) -> float:
    """Return how long a job of another length takes, from one that ended. ``length``: seconds of
    its result; 0: not known. ``second_costs``: seconds of work for one more; None: in proportion,
    but for what was no work on the job itself, as the load of the engine."""
    if length <= 0 or sample.length <= 0:
        return sample.seconds
    if second_costs is None:
        work = min(sample.seconds, sum(sample.stage_seconds.values()) or sample.seconds)
        return sample.seconds - work + work * length / sample.length
    least = sample.seconds * min(1.0, length / sample.length)
    return max(least, sample.seconds + second_costs * (length - sample.length))


def cost_of_second(samples: Iterable[FinishedJob]) -> float | None:
    """Return the seconds of work for one more second of result: the median slope between jobs of
    different lengths (Sen 1968). None: there are too few such."""
    known = [each for each in samples if each.length > 0]
    slopes = [
        (one.seconds - other.seconds) / (one.length - other.length)
        for one, other in combinations(known, 2)
        if max(one.length, other.length) >= MIN_RATIO * min(one.length, other.length)
    ]
    if len(slopes) < MIN_SAMPLES or (found := median(slopes)) <= 0:
        return None
    return found


def is_spread(seconds: Sequence[float]) -> bool:
    """Return whether times are too different."""
    fast, _, slow = quantiles(seconds, n=4, method="inclusive")
    return slow > fast * MAX_SPREAD


def find_stretch(
    ended: Iterable[FinishedJob],
    running: Sequence[tuple[float, float]],
    busy_since: float,
    now: float,
) -> float:
    """Return how many times as long as its work a job has kept its place lately. That holds what no
    job's own time holds: examination, publication, pauses. 1 where too few have ended since
    ``busy_since``. The other values are as in ``find_paces``; there are as many places as running
    jobs."""
    lately = list(islice(takewhile(lambda e: e.finished >= busy_since, ended), MAX_SAMPLES + 1))
    if len(lately) <= MIN_SAMPLES or not running:
        return 1.0
    ends = [each.finished for each in lately]
    first, last = min(ends), max(ends)
    done = sum(_within(first, end.finished - end.seconds, end.finished) for end in lately)
    at_work = sum(_within(first, *span) for span in running)
    # Where none has ended for long, that is the pace too, as far as nobody was at work.
    spans = ((last - first, done), (now - first, done + at_work))
    return max(1.0, *(len(running) * span / work for span, work in spans if work > 0))


def time_left(samples: Iterable[float], elapsed: float) -> float | None:
    """Return how long something still takes that has taken ``elapsed`` seconds, from how long it
    takes by each of the last ones; None: it has taken longer than by all of them."""
    longer = [each - elapsed for each in samples if each > elapsed]
    return median(longer) if longer else None


def _within(first: float, start: float, end: float) -> float:
    """Return how much of a span of time lies after ``first``, in seconds."""
    return max(0.0, end - max(first, start))


def _times(sample: FinishedJob, length: float) -> float:
    """Return how many times as long as a job that ended another one is; 1 where that is not
    known."""
    return length / sample.length if length > 0 and sample.length > 0 else 1.0


def _is_drawn_from(stage: str) -> bool:
    return stage == DRAWING or stage in stages_after(DRAWING)


def stages_after(stage: str) -> Sequence[str]:
    """Return the stages that follow one."""
    stages = list(STAGES)
    return stages[stages.index(stage) + 1 :]
