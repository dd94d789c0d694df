"""Shows beside the results how far the running jobs are."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from heygem_daemon.config.settings import Settings
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.progress_text import pause_text, progress_text
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.spool import Spool

LEAST_SECONDS = 2.0
"""Least time between two writings of one file. A job that ends earlier has none."""

KEEPALIVE_SECONDS = 15.0
"""An unchanged file is written this often, so that its readers see that the daemon is alive."""


@dataclass(frozen=True, slots=True)
class _Note:
    """The last text of a running job."""

    tried_at: float
    """Monotonic time of the last try to show it, or of the job's start."""

    written: float = 0.0
    """Its own time, seconds since the epoch."""

    text: str = ""
    """Empty: there is none yet."""


class ProgressNotes:
    """Writes the files of the jobs that run or pause, and removes those of others. A fault here
    holds no job."""

    def __init__(self, spool: Spool, settings: Settings, clock: Clock, faults: ItemFaults) -> None:
        self._spool = spool
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._notes: dict[str, _Note] = {}
        """By the job's id."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings = settings

    def update(self, running: Iterable[RunningJob], waiting: Iterable[QueuedJob] = ()) -> None:
        """Bring the files up to date, before the outcomes of jobs that have just ended are
        recorded. Of those that wait, the jobs keep their files that pause for others."""
        now = self._clock.monotonic()
        is_on = self._settings.progress_files
        at_work = {each.job.id: each for each in running if is_on}
        pausing = {each.job.id: each for each in waiting if each.first and is_on}
        notes = {job_id: _Note(each.began_at) for job_id, each in at_work.items()} | self._notes
        jobs: dict[str, RunningJob | QueuedJob] = {
            job_id: at_work.get(job_id) or pausing[job_id]
            for job_id in notes.keys() & (at_work.keys() | pausing.keys())
        }
        self._notes = {job_id: notes[job_id] for job_id in jobs}
        for job_id in self._spool.progress.ids - jobs.keys():
            self._try(job_id, partial(self._spool.progress.clear, job_id))
        for job_id, each in jobs.items():
            if now - self._notes[job_id].tried_at >= LEAST_SECONDS:
                self._notes[job_id] = note = self._renew(self._notes[job_id], each)
                self._try(job_id, partial(self._spool.progress.show, each.job, note.text))

    def _renew(self, last: _Note, each: RunningJob | QueuedJob) -> _Note:
        """Return the next note: with another time only where something has changed, or the time is
        old."""
        now, written = self._clock.monotonic(), self._clock.wall()
        is_young = 0 <= written - last.written < KEEPALIVE_SECONDS
        if is_young and self._text(each, last.written) == last.text:
            written = last.written
        return _Note(now, written, self._text(each, written))

    def _text(self, each: RunningJob | QueuedJob, written: float) -> str:
        if isinstance(each, QueuedJob):
            return pause_text(each, written, self._settings.language)
        left = each.shown_left(self._clock.monotonic())
        return progress_text(each, left, written, self._settings.language)

    def _try(self, job_id: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - concerns this file alone
            if not is_environment_fault(error):
                self._faults.log(f"the progress of job {job_id}", error)
