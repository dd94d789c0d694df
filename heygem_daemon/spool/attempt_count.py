"""Counts the attempts of a job that brought nothing. Pure but for ``record_work``.

An attempt is counted before it starts, so that a job which ends worker, daemon or machine cannot do
so for ever. A job whose worker was at work when the daemon died is hardly to blame: such a death is
counted apart, and fails the job only after many.
"""

from collections.abc import Mapping
from dataclasses import replace

from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.layout import save_journal

MAX_DEATHS = 12
"""After so many deaths of the daemon in a row, in each of which the job was at work and between
which it finished no chunk, the job itself may be the cause."""


def count_start(journal: Journal, *, has_progressed: bool) -> Mapping[str, object]:
    """Return the changes of a journal at the start of an attempt. ``has_progressed``: whether the
    one before finished a chunk, whatever ended it; then the count begins anew."""
    attempts, deaths = journal.attempts, journal.deaths
    if has_progressed:
        attempts = deaths = 0
    elif journal.at_work:  # nothing has ended that attempt but the death of the daemon
        attempts, deaths = attempts - 1, deaths + 1
    return {"attempts": attempts + 1, "deaths": deaths, "at_work": False}


def has_all(journal: Journal, max_attempts: int) -> bool:
    """Return whether a job whose last attempt brought no chunk has had all its attempts."""
    if journal.at_work:
        return journal.deaths + 1 >= MAX_DEATHS
    return journal.attempts >= max_attempts


def record_work(files: FileOperations, job: Job) -> Job:
    """Record that the worker has read the files and is at work. Return the changed job. Raises
    OSError, SpoolUnavailable."""
    journal = job.journal.model_copy(update={"at_work": True})
    save_journal(files, job.folder, journal)
    return replace(job, journal=journal)
