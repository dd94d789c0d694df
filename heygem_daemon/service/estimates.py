"""When waiting jobs start and are ready, from the pace of the last ones and their active hours. No
I/O.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from heygem_daemon.config.hours import ActiveHours
from heygem_daemon.durations import roughly
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus
from heygem_daemon.report.waiting import TURN
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.inbox_view import InboxView, RestIn
from heygem_daemon.service.pace import Paces, find_paces
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.sidecar_mistakes import find_mistakes
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.service.turns import WaitingJob

MAX_ESTIMATED = 60
"""For how many waiting jobs turn and time are given: those that go first."""

EVERY_SECONDS = 2.0
"""How often these are found anew."""

SOON_SECONDS = 15.0
"""What starts within this time starts soon."""

MAX_OPENINGS = 3
"""Where a job does not start in the present active hours nor in the next ones, nothing is said."""


T = TypeVar("T", JobStatus, InboxStatus)


@dataclass(frozen=True, slots=True)
class Estimate:
    """When a job or a batch starts and is ready, in seconds from now; None: not known, or it has
    begun."""

    starts: float | None
    ready: float | None

    @property
    def text(self) -> str:
        """The estimate in words; empty: nothing is known."""
        ready = "" if self.ready is None else roughly(_coarse(self.ready))
        if self.starts is None:
            return f"ready in about {ready}" if ready else ""
        if self.starts < SOON_SECONDS:
            return f"starts soon, ready in about {ready}" if ready else "starts soon"
        starts = roughly(_coarse(self.starts))
        if not ready:
            return f"starts in about {starts}"
        if starts == ready:  # in numbers as coarse as these
            return f"starts in about {starts}, ready soon after"
        return f"starts in about {starts}, ready in about {ready}"


NOTHING_KNOWN = Estimate(None, None)


@dataclass(frozen=True, slots=True)
class _Forecast:
    """The estimates of all that waits or is under way."""

    of_jobs: Mapping[str, Estimate] = field(default_factory=dict)
    """Of waiting jobs by their ids, and of complete entries of the inbox by their names."""

    of_batches: Mapping[str, Estimate] = field(default_factory=dict)
    """Of batches under way by their ids."""


class Places:
    """The places in which jobs run, as they become free. Times are UNIX times."""

    def __init__(self, free: Sequence[float]) -> None:
        """``free``: when each place becomes free; at least one."""
        self._free = list(free)
        heapq.heapify(self._free)
        self._later: dict[float, list[float]] = {}
        """The same from a time on at which active hours begin."""

    def take(self, hours: ActiveHours, seconds: float) -> float | None:
        """Return when the next job starts, which may start in these hours. It takes a place for so
        many seconds. None: it is too far away."""
        free = self._free
        for _ in range(MAX_OPENINGS):
            if (opens := hours.closed_until(free[0])) is None:
                return heapq.heapreplace(free, free[0] + seconds)
            free = self._later.setdefault(opens, [max(opens, each) for each in self._free])
        return None


class Estimates:
    """The turns of what waits, and when it starts."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self.texts: Mapping[str, str] = {}
        """The estimate of each waiting job by its id, and of each complete entry of the inbox by
        its name, which has a slash behind it for a folder, in words."""
        self.of_batch: Mapping[str, Estimate] = {}
        """The estimate of each batch under way, by its id: when the next member starts, and all are
        ready."""
        self.turns: Mapping[str, int] = {}
        """Which of them goes first, second and so on, by the same keys, and by the ids of batches
        for their next members."""
        self._made_at = float("-inf")
        self._was_held = False
        self._foremost: tuple[str, ...] = ()
        self._busy_since: float | None = None
        """From when on something has always waited that may start (UNIX time); None: nothing
        does."""

    def update(self, snapshot: DispatchSnapshot, inbox: InboxView, is_held: bool) -> None:
        """Make both anew, where that is due or other things wait. ``is_held``: whether nothing
        starts."""
        now = self._clock.monotonic()
        foremost = _foremost(snapshot, inbox)
        is_other = foremost != self._foremost or is_held != self._was_held
        if now - self._made_at >= EVERY_SECONDS or is_other:
            self._made_at, self._foremost, self._was_held = now, foremost, is_held
            first = list(islice(snapshot.in_turn(inbox.ready), MAX_ESTIMATED))
            self.turns = _find_turns(first)
            self._note_busy(not is_held and any(_may_start(each, snapshot) for each in first))
            found = _Forecast() if is_held else self._forecast(snapshot, first)
            self.texts = {key: each.text for key, each in found.of_jobs.items()}
            self.of_batch = found.of_batches

    def in_turn(self, inbox: InboxView) -> InboxView:
        """Return what was found in the inbox, in the order in which it goes as far as that is
        known; the rest by priority and arrival, as it was."""
        last = len(self.turns)
        return inbox.sorted_by(lambda each: self.turns.get(_key(each), last))

    def of_jobs(self, jobs: Iterable[JobStatus]) -> tuple[JobStatus, ...]:
        """Return the jobs with the turns and estimates of those that wait."""
        return tuple(
            each if each.state == "running" else self._with_turn(each, each.id) for each in jobs
        )

    def of_batches(
        self, batches: Iterable[BatchStatus], rest_in: RestIn
    ) -> tuple[BatchStatus, ...]:
        """Return the batches with the turns of their next members. ``rest_in`` returns until when
        no job of a hot folder starts; None: they may."""
        return tuple(
            _batch_with_turn(
                each,
                self.turns.get(each.id),
                rest_in(each.folder),
                self.of_batch.get(each.id, NOTHING_KNOWN),
            )
            for each in batches
        )

    def of_inbox(self, entries: Iterable[InboxStatus]) -> tuple[InboxStatus, ...]:
        """Return the entries of the inbox with the turns and estimates of those that are
        complete."""
        return tuple(
            self._with_turn(each, _inbox_key(each.name, is_batch=each.is_batch))
            if each.waits_for in CLAIMABLE
            else each
            for each in entries
        )

    def _note_busy(self, is_busy: bool) -> None:
        if not is_busy:
            self._busy_since = None
        elif self._busy_since is None:
            self._busy_since = self._clock.wall()

    def _forecast(self, snapshot: DispatchSnapshot, first: Sequence[WaitingJob]) -> _Forecast:
        now, wall = self._clock.monotonic(), self._clock.wall()
        busy_since = wall if self._busy_since is None else self._busy_since
        spans = [(each.started, wall) for each in snapshot.running]
        paces = find_paces(tuple(snapshot.tally.finished), spans, busy_since, wall)
        if paces is None:
            return _Forecast()
        left = {
            each.job.id: each.left(paces.of(each.job.journal.options.engine), now)
            for each in snapshot.running
        }
        of_jobs: dict[str, Estimate] = {}
        free = [wall + seconds for seconds in left.values() if seconds is not None]
        if free and not _has_held_back(snapshot, now):
            of_jobs = dict(_of_jobs(snapshot, first, paces, Places(free), wall))
        return _Forecast(of_jobs, dict(_of_batches(snapshot, of_jobs, left)))

    def _with_turn(self, entry: T, key: str) -> T:
        if key not in self.turns:
            return entry
        update = {"turn": self.turns[key], "estimate": self.texts.get(key, "")}
        return entry.model_copy(update=update)


def _of_jobs(
    snapshot: DispatchSnapshot,
    first: Sequence[WaitingJob],
    paces: Paces,
    places: Places,
    wall: float,
) -> Iterator[tuple[str, Estimate]]:
    """Yield the estimates of what waits at UNIX time ``wall``, with the key of each."""
    opening = _next_opening(first, snapshot, wall)
    for item in first:
        if _will_fail(item):
            continue
        pace = paces.of(next(iter(item.engines), None))
        is_known = pace.tells(item.seconds) and not _is_folder(item)
        seconds = pace.cycle(item.seconds) if is_known else 0.0
        starts = places.take(snapshot.hours_of(item.folder), seconds)
        # What has lost work in pauses may do so again.
        is_steady = not (isinstance(item, QueuedJob) and item.fruitless_pauses)
        rests = snapshot.rest_in(item.folder) is not None
        # From then on those that rest now take turns with the others.
        if is_steady and starts is not None and (rests or starts < opening):
            ready = starts + pace.seconds(item.seconds) - wall if is_known else None
            yield _key(item), Estimate(max(0.0, starts - wall), ready)
        if not is_known:
            return  # nobody knows when its place is free again


def _of_batches(
    snapshot: DispatchSnapshot,
    of_jobs: Mapping[str, Estimate],
    left: Mapping[str, float | None],
) -> Iterator[tuple[str, Estimate]]:
    """Yield the estimate of each batch under way by its id, from those of its members. ``left``:
    for how many seconds each running job still runs, by its id; None: not known."""
    members: defaultdict[str, list[Estimate]] = defaultdict(list)
    for running in snapshot.running_jobs:
        if running.journal.member:
            members[running.journal.member.batch_id].append(Estimate(None, left[running.id]))
    under_way = set(members)
    for queued in snapshot.queued:
        if member := queued.job.journal.member:
            members[member.batch_id].append(of_jobs.get(queued.job.id, NOTHING_KNOWN))
    for batch_id, found in members.items():
        ready = [each.ready for each in found if each.ready is not None]
        starts = [each.starts for each in found if each.starts is not None]
        yield (
            batch_id,
            Estimate(
                min(starts, default=None) if batch_id not in under_way else None,
                max(ready) if len(ready) == len(found) else None,
            ),
        )


def _batch_with_turn(
    batch: BatchStatus, turn: int | None, rest: str | None, estimate: Estimate
) -> BatchStatus:
    """Return a batch with its turn and its estimate. ``rest``: until when none of its jobs starts
    because of the active hours, in words; None: they may."""
    waits, rests = batch.waits, False
    if not (batch.now or batch.has_ended):
        rests = rest is not None
        waits = rest or (TURN if turn else waits)  # what a device lacks is said of the next job
    has_begun = batch.now or batch.published + batch.failed
    text = (replace(estimate, starts=None) if has_begun else estimate).text
    return batch.model_copy(update={"turn": turn, "waits": waits, "rests": rests, "estimate": text})


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


def _may_start(item: WaitingJob, snapshot: DispatchSnapshot) -> bool:
    """Return whether a job waits for nothing but its turn."""
    return not _lacks_something(item) and snapshot.rest_in(item.folder) is None


def _lacks_something(item: WaitingJob) -> bool:
    """Return whether a job waits for more than its turn and its active hours."""
    return isinstance(item, QueuedJob) and item.waits_for not in (None, "hours")


def _will_fail(item: WaitingJob) -> bool:
    """Return whether a job fails at its turn, as its sidecar is now: it is not drawn."""
    if isinstance(item, QueuedJob):
        return bool(item.job.journal.refusal)
    return isinstance(item, Candidate) and any(find_mistakes([item]))


def _has_held_back(snapshot: DispatchSnapshot, now: float) -> bool:
    """Return whether a claimed job waits for more than its turn at monotonic time ``now``. When it
    goes on nobody knows, and then it goes before others."""
    return any(_lacks_something(each) or each.ready_at > now for each in snapshot.queued)


def _next_opening(waiting: Iterable[WaitingJob], snapshot: DispatchSnapshot, wall: float) -> float:
    """Return from when on the first of the jobs may start that rest at UNIX time ``wall``;
    infinite: none does."""
    resting = (each for each in waiting if snapshot.rest_in(each.folder) is not None)
    opens = (snapshot.hours_of(each.folder).closed_until(wall) for each in resting)
    return min((each for each in opens if each is not None), default=math.inf)


def _key(item: WaitingJob) -> str:
    if isinstance(item, QueuedJob):
        return item.job.id
    if not isinstance(item, Candidate):
        return ""
    return _inbox_key(item.title, is_batch=_is_folder(item))


def _inbox_key(name: str, *, is_batch: bool) -> str:
    """Return the key of a complete entry of the inbox: a pair may have the name of a folder."""
    return f"{name}/" if is_batch else name


def _is_folder(item: WaitingJob) -> bool:
    """Return whether nobody knows yet how many jobs something is."""
    return isinstance(item, Candidate) and isinstance(item.source, Path)


def _coarse(seconds: float) -> float:
    """Return a duration as exact as an estimate can be: it is also a reason to write the page anew
    where it changes."""
    step = 10 if seconds < 55 else 60 if seconds < 1200 else 300 if seconds < 7200 else 900
    return max(10.0, float(step * round(seconds / step)))
