"""Logs what becomes of jobs and batches: of each owner a limited number of lines, but every
publication."""

import time
from collections.abc import Callable

from loguru import logger

from heygem_daemon.events.event import Event
from heygem_daemon.events.jobs import JobLinesLeftOut, JobPublished
from heygem_daemon.service.owner_log import LineLimit, OwnerLog
from heygem_daemon.service.running_jobs import job_logger
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.ownership import user_name

JOB_LINES = LineLimit(300, 1.0, JobLinesLeftOut)
"""What jobs and batches may add. Jobs whose options are wrong fail in hundredths of a second: who
drops such pairs all day would push everything else out of the log."""

LINES_OF_A_JOB = 4
"""How many lines an owner gains when a job is published: as many as its claim, its start and its
batch took. So people whose jobs are published are never limited, even if they share a user."""


class JobLog:
    """Logs the events of jobs and batches."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` returns monotonic seconds."""
        self._monotonic = monotonic
        self._lines = OwnerLog(JOB_LINES)

    def log(self, event: Event, job: Job, *, traceback: str = "") -> None:
        """Log an event of a job. ``traceback`` is that of ``Event.log``."""
        owner, about = user_name(job.journal.owner), job_logger(job)
        self._lines.log(event, owner, self._monotonic(), about, traceback=traceback)

    def log_published(self, event: JobPublished, job: Job) -> None:
        """Log that a job was published, which is never left out."""
        event.log(job_logger(job))
        self._lines.give_back(user_name(job.journal.owner), LINES_OF_A_JOB)

    def log_batch(self, event: Event, batch: Batch, *, level: str | None = None) -> None:
        """Log an event of a batch, at another ``level`` than usual if that is given."""
        owner = user_name(batch.journal.owner)
        about = logger.bind(batch=batch.journal.title, id=batch.id)
        self._lines.log(event, owner, self._monotonic(), about, level=level)

    def summarise(self) -> None:
        """Say how many lines were left out."""
        self._lines.summarise(self._monotonic())
