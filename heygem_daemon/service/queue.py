"""The queue of claimed jobs: by priority, then in the order of arrival, with a pause after each
fault or crash.

Times are monotonic seconds. The queue moves no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from heygem_daemon.spool.job import Job

FIRST_BACKOFF_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 600.0


def backoff_seconds(faults: int) -> float:
    """Return the seconds to wait after the ``faults``-th fault in a row, or the ``faults``-th
    crash (1, 2, …): 5 s, doubled each time, at most 10 minutes."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(faults - 1, 30), MAX_BACKOFF_SECONDS)


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A claimed job that does not run."""

    job: Job

    number: int
    """Its place among the jobs of equal priority: the lowest goes first."""

    faults: int = 0
    """How many environment faults in a row have stopped it."""

    ready_at: float = 0.0
    """Monotonic time before which it is not tried."""

    reason: str | None = None
    """Why it waits, where it has a reason of its own."""

    @property
    def priority(self) -> int:
        """Higher goes first."""
        return self.job.journal.options.priority


class Queue:
    """The claimed jobs that do not run, by priority and then in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[str, QueuedJob] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedJob]:
        return iter(sorted(self._waiting.values(), key=lambda each: (-each.priority, each.number)))

    def append(self, job: Job, reason: str | None = None, ready_at: float = 0.0) -> QueuedJob:
        """Add a job behind those of equal priority. It is not tried before monotonic time
        ``ready_at``."""
        self._count += 1
        queued = QueuedJob(job, self._count, reason=reason, ready_at=ready_at)
        self._waiting[job.id] = queued
        return queued

    def due(self, now: float) -> list[QueuedJob]:
        """Return the jobs that may be tried at ``now``, in order. They stay in the queue."""
        return [queued for queued in self if queued.ready_at <= now]

    def set_reason(self, queued: QueuedJob, reason: str | None) -> None:
        """Record what a job waits for; None: for nothing of its own."""
        self._waiting[queued.job.id] = replace(queued, reason=reason)

    def count_ready(self, now: float, priority: int | None = None) -> int:
        """Return how many jobs may be tried at ``now``, of at least ``priority`` where given."""
        return sum(
            queued.ready_at <= now and (priority is None or queued.priority >= priority)
            for queued in self._waiting.values()
        )

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job that has been started or has ended."""
        del self._waiting[queued.job.id]

    def put_back(
        self, queued: QueuedJob, job: Job, reason: str, now: float, seconds: float | None = None
    ) -> QueuedJob:
        """Put a job back in its old place, to be tried after ``seconds``; None: after a pause that
        grows with each fault."""
        faults = queued.faults + 1
        ready_at = now + (backoff_seconds(faults) if seconds is None else seconds)
        back = replace(queued, job=job, faults=faults, ready_at=ready_at, reason=reason)
        self._waiting[job.id] = back
        return back
