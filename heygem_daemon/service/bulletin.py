"""The service's status, as it is written for whoever reads the files or asks systemd."""

import os
from contextlib import suppress

from heygem_daemon import __version__
from heygem_daemon.report.metrics import write_metrics
from heygem_daemon.report.status import DaemonState, Status, write_status
from heygem_daemon.service.batches import BatchWatch
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import Look
from heygem_daemon.service.overview import counts_of, devices_of, jobs_of
from heygem_daemon.service.surroundings import Surroundings
from heygem_daemon.settings import Settings
from heygem_daemon.spool.files import faults_of
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool

KEEPALIVE_SECONDS = 5.0
"""A status without news is rewritten so often, as a sign of life."""

SHOWN_FILES = 100
"""At most so many waiting files are listed in the status."""


class Bulletin:
    """Writes ``status.json`` and ``metrics.prom`` where there is news, and now and then else."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        surroundings: Surroundings,
        dispatcher: Dispatcher,
        batches: BatchWatch,
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = surroundings.clock
        self._notifier = surroundings.notifier
        self._dispatcher = dispatcher
        self._batches = batches
        self._news: Status | None = None
        self._written = 0.0
        self._started = self._clock.wall()

    def write(self, state: DaemonState, seen: Look, hold: str | None = None) -> None:
        """Tell the state of everything; ``seen`` is the last look at the inbox, ``hold`` why
        nothing starts. Raises SpoolUnavailable, OSError."""
        status = self._status(state, seen, hold)
        news = status.model_copy(update={"written": 0.0, "devices": ()})  # these never rest
        stale = status.written - self._written >= KEEPALIVE_SECONDS
        if stale or news != self._news:
            self._notifier.status(status.summary())
            with faults_of(self._spool.root):
                write_status(status, self._spool.state / "status.json")
            with suppress(OSError):  # an old file is told by its time; the status says the rest
                write_metrics(status, self._spool.state / "metrics.prom")
            self._news, self._written = news, status.written

    def _status(self, state: DaemonState, seen: Look, hold: str | None) -> Status:
        dispatcher = self._dispatcher
        waits = dispatcher.devices.reason(None)
        return Status(
            version=__version__,
            pid=os.getpid(),
            state=state,
            started=self._started,
            written=self._clock.wall(),
            spool=printable(str(self._spool.root)),
            engine=self._settings.engine,
            device=self._settings.device,
            hold=hold,
            jobs=tuple(jobs_of(dispatcher, self._clock)),
            batches=tuple(self._batches.statuses(dispatcher.at_work(), waits)),
            inbox=seen.shown(SHOWN_FILES),
            devices=tuple(devices_of(dispatcher)),
            finished=tuple(dispatcher.conclusions.finished),
            warnings=dispatcher.sampler.warnings,
            counts=counts_of(dispatcher),
        )
