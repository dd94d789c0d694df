"""Shows beside the results how far the running jobs are."""

from collections.abc import Callable, Iterable
from functools import partial

from heygem_daemon.config.settings import Settings
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.progress_text import progress_text
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.spool import Spool

LEAST_SECONDS = 2.0
"""Least time between two writings of one file. A job that ends earlier has none."""


class ProgressNotes:
    """Writes the files of the running jobs, and removes those of jobs that run no more. A fault
    here holds no job."""

    def __init__(self, spool: Spool, settings: Settings, clock: Clock, faults: ItemFaults) -> None:
        self._spool = spool
        self._settings = settings
        self._clock = clock
        self._faults = faults
        self._written_at: dict[str, float] = {}
        """Monotonic time of the last try for each running job."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings = settings

    def update(self, running: Iterable[RunningJob]) -> None:
        """Bring the files up to date, before the outcomes of jobs that have just ended are
        recorded."""
        now = self._clock.monotonic()
        jobs = {each.job.id: each for each in running} if self._settings.progress_files else {}
        self._written_at = {
            job_id: self._written_at.get(job_id, each.began_at) for job_id, each in jobs.items()
        }
        for job_id in self._spool.progress.ids - jobs.keys():
            self._try(job_id, partial(self._spool.progress.clear, job_id))
        for job_id, each in jobs.items():
            if now - self._written_at[job_id] >= LEAST_SECONDS:
                self._written_at[job_id] = now
                self._try(job_id, partial(self._show, each))

    def _show(self, running: RunningJob) -> None:
        text = progress_text(
            running.job.name, running.progress, running.started, self._settings.language
        )
        self._spool.progress.show(running.job, text)

    def _try(self, job_id: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - concerns this file alone
            if not is_environment_fault(error):
                self._faults.log(f"the progress of job {job_id}", error)
