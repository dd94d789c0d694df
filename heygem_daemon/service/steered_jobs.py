"""Cancels and hurries claimed jobs."""

from collections.abc import Callable

from heygem_daemon.events.requests import JobHurried
from heygem_daemon.service.attempts import Attempts
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.service.queue import Queue, QueuedJob
from heygem_daemon.service.running_jobs import RunningJob, job_logger
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool


class SteeredJobs:
    """What requests do with claimed jobs. Raises EnvironmentFault where the spool cannot take it
    now; the call can then be repeated."""

    def __init__(
        self,
        spool: Spool,
        queue: Queue,
        attempts: Attempts,
        outcomes: JobOutcomes,
        stop_job: Callable[[str], None],
    ) -> None:
        """``stop_job`` asks the worker of the job with that id to stop it."""
        self._spool = spool
        self._queue = queue
        self._attempts = attempts
        self._outcomes = outcomes
        self._stop_job = stop_job

    def cancel_queued(self, queued: QueuedJob, by: str) -> None:
        """Fail a job that waits, as cancelled by the user ``by``."""
        self._outcomes.fail_cancelled(queued.job, by)
        self._queue.remove(queued)

    def cancel_new(self, job: Job, by: str) -> None:
        """Cancel a job that has just been claimed."""
        queued = next((each for each in self._queue if each.job.id == job.id), None)
        if queued is not None:
            self.cancel_queued(queued, by)

    def cancel_running(self, running: RunningJob, by: str) -> None:
        """Let the worker of a running job stop it. Whatever verdict comes, the job then fails as
        cancelled."""
        if running.cancelled_by is None:
            running.cancelled_by = by
            self._stop_job(running.job.id)

    def hurry(self, queued: QueuedJob, asked_ns: int, by: str) -> None:
        """Let a job that waits go first in its line. ``asked_ns``: when that was asked."""
        job = self._spool.hurry(queued.job, asked_ns)
        self._queue.replace_job(queued, job)
        JobHurried(by).log(job_logger(job))
