"""Builds the service's status, and writes it for the command line, monitoring and systemd."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon import __version__
from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.warnings import WARNING_KINDS
from heygem_daemon.report.counts import Counts
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.report.status import (
    DaemonState,
    DiskStatus,
    JobStatus,
    Status,
)
from heygem_daemon.report.status_file import MAX_LISTED, shorten, write_status
from heygem_daemon.service.backlog import build_backlog
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.device_statuses import device_statuses
from heygem_daemon.service.estimates import Estimates
from heygem_daemon.service.folder_statuses import Everything
from heygem_daemon.service.inbox_view import InboxView
from heygem_daemon.service.job_statuses import job_statuses
from heygem_daemon.service.other_half import say_where_the_other_half_is
from heygem_daemon.service.pages import Pages
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.service.too_late import say_what_came_too_late
from heygem_daemon.service.unwritten import UnwrittenFiles
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths
from heygem_daemon.system.disk_space import read_disk_space

KEEPALIVE_SECONDS = 5.0
"""An unchanged status is rewritten this often, so that readers see that the daemon is alive."""


@dataclass(frozen=True, slots=True)
class LoopPhase:
    """What the main loop itself is doing."""

    opened: bool
    """Whether the spool is open."""

    stopping: bool
    """Whether the daemon was asked to stop."""

    hold: str | None
    """Why nothing starts, in words; None where nothing holds the loop."""


@dataclass(frozen=True, slots=True)
class LoopNotes:
    """What the main loop has to say of itself, each in words; None: nothing."""

    hold: str | None = None
    """Why nothing starts."""

    clock_doubt: str | None = None
    """Why nothing is purged."""

    settings: str | None = None
    """Why the settings in force are not those of the configuration."""

    requests: tuple[RequestStatus, ...] = ()
    """What became of the last requests, the newest first."""


NO_COUNTS: Mapping[str, int] = {}
NO_NOTES = LoopNotes()


class StatusWriter:
    """Writes ``status.json`` and ``metrics.prom``: at once after a change, otherwise every
    ``KEEPALIVE_SECONDS``."""

    def __init__(
        self, settings: Settings, spool: Spool, dependencies: Dependencies, batches: BatchTracker
    ) -> None:
        self._settings = settings
        self._spool = spool
        self._clock = dependencies.clock
        self._faults = dependencies.faults
        self._notifier = dependencies.notifier
        self._notification_counts = dependencies.notification_counts
        self._command_counts = dependencies.command_counts
        self._notification_status = dependencies.notification_status
        self._publish_status = dependencies.publish_status
        self._batches = batches
        self._last_status: Status | None = None
        self._last_written = 0.0
        self._pages = Pages(spool, dependencies)
        self._unwritten = UnwrittenFiles()
        self._estimates = Estimates(self._clock)
        self._jobs: tuple[JobStatus, ...] = ()
        """All claimed jobs, of which the status lists no more than some."""
        self._started = self._clock.wall()
        self._trusted = deciders()

    def write(
        self,
        state: DaemonState,
        snapshot: DispatchSnapshot,
        inbox_view: InboxView,
        notes: LoopNotes = NO_NOTES,
    ) -> None:
        """Write the status where it is due. ``inbox_view`` is the last look at the inbox. Raises
        SpoolUnavailable, OSError."""
        is_held = notes.hold is not None or state in ("stopping", "stopped")
        self._estimates.update(snapshot, inbox_view, is_held)
        inbox_view = say_what_came_too_late(
            self._estimates.in_turn(inbox_view),
            snapshot,
            self._trusted,
            self._is_there,
            heeds_requests=self._settings.share_requests,
        )
        ended = snapshot.tally.finished
        inbox_view = say_where_the_other_half_is(inbox_view, ended, self._is_there)
        status = self._status(state, snapshot, inbox_view, notes.hold).model_copy(
            update={
                "clock_doubt": notes.clock_doubt,
                "settings_note": notes.settings,
                "requests": notes.requests,
                "unwritten": self._unwritten.tell(self._pages.faults | self._spool.progress.faults),
            }
        )
        # The time and the figures of GPUs and disk always change, and are no reason to write.
        comparable = status.model_copy(update={"written": 0.0, "devices": (), "disk": DiskStatus()})
        is_stale = status.written - self._last_written >= KEEPALIVE_SECONDS
        if is_stale or comparable != self._last_status:
            self._notifier.status(status.summary())
            with translate_os_errors(self._spool.root):
                write_status(status, self._spool.state / "status.json")
            self._last_status, self._last_written = comparable, status.written
            self._write_metrics(status)
            self._publish_status(status)
        self._pages.write(self._everything(status, snapshot, inbox_view), self._settings)

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._settings = settings

    def _is_there(self, path: str) -> bool:
        return paths.exists(self._spool.root / path)

    def _write_metrics(self, status: Status) -> None:
        """Write the metrics. Readers notice an old file by its time, and the status holds the same
        facts: a fault here is no reason to hold anything."""
        try:
            # Loaded here, since commands that need no metrics load this module too.
            from heygem_daemon.report.metrics import write_metrics  # noqa: PLC0415

            write_metrics(status, self._spool.state / "metrics.prom")
        except OSError:
            return
        except Exception as error:  # noqa: BLE001 - concerns this file alone
            self._faults.log("metrics.prom", error)

    def _everything(
        self, status: Status, snapshot: DispatchSnapshot, inbox_view: InboxView
    ) -> Everything:
        return Everything(
            status=status,
            jobs=self._jobs,
            queued=Counter(each.job.journal.folder for each in snapshot.queued),
            inbox=inbox_view,
            finished=snapshot.tally.finished,
            finished_batches=self._batches.finished,
            hold=snapshot.hold,
            rest_in=snapshot.rest_in,
            estimates=self._estimates,
        )

    def _status(
        self,
        state: DaemonState,
        snapshot: DispatchSnapshot,
        inbox_view: InboxView,
        hold: str | None,
    ) -> Status:
        if state == "stopped":  # whatever was busy is not any more
            snapshot = replace(snapshot, wait_reasons=dict.fromkeys(snapshot.wait_reasons))
        wait_reason = snapshot.wait_reasons[None]
        told = self._estimates
        self._jobs = told.of_jobs(job_statuses(snapshot, self._clock, self._faults))
        jobs, more_jobs = shorten(self._jobs)
        batches, more_batches = shorten(
            told.of_batches(
                self._batches.statuses(snapshot.running_jobs, wait_reason), snapshot.rest_in
            )
        )
        inbox, _ = shorten(told.of_inbox(inbox_view.list_entries(MAX_LISTED, snapshot.rest_in)))
        devices, more_devices = shorten(list(device_statuses(snapshot, self._faults)))
        finished, more_finished = shorten(list(snapshot.tally.finished))
        ended_batches, more_ended_batches = shorten(list(self._batches.finished))
        warnings, more_warnings = shorten(snapshot.warnings)
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
            rest=snapshot.rest,
            rests_until=snapshot.rests_until,
            jobs=jobs,
            batches=batches,
            inbox=inbox,
            backlog=build_backlog(
                snapshot, inbox_view, self._clock.monotonic(), self._clock.wall()
            ),
            unlisted=inbox_view.unlisted(inbox).model_copy(
                update={
                    "jobs": more_jobs,
                    "batches": more_batches,
                    "devices": more_devices,
                    "finished": more_finished,
                    "finished_batches": more_ended_batches,
                    "warnings": more_warnings,
                }
            ),
            devices=devices,
            finished=finished,
            finished_batches=ended_batches,
            warnings=warnings,
            notifications=self._notification_status(),
            counts=build_counts(snapshot, self._notification_counts(), self._command_counts()),
            disk=read_disk(self._spool.root),
        )


def daemon_state(phase: LoopPhase, snapshot: DispatchSnapshot) -> DaemonState:
    """Return the one word that says what the daemon does."""
    if phase.stopping:
        return "stopping"
    if phase.hold is not None:
        return "holding"
    if not phase.opened:
        return "starting"
    return "working" if snapshot.running else "idle"


def build_counts(
    snapshot: DispatchSnapshot,
    notifications: Mapping[str, int] = NO_COUNTS,
    commands: Mapping[str, int] = NO_COUNTS,
) -> Counts:
    """Return how many jobs, attempts and warnings there were since the daemon started."""
    tally = snapshot.tally
    seconds = tally.stage_seconds
    return Counts(
        published=tally.published,
        failed=tally.failed,
        attempts=dict(sorted(tally.attempts.items())),
        failures=dict(sorted(tally.failures.items())),
        warnings={kind: snapshot.warning_counts.get(kind, 0) for kind in WARNING_KINDS},
        stage_seconds={stage: round(seconds[stage], 3) for stage in sorted(seconds)},
        frames=tally.frames,
        worker_starts=tally.worker_starts,
        worker_deaths=tally.worker_deaths,
        notifications=dict(notifications),
        commands=dict(commands),
    )


def read_disk(root: Path) -> DiskStatus:
    """Return the room on the disk of ``root``, as far as it is known."""
    try:
        space = read_disk_space(root)
    except OSError:
        return DiskStatus()
    return DiskStatus(
        free_bytes=space.free_bytes if space.total_bytes else None,
        total_bytes=space.total_bytes or None,
        free_inodes=space.free_inodes if space.total_inodes else None,
    )
