"""When waiting jobs start and are ready, from the pace of the last ones on this machine. No I/O.

How long a job will take is not known before its files are read. So nothing is said before some jobs
have ended, nor where they took very different times.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

from heygem_daemon.durations import roughly
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.status import BatchStatus, InboxStatus, JobStatus
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.inbox_view import InboxView, RestIn
from heygem_daemon.service.job_statuses import place_text
from heygem_daemon.service.progress import seconds_left
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.service.turns import WaitingJob

MIN_SAMPLES, MAX_SAMPLES = 3, 20
"""From how many finished jobs on their pace tells something; how many of the last ones count."""

MAX_SPREAD = 4.0
"""Where the slower quarter took so many times as long as the faster one, nothing is said."""

MAX_ESTIMATED = 60
"""Of how many waiting jobs turn and time are told: those that go first."""

EVERY_SECONDS = 2.0
"""How often these are found anew."""


T = TypeVar("T", JobStatus, InboxStatus)


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a job starts and is ready, in seconds from now."""

    starts: float
    ready: float

    @property
    def text(self) -> str:
        """The estimate in words."""
        ready = roughly(_coarse(self.ready))
        if self.starts < 60:
            return f"starts soon, ready in about {ready}"
        return f"starts in about {roughly(_coarse(self.starts))}, ready in about {ready}"


def find_pace(seconds: Iterable[float]) -> float | None:
    """Return how long a job takes, in seconds, from how long the last ones took, the newest first.
    None: they tell nothing."""
    known = list(islice((each for each in seconds if each > 0), MAX_SAMPLES))
    if len(known) < MIN_SAMPLES:
        return None
    fast, _, slow = quantiles(known, n=4, method="inclusive")
    return None if slow > fast * MAX_SPREAD else median(known)


def estimate(left: Sequence[float], pace: float) -> Iterator[Estimate]:
    """Yield the estimates of the waiting jobs in their order, without end. ``left``: how long each
    running job still takes, in seconds; at least one. Each of them makes room for another."""
    free = list(left)
    heapq.heapify(free)
    while True:
        starts = free[0]
        heapq.heapreplace(free, starts + pace)
        yield Estimate(starts, starts + pace)


class Estimates:
    """The turns of what waits, and when it starts."""

    def __init__(self) -> None:
        self.texts: Mapping[str, str] = {}
        """The estimate of each waiting job by its id, and of each complete entry of the inbox by
        its name, which has a slash behind it for a folder, in words."""
        self.turns: Mapping[str, int] = {}
        """Which of them goes first, second and so on, by the same keys, and by the ids of batches
        for their next members."""
        self._made_at = float("-inf")
        self._foremost: tuple[str, ...] = ()

    def update(
        self, snapshot: DispatchSnapshot, inbox: InboxView, is_held: bool, now: float
    ) -> None:
        """Make both anew at monotonic time ``now``, where that is due or other things wait.
        ``is_held``: whether nothing starts."""
        foremost = _foremost(snapshot, inbox)
        if now - self._made_at >= EVERY_SECONDS or foremost != self._foremost:
            self._made_at, self._foremost = now, foremost
            first = list(islice(snapshot.in_turn(inbox.ready), MAX_ESTIMATED))
            self.turns = _find_turns(first)
            self.texts = {} if is_held else dict(_estimates(snapshot, first, now))

    def in_turn(self, inbox: InboxView) -> InboxView:
        """Return what was found in the inbox, in the order in which it goes as far as that is
        known; the rest by priority and arrival, as it was."""
        last = len(self.turns)
        return inbox.sorted_by(lambda each: self.turns.get(_key(each), last))

    def of_jobs(self, jobs: Iterable[JobStatus]) -> tuple[JobStatus, ...]:
        """Return the jobs with the turns and estimates of those that wait."""
        return tuple(
            each if each.state == "running" else self._told(each, each.id) for each in jobs
        )

    def of_batches(
        self, batches: Iterable[BatchStatus], rest_in: RestIn
    ) -> tuple[BatchStatus, ...]:
        """Return the batches with the turns of their next members. ``rest_in`` returns until when
        no job of a hot folder starts; None: they may."""
        return tuple(
            each.model_copy(
                update={
                    "turn": self.turns.get(each.id),
                    "rests": not each.now and rest_in(each.folder) is not None,
                }
            )
            for each in batches
        )

    def of_inbox(self, entries: Iterable[InboxStatus]) -> tuple[InboxStatus, ...]:
        """Return the entries of the inbox with the turns and estimates of those that are
        complete."""
        return tuple(
            self._told(each, _inbox_key(each.name, is_batch=each.is_batch))
            if each.waits_for in CLAIMABLE
            else each
            for each in entries
        )

    def _told(self, entry: T, key: str) -> T:
        if key not in self.turns:
            return entry
        turn = self.turns[key]
        update: dict[str, object] = {"turn": turn, "estimate": self.texts.get(key, "")}
        if isinstance(entry, JobStatus) and entry.tells_place:
            update["reason"] = place_text(turn)
        return entry.model_copy(update=update)


def _foremost(snapshot: DispatchSnapshot, inbox: InboxView) -> tuple[str, ...]:
    """Return the keys of what may go first: a claim changes the key of what it takes."""
    first: list[WaitingJob] = [*snapshot.queued[:MAX_ESTIMATED], *inbox.ready[:MAX_ESTIMATED]]
    return tuple(map(_key, first))


def _find_turns(first: Iterable[WaitingJob]) -> dict[str, int]:
    turns: dict[str, int] = {}
    for number, each in enumerate(first):
        turns[_key(each)] = number
        if isinstance(each, QueuedJob) and each.job.journal.member is not None:
            turns.setdefault(each.job.journal.member.batch_id, number)
    return turns


def _estimates(
    snapshot: DispatchSnapshot, first: Iterable[WaitingJob], now: float
) -> Iterator[tuple[str, str]]:
    ended = (each for each in snapshot.tally.finished if each.outcome == "published")
    pace = find_pace(each.seconds for each in ended)
    if pace is None or not snapshot.running or snapshot.rest is not None:
        return
    times = estimate([_left(each, pace, now) for each in snapshot.running], pace)
    for item in first:
        if isinstance(item, Candidate) and isinstance(item.source, Path):
            return  # a batch: nobody knows yet how many members it has
        if not _waits_for_more(item, snapshot):
            yield _key(item), next(times).text


def _left(running: RunningJob, pace: float, now: float) -> float:
    """Return how long a running job still takes, in seconds."""
    drawing = seconds_left(running.progress) if running.progress else None
    return max(0.0, pace - (now - running.began_at)) if drawing is None else float(drawing)


def _waits_for_more(item: WaitingJob, snapshot: DispatchSnapshot) -> bool:
    """Return whether a job waits for more than its turn."""
    if isinstance(item, QueuedJob):
        return item.waits_for is not None
    return isinstance(item, Candidate) and snapshot.rest_in(item.hot_folder.name) is not None


def _key(item: WaitingJob) -> str:
    if isinstance(item, QueuedJob):
        return item.job.id
    if not isinstance(item, Candidate):
        return ""
    return _inbox_key(item.title, is_batch=isinstance(item.source, Path))


def _inbox_key(name: str, *, is_batch: bool) -> str:
    """Return the key of a complete entry of the inbox: a pair may have the name of a folder."""
    return f"{name}/" if is_batch else name


def _coarse(seconds: float) -> float:
    """Return a duration as exact as an estimate can be: it is also a reason to write the page anew
    where it changes."""
    step = 60 if seconds < 1200 else 300 if seconds < 7200 else 900
    return max(60.0, step * round(seconds / step))
