"""Which claimed job is next: by priority, then first come, first served, with a pause after each
fault or crash.

Pure bookkeeping over monotonic seconds; the files stay where they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from heygem_daemon.spool.job import Job

FIRST_BACKOFF_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 600.0


def backoff_seconds(faults: int) -> float:
    """Seconds to wait after the ``faults``-th fault in a row or the ``faults``-th crash (1, 2, …):
    doubling, to 10 minutes."""
    return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(faults - 1, 30), MAX_BACKOFF_SECONDS)


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A claimed job that does not run.

    ``number`` is its place; ``faults`` counts the environment faults in a row that stopped it;
    ``ready_at`` is the monotonic time before which it is not tried; ``reason`` says why it waits.
    """

    job: Job
    number: int
    faults: int = 0
    ready_at: float = 0.0
    reason: str | None = None

    @property
    def priority(self) -> int:
        """Higher goes first."""
        return self.job.journal.options.priority


class Queue:
    """The claimed jobs that do not run, by priority and then in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: dict[str, QueuedJob] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[QueuedJob]:
        by_turn = sorted(self._waiting.values(), key=lambda each: (-each.priority, each.number))
        return iter(by_turn)

    def append(self, job: Job, reason: str | None = None, ready_at: float = 0.0) -> QueuedJob:
        """Put a job behind its equals: a new one, or one that is tried again, at monotonic time
        ``ready_at`` or later."""
        self._count += 1
        queued = QueuedJob(job, self._count, reason=reason, ready_at=ready_at)
        self._waiting[job.id] = queued
        return queued

    def due(self, now: float) -> list[QueuedJob]:
        """The jobs that may be tried at ``now``, in their order; they stay in the queue."""
        return [queued for queued in self if queued.ready_at <= now]

    def set_reason(self, queued: QueuedJob, reason: str | None) -> None:
        """Note what a job waits for that may be tried; None: for nothing of its own."""
        self._waiting[queued.job.id] = replace(queued, reason=reason)

    def count_ready(self, now: float, priority: int | None = None) -> int:
        """How many jobs may be tried at ``now``; of at least ``priority``, where it is given."""
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
        """Return a job to its old place, to be tried after so many ``seconds``; None: after a pause
        that grows with each fault."""
        faults = queued.faults + 1
        ready_at = now + (backoff_seconds(faults) if seconds is None else seconds)
        back = replace(queued, job=job, faults=faults, ready_at=ready_at, reason=reason)
        self._waiting[job.id] = back
        return back
