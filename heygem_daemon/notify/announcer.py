"""Turns what happens in the service into notifications, and into the command after a job."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from heygem_daemon.config.settings import Settings
from heygem_daemon.notify.command import CommandLimits, CommandOutcome, CommandRunner
from heygem_daemon.notify.courier import Courier
from heygem_daemon.notify.kept_commands import KeptCommand, KeptCommands
from heygem_daemon.notify.link import unit_address
from heygem_daemon.notify.occasion import Delivery, DeliveryOrder, Occasion, OccasionKind
from heygem_daemon.notify.undelivered import Undelivered
from heygem_daemon.notify.watch import StatusWatch
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.notification_status import NotificationStatus
from heygem_daemon.report.status import Status

MakeCourier = Callable[..., Courier]


class Announcer:
    """Starts nothing where neither notifications nor a command are configured."""

    def __init__(self, settings: Settings, make_courier: MakeCourier = Courier) -> None:
        self._make_courier = make_courier
        self._settings = settings
        self._watch = StatusWatch(settings.notify_wait_minutes)
        self._undelivered = Undelivered()
        self._folder: Path | None = None
        self._courier: Courier | None = None
        self._last: Courier | None = None
        """The same, or the one that had to end when notifications were turned off."""
        self._commands: CommandRunner | None = None
        self._counts: Counter[str] = Counter(delivered=0, failed=0, dropped=0)
        self._command_counts: Counter[str] = Counter(succeeded=0, failed=0, dropped=0)
        self._host = socket.gethostname()
        self.follow(settings)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many notifications were delivered, failed and dropped; empty: none are configured."""
        return dict(self._counts) if self._courier else {}

    @property
    def command_counts(self) -> Mapping[str, int]:
        """How many commands succeeded, failed and were dropped; empty: none is configured."""
        return dict(self._command_counts) if self._settings.on_published else {}

    @property
    def status(self) -> NotificationStatus | None:
        """What waits, and which targets take nothing; None: no notifications are configured."""
        return self._courier.status if self._courier else None

    def follow(self, settings: Settings) -> None:
        """Follow changed settings, and read the file of targets again. Returns at once."""
        self._settings = settings
        self._watch.wait_minutes = settings.notify_wait_minutes
        self._replace_courier()
        self._start_commands()

    def job_ended(self, job: FinishedJob, result: Path | None) -> None:
        """Tell of a job that was published as ``result``, or that failed. Returns at once."""
        self._post(
            job.outcome,
            job.finished,
            job=job.name,
            job_id=job.id,
            owner=job.owner,
            file=str(result or ""),
            seconds=job.seconds,
            reason=job.reason or "",
        )
        settings = self._settings
        if result is not None and settings.on_published and self._commands is not None:
            kept = KeptCommand.of(result, job.id, job.identity)
            self._commands.add(settings.on_published, kept, _limits(settings))

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

    @contextmanager
    def keeping(self, folder: Path) -> Iterator[None]:
        """Keep in ``folder``, which is the daemon's alone meanwhile, what is not delivered and what
        commands have not ended, and go on with what an earlier run has left there. The end takes
        some seconds at most."""
        self._folder = folder
        self._replace_courier()
        self._close_commands()
        self._start_commands()
        try:
            yield
        finally:
            self._folder = None
            self._close_commands()
            self._close_courier()
            self._replace_courier()

    def close(self) -> None:
        """Deliver what waits, for some seconds at most."""
        self._close_commands()
        self._close_courier()

    def _start_commands(self) -> None:
        """Run commands from now on, if one is configured. Returns at once."""
        settings = self._settings
        if settings.on_published and self._commands is None:
            keep = None if self._folder is None else KeptCommands(self._folder)
            again = (settings.on_published, _limits(settings))
            self._commands = CommandRunner(keep, again, on_end=self._count_command)

    def _close_commands(self) -> None:
        commands, self._commands = self._commands, None
        if commands is not None:
            commands.close()

    def _replace_courier(self) -> None:
        """Start a courier with the settings in force, if they want one. Returns at once."""
        settings, earlier = self._settings, self._last
        if earlier is not None:
            earlier.retire()
        self._courier = None
        if settings.notifications is not None:
            order = DeliveryOrder(
                targets=str(settings.notifications),
                language=settings.language,
                confine=settings.confine == "auto",
            )
            self._last = self._courier = self._make_courier(
                order,
                undelivered=self._undelivered,
                folder=self._folder,
                address=unit_address(),
                on_delivery=self._count,
                earlier=earlier,
            )

    def _close_courier(self) -> None:
        if self._last is not None:
            self._last.close()
        self._undelivered.close()

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
        given = {key: _unicode(value) for key, value in {**common, **fields}.items()}
        self._courier.post(Occasion.model_validate(given))

    def _count(self, delivery: Delivery) -> None:
        self._counts[delivery.outcome] += 1

    def _count_command(self, outcome: CommandOutcome) -> None:
        self._command_counts[outcome] += 1


def _limits(settings: Settings) -> CommandLimits:
    return CommandLimits(
        seconds=settings.on_published_seconds,
        folders=settings.on_published_folders,
        confine=settings.confine == "auto",
    )


def _unicode(value: object) -> object:
    """Return a text without the surrogates that stand for undecodable bytes of a path: no message
    can carry them."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
