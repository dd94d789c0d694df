"""Cancels and hurries claimed jobs."""

import math

from heygem_daemon.service.attempts import Attempts
from heygem_daemon.service.failure_reasons import Canceller
from heygem_daemon.service.lone_sidecars import LoneSidecar
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.queue import Queue, QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import Executor

STOP_SECONDS = 60.0
"""How long a worker may take to stop a job that was cancelled. It takes a few seconds, unless it
loads an engine or hangs."""


class SteeredJobs:
    """What requests do with claimed jobs. Raises EnvironmentFault where the spool cannot take it
    now; the call can then be repeated."""

    def __init__(
        self,
        spool: Spool,
        queue: Queue,
        attempts: Attempts,
        outcomes: JobOutcomes,
        executor: Executor,
    ) -> None:
        self._spool = spool
        self._queue = queue
        self._attempts = attempts
        self._outcomes = outcomes
        self._executor = executor

    def cancel_queued(self, queued: QueuedJob, by: Canceller) -> None:
        """Fail a job that waits, as cancelled."""
        self._outcomes.fail_cancelled(queued.job, by)
        self._queue.remove(queued)

    def cancel_new(self, job: Job, by: Canceller) -> None:
        """Cancel a job that has just been claimed."""
        queued = next((each for each in self._queue if each.job.id == job.id), None)
        if queued is not None:
            self.cancel_queued(queued, by)

    def cancel_running(self, running: RunningJob, by: Canceller, now: float) -> None:
        """Let the worker of a running job stop it, and kill the worker if it does not. Whatever
        verdict comes, the job then fails as cancelled. Called again until it has ended."""
        if running.cancelled_by is None:
            running.cancelled_by, running.cancelled_at = by, now
            self._executor.pause(running.job.id)
        elif now - running.cancelled_at >= STOP_SECONDS:
            running.cancelled_at = math.inf
            self._executor.kill(running.job.id, f"did not stop its job within {STOP_SECONDS:g} s")

    def take_sidecar(self, queued: QueuedJob, found: LoneSidecar) -> None:
        """Let a sidecar that came later belong to a job that waits. Raises ClaimFailed, too."""
        path = found.entry.path
        job = self._spool.take_sidecar(queued.job, path, found.answer, found.hot_folder)
        self._queue.replace_job(queued, job)

    def hurry(self, queued: QueuedJob, asked_ns: int) -> bool:
        """Let a job that waits go first in its line. ``asked_ns``: when that was asked. Return
        whether a journal was written: of a batch's member that has none, ``BatchTracker.hurry``
        writes that of the batch."""
        job, is_written = self._spool.hurry(queued.job, asked_ns)
        self._queue.replace_job(queued, job)
        return is_written
