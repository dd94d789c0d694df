"""The queue of claimed jobs: in fair turns, with a pause after each fault or crash.

Times are monotonic seconds. The queue moves no files.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from heygem_daemon.config.folders import NO_CAPS, PriorityCaps
from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.service.turns import (
    Arrival,
    DeviceLoad,
    FairnessKey,
    TurnHistory,
    WaitingJob,
    find_heads,
    hurried_arrival,
    in_turn,
    wanted_priority,
)
from heygem_daemon.spool.job import Job

FIRST_BACKOFF_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 600.0

T = TypeVar("T", bound=WaitingJob)


def _never(_folder: str) -> bool:
    return False


def backoff_seconds(faults: int) -> float:
    """Return the seconds to wait after the ``faults``-th fault in a row, or the ``faults``-th
    crash (1, 2, …): 5 s, doubled each time, at most 10 minutes."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(faults - 1, 30), MAX_BACKOFF_SECONDS)


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A claimed job that does not run."""

    job: Job

    number: int
    """Its place in its line among the jobs of equal priority: the lowest goes first."""

    key: FairnessKey
    """Its line: whose job it is, and in which batch."""

    priority: int = 0
    """Higher goes first."""

    faults: int = 0
    """How many environment faults in a row have stopped it."""

    ready_at: float = 0.0
    """Monotonic time before which it is not tried."""

    reason: str | None = None
    """Why it waits, where it has a reason of its own."""

    waits_for: WaitFor | None = None
    """What that reason is about; None: a fault that is over."""

    lacks_weights: bool = False
    """Whether the last fault was that the weights of its engine cannot be used."""

    first: str = ""
    """The name of the job for which it pauses; empty: it pauses for none."""

    fruitless_pauses: int = 0
    """How often it paused without another finished chunk."""

    @property
    def lacks_room(self) -> bool:
        """Whether the disk or the memory had no room for it when it was last tried."""
        return self.waits_for in ("disk", "memory")

    @property
    def engines(self) -> frozenset[str | None]:
        """The engine that it asks for; None: that of the settings."""
        return frozenset({self.job.journal.options.engine})

    @property
    def arrival(self) -> Arrival:
        """Before everything that is still in the inbox, but for what was hurried."""
        hurried = self.job.journal.hurried_ns
        return (0, self.number, "") if hurried is None else hurried_arrival(hurried, self.number)

    @property
    def seconds(self) -> float:
        """How long its result will be; 0: not known."""
        return self.job.journal.seconds

    @property
    def folder(self) -> str:
        """The hot folder in which it was dropped; empty: the plain inbox."""
        return self.job.journal.folder


class Queue:
    """The claimed jobs that do not run, in fair turns. Those that rest come last: they take
    nobody's turn."""

    def __init__(self, caps: PriorityCaps = NO_CAPS, rests: Callable[[str], bool] = _never) -> None:
        """``caps``: a higher priority counts as its cap; ``rests``: whether no job of a hot folder
        may start now, because of its active hours."""
        self._caps = caps
        self._rests = rests
        self._waiting: dict[str, QueuedJob] = {}
        self._count = 0
        self._history = TurnHistory()

    def limit_priorities(self, caps: PriorityCaps) -> None:
        """Let a priority above its cap count as that, in jobs that wait too."""
        self._caps = caps
        for job_id, queued in self._waiting.items():
            self._waiting[job_id] = replace(queued, priority=self._priority(queued.job))

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedJob]:
        return self._in_turn(self._waiting.values())

    @property
    def jobs(self) -> list[Job]:
        """All jobs, in no order."""
        return [queued.job for queued in self._waiting.values()]

    def append(
        self, job: Job, reason: str | None = None, ready_at: float = 0.0, owner: str = ""
    ) -> QueuedJob:
        """Add a job behind those of equal priority in its line. It is not tried before monotonic
        time ``ready_at``. ``owner``: whose turn it takes."""
        self._count += 1
        member = job.journal.member
        key = FairnessKey(owner, member.batch_id if member else None)
        queued = QueuedJob(
            job, self._count, key, self._priority(job), reason=reason, ready_at=ready_at
        )
        self._history.record_arrival(key)
        self._waiting[job.id] = queued
        return queued

    def faults_of_weights(self, now: float) -> dict[str | None, str]:
        """Return the engines whose weights could not be used, with the reason, until monotonic time
        ``now``: one of their jobs is tried again later, and meanwhile no other."""
        return {
            each.job.journal.options.engine: each.reason or ""
            for each in self._waiting.values()
            if each.lacks_weights and each.ready_at > now
        }

    def due(self, now: float, load: DeviceLoad | None = None) -> Iterator[QueuedJob]:
        """Yield the jobs that may be tried at ``now``, in their turns beside what runs already.
        They stay in the queue."""
        return self._in_turn(self._ready(now), load)

    def in_turn_with(
        self, others: Iterable[WaitingJob], now: float, load: DeviceLoad | None = None
    ) -> Iterator[WaitingJob]:
        """Yield the jobs that may be tried at ``now``, and others as if they were in the queue
        too."""
        return self._in_turn([*self._ready(now), *others], load)

    def record_owners(self, owners: Iterable[str]) -> None:
        """Record whose items wait in the inboxes."""
        for each in owners:
            self._history.record_owner(each)

    def record_start(self, queued: QueuedJob, now: float) -> None:
        """Record that a job that is in the queue has had its turn. Those that could not have it,
        since they rest or the disk or the memory has no room for them, were not passed over."""
        others = (
            each for each in self._ready(now) if not (each.lacks_room or self._rests(each.folder))
        )
        self._history.record_start(queued, find_heads([queued, *others]))

    def set_reason(
        self, queued: QueuedJob, reason: str | None, waits_for: WaitFor | None = None
    ) -> None:
        """Record what a job waits for; None: for nothing of its own."""
        self._waiting[queued.job.id] = replace(queued, reason=reason, waits_for=waits_for)

    def replace_job(self, queued: QueuedJob, job: Job) -> None:
        """Let a job whose journal has changed go on waiting, in the place that it has now."""
        self._waiting[job.id] = replace(queued, job=job, priority=self._priority(job))

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job that has been started or has ended."""
        del self._waiting[queued.job.id]
        if all(each.key != queued.key for each in self._waiting.values()):
            self._history.forget_batch(queued.key)

    def put_back(
        self,
        queued: QueuedJob,
        job: Job,
        reason: str,
        now: float,
        seconds: float | None = None,
        *,
        lacks_weights: bool = False,
    ) -> QueuedJob:
        """Put a job back in its old place, to be tried after ``seconds``; None: after a pause that
        grows with each fault. ``lacks_weights``: whether its engine's weights cannot be used."""
        faults = queued.faults + 1
        ready_at = now + (backoff_seconds(faults) if seconds is None else seconds)
        back = replace(
            queued,
            job=job,
            faults=faults,
            ready_at=ready_at,
            reason=reason,
            waits_for=None,
            lacks_weights=lacks_weights,
            first="",
        )
        self._history.record_arrival(back.key)
        self._waiting[job.id] = back
        return back

    def put_back_paused(
        self, queued: QueuedJob, job: Job, reason: str | None, *, gained: bool, first: str = ""
    ) -> None:
        """Put a job back that made room for another one, of the name ``first``; empty: for the
        daemon's stop. ``gained``: whether it has finished another chunk. Then it gets its old
        place, otherwise one behind the others of its line."""
        self._count += 1
        back = replace(
            queued,
            job=job,
            number=queued.number if gained else self._count,
            reason=reason,
            waits_for=None,
            first=first,
            fruitless_pauses=queued.fruitless_pauses + (not gained),
        )
        self._history.record_arrival(back.key)
        self._waiting[job.id] = back

    def _priority(self, job: Job) -> int:
        is_hurried = job.journal.hurried_ns is not None
        wanted = wanted_priority(job.journal.options.priority, is_hurried)
        return self._caps.clamp(wanted, job.journal.folder)

    def _in_turn(self, items: Iterable[T], load: DeviceLoad | None = None) -> Iterator[T]:
        awake: list[T] = []
        resting: list[T] = []
        for each in items:
            (resting if self._rests(each.folder) else awake).append(each)
        return chain(in_turn(awake, self._history, load), in_turn(resting, self._history))

    def _ready(self, now: float) -> list[QueuedJob]:
        return [queued for queued in self._waiting.values() if queued.ready_at <= now]
