"""How long jobs take on this machine, from the last ones that ended. Pure.

By each of the last jobs another one takes as long as it did itself, and longer or shorter by as
much as the other's result is. Nothing is said before some jobs have ended, nor where they took very
different times for their lengths.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, takewhile
from statistics import median, quantiles

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.stages import LOADING

MIN_SAMPLES, MAX_SAMPLES = 3, 20
"""From how many finished jobs on there is a pace; how many of the last ones count."""

MAX_SPREAD = 4.0
"""Where a job takes so many times as long by the slower quarter as by the faster one, nothing is
said."""

MIN_RATIO = 2.0
"""Two jobs of which one is so many times as long show what a second costs."""

USUAL_SHARES: Mapping[str, float] = {
    "load": 0.08,
    "probe": 0.01,
    "listen": 0.02,
    "track": 0.46,
    "render": 0.21,
    "join": 0.01,
    "review": 0.21,
}
"""The share that each stage has of a job, where the last ones do not tell: in the demo on a CPU."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of the last jobs of one engine."""

    samples: tuple[FinishedJob, ...]
    """The last published jobs of which the time is known; one or more."""

    stretch: float = 1.0
    """How many times as long as its work a job keeps its place: what lies between jobs is in it."""

    second_costs: float | None = None
    """Seconds of work for one more second of result; None: the jobs are too much alike."""

    def tells(self, length: float) -> bool:
        """Return whether the last jobs tell how long one of this length takes: where it is not
        known, these must have taken about the same times."""
        return length > 0 or not is_spread([each.seconds for each in self.samples])

    def seconds(self, length: float) -> float:
        """Return how long a job takes. ``length``: seconds of its result; 0: not known."""
        return median(self.expected(length))

    def cycle(self, length: float) -> float:
        """Return how long it takes from the start of such a job until the next one starts in its
        place."""
        return self.seconds(length) * self.stretch

    def in_stage(self, stage: str, length: float) -> list[float]:
        """Return how long such a job is in a stage, by each of the last ones."""
        return [
            seconds_in_stage(each, stage) * self._times(each, stage, length)
            for each in self.samples
        ]

    def expected(self, length: float) -> list[float]:
        """Return how long a job of this length takes by each of the last ones."""
        return [seconds_of(each, length, self.second_costs) for each in self.samples]

    def _times(self, sample: FinishedJob, stage: str, length: float) -> float:
        """Return how many times as long as in one of the last jobs a stage is."""
        load = seconds_in_stage(sample, LOADING)
        if stage == LOADING or sample.seconds <= load:
            return 1.0
        work = seconds_of(sample, length, self.second_costs) - load
        return max(0.0, work) / (sample.seconds - load)


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


def seconds_in_stage(sample: FinishedJob, stage: str) -> float:
    """Return how long a job that ended was in a stage. What was no work on the job itself counts as
    the load of its engine."""
    if not sample.stage_seconds:
        return sample.seconds * USUAL_SHARES[stage]
    if stage == LOADING:
        return max(0.0, sample.seconds - sum(sample.stage_seconds.values()))
    return sample.stage_seconds.get(stage, 0.0)


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
