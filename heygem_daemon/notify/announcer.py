"""Turns what happens in the service into notifications, and into the command after a job."""

import socket
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from heygem_daemon.config.settings import Settings
from heygem_daemon.notify.command import CommandLimits, CommandRunner
from heygem_daemon.notify.courier import Courier
from heygem_daemon.notify.link import unit_address
from heygem_daemon.notify.occasion import Delivery, Occasion, OccasionKind
from heygem_daemon.notify.watch import StatusWatch
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.status import Status

MakeCourier = Callable[..., Courier]


class Announcer:
    """Starts nothing where neither notifications nor a command are configured."""

    def __init__(self, settings: Settings, make_courier: MakeCourier = Courier) -> None:
        self._make_courier = make_courier
        self._settings = settings
        self._watch = StatusWatch(settings.notify_wait_minutes)
        self._courier: Courier | None = None
        self._commands: CommandRunner | None = None
        self._counts: Counter[str] = Counter(delivered=0, failed=0, dropped=0)
        self._host = socket.gethostname()
        self.follow(settings)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many notifications were delivered, failed and dropped; empty: none are configured."""
        return dict(self._counts) if self._courier else {}

    def follow(self, settings: Settings) -> None:
        """Follow changed settings, and read the file of targets again. Returns at once."""
        self._settings = settings
        self._watch.wait_minutes = settings.notify_wait_minutes
        if self._courier is not None:
            self._courier.retire()
        self._courier = None
        if settings.notifications is not None:
            self._courier = self._make_courier(
                settings.notifications,
                confine=settings.confine == "auto",
                language=settings.language,
                address=unit_address(),
                on_delivery=self._count,
            )
        if settings.on_published and self._commands is None:
            self._commands = CommandRunner()

    def job_ended(self, job: FinishedJob, result: Path | None) -> None:
        """Tell of a job that was published as ``result``, or that failed. Returns at once."""
        self._post(
            job.outcome,
            job.finished,
            job=job.name,
            job_id=job.id,
            file=str(result or ""),
            seconds=job.seconds,
            reason=job.reason or "",
        )
        settings = self._settings
        if result is not None and settings.on_published and self._commands is not None:
            limits = CommandLimits(
                seconds=settings.on_published_seconds,
                folders=settings.on_published_folders,
                confine=settings.confine == "auto",
            )
            self._commands.add(settings.on_published, result, job.id, limits)

    def status_written(self, status: Status) -> None:
        """Tell of a hold, of its end, and of a wait that is too long. Returns at once."""
        for change in self._watch.changes(status):
            self._post(
                change.kind,
                status.written,
                seconds=change.seconds,
                reason=change.reason,
                count=change.count,
            )

    def close(self) -> None:
        """Deliver what waits, for some seconds at most."""
        if self._commands is not None:
            self._commands.close()
        if self._courier is not None:
            self._courier.close()

    def _post(self, kind: OccasionKind, at: float, **fields: object) -> None:
        if self._courier is None:
            return
        common = {
            "kind": kind,
            "id": uuid4().hex,
            "at": at,
            "host": self._host,
            "spool": str(self._settings.spool),
        }
        self._courier.post(Occasion.model_validate({**common, **fields}))

    def _count(self, delivery: Delivery) -> None:
        self._counts[delivery.outcome] += 1
