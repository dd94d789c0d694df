"""``run`` and ``once``: assemble the daemon from its parts, and run it."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from typing import Annotated

import typer

from heygem_daemon.cli.config import settings_doubts
from heygem_daemon.cli.monitoring import Monitoring
from heygem_daemon.cli.output import JSON_OPTION, ExitStatus, print_json, say
from heygem_daemon.cluster.start import MergedReadings, make_executor
from heygem_daemon.config.loading import SettingsSource
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.errors import HeygemError, SpoolBusy
from heygem_daemon.events.daemon import (
    DaemonBug,
    InboxPolled,
    LeasesUnavailable,
    StandbyDeferred,
)
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.gpu.reading_thread import GpuReader
from heygem_daemon.service.loop import Service
from heygem_daemon.service.probes import Probes
from heygem_daemon.service.run_summary import RunSummary
from heygem_daemon.service.runtime import Dependencies, WakeEvent
from heygem_daemon.service.standby import require_trusted_lock, wait_for_end
from heygem_daemon.spool.mounts import find_mount
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.watcher import InboxWatcher, OpenWatcher
from heygem_daemon.system import capabilities
from heygem_daemon.system.flat_memory import keep_memory_flat
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.listen_fds import take_listening
from heygem_daemon.system.log import DaemonLog, log_to_console
from heygem_daemon.system.sd_notify import Notifier
from heygem_daemon.worker.pool import WorkerLimits, WorkerPool

GPU_PATIENCE_SECONDS = 2.0
"""How long a start waits for the driver's first answer. Jobs wait for it longer."""

METRICS_SOCKET = "metrics"
"""FileDescriptorName= of heygem-daemon-metrics.socket."""

ONCE_GPU_PATIENCE_SECONDS = 60.0
"""The same for ``once``, where no later round would start the jobs."""


STANDBY_OPTION = typer.Option(
    "--standby", help="Wait until the spool's daemon has ended, on this or another machine."
)


def run(source: SettingsSource, standby: Annotated[bool, STANDBY_OPTION] = False) -> None:
    """Watch the inbox until SIGTERM or Ctrl-C; a second signal ends the daemon at once. SIGHUP
    makes it read the settings again."""
    settings = source.load()
    keep_memory_flat()
    # Before any child process exists: only the daemon itself notifies systemd and has its sockets.
    notifier, sockets = Notifier.from_environment(), take_listening(METRICS_SOCKET)
    if not standby:
        _watch(settings, source, notifier, sockets)
        return
    while True:
        _stand_by(settings, notifier)
        try:
            _watch(settings, source, notifier, sockets)
        except SpoolBusy as error:
            StandbyDeferred(str(error)).log()
        else:
            return


def _watch(
    settings: Settings, source: SettingsSource, notifier: Notifier, sockets: Sequence[socket.socket]
) -> None:
    load = source.pin().load
    with _service(settings, notifier, load_settings=load, metrics_sockets=sockets) as service:
        _call_on_signals(service.request_reload, signal.SIGHUP)
        service.run()


def _stand_by(settings: Settings, notifier: Notifier) -> None:
    """Return when the spool has no daemon. A signal ends the process as it is: it owns nothing."""
    log_to_console(settings)
    spool = Spool(settings.spool)
    require_trusted_lock(find_mount(spool.root), printable(str(spool.root)))
    _restore_signals()
    wait_for_end(spool, notifier, time.sleep)


def once(settings: Settings, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Work off what is in the inbox, then exit.

    Exit status 1 if a job failed, 3 if one had to be left because its environment lacks something;
    the next start takes it up. A file without a partner is reported and left.
    """
    # No later round would report it, so a lone file is reported as soon as it has settled.
    # Whoever runs it wants the work done now, so no active hours hold it.
    at_once = at_all_hours(settings).model_copy(update={"lone_file_minutes": 0.0})
    notifier = Notifier.from_environment()
    with _service(at_once, notifier, ONCE_GPU_PATIENCE_SECONDS) as service:
        _stop_on_signals(service, signal.SIGHUP)
        summary = service.run_once()
    if as_json:
        print_json(asdict(summary))
    else:
        say(str(summary))
    raise typer.Exit(_exit_status(summary))


def at_all_hours(settings: Settings) -> Settings:
    """Return settings without active hours, in general and of hot folders."""
    folders = {
        name: profile.model_copy(update={"active_hours": None})
        for name, profile in settings.folders.items()
    }
    return settings.model_copy(update={"active_hours": (), "folders": folders})


def _exit_status(summary: RunSummary) -> ExitStatus:
    if summary.failed:
        return ExitStatus.FAILED
    return ExitStatus.UNAVAILABLE if summary.left or summary.hold else ExitStatus.DONE


@contextmanager
def _service(
    settings: Settings,
    notifier: Notifier,
    gpu_patience_seconds: float = GPU_PATIENCE_SECONDS,
    load_settings: Callable[[], Settings] | None = None,
    metrics_sockets: Sequence[socket.socket] = (),
) -> Iterator[Service]:
    """Yield the service with its real parts. A bug in it is logged with its traceback."""
    daemon_log = DaemonLog(settings)
    # Before any child process exists: only the daemon itself has rights above those of its user.
    capabilities.keep_from_children()
    if not capabilities.can_lease_any_file():
        LeasesUnavailable().log()
    spool, wake = Spool(settings.spool), WakeEvent()
    pool = WorkerPool(
        settings.engine,
        shipped_weights(),
        spool.cache,
        limits=WorkerLimits(
            threads=settings.threads,
            nice=settings.worker_nice,
            io_priority=settings.worker_io,
            checkpoints=settings.checkpoints,
            folder=spool.processing if settings.confine == "auto" else None,
        ),
        stall_limits=StallLimits.from_settings(settings),
        on_event=wake.set,
    )
    nodes = make_executor(settings, pool, wake.set) if settings.cluster else None
    reader = GpuReader()
    monitoring = Monitoring(settings, metrics_sockets)
    with_gpus = settings.device != "cpu"  # with the CPU alone, the driver is not used at all
    with ExitStack() as stack:
        stack.callback((nodes or pool).close, 0.0)
        stack.callback(reader.close)
        stack.callback(monitoring.close)

        def scan_soon() -> None:
            service.inbox_changed()
            wake.set()  # the next child can start at once

        probes = Probes(settings, spool.inbox, scan_soon)
        stack.callback(probes.close)
        open_watcher = OpenWatcher()

        @contextmanager
        def while_open() -> Iterator[None]:
            mount = find_mount(spool.inbox)
            watcher = InboxWatcher(spool.inbox, mount, service.inbox_changed, _log_polling)
            with (
                daemon_log.in_file(),
                open_watcher.use(watcher),
                monitoring.while_open(spool),
            ):
                if with_gpus:
                    reader.start(gpu_patience_seconds)
                yield

        def follow_settings(settings: Settings) -> None:
            daemon_log.reopen(settings)
            pool.kill_silent_after(StallLimits.from_settings(settings))
            probes.follow(settings)
            monitoring.follow(settings)

        read_gpus = reader.latest if with_gpus else Readings
        dependencies = Dependencies(
            read_gpus=MergedReadings(read_gpus, nodes.gpus) if nodes else read_gpus,
            read_nodes=nodes.cpus if nodes else tuple,
            notifier=notifier,
            wake=wake,
            looks_complete=probes.media,
            content_probe=probes.contents,
            advance_probes=probes.advance,
            read_sidecar=probes.sidecars,
            while_open=while_open,
            watch=open_watcher.follow,
            load_settings=load_settings,
            find_doubts=settings_doubts,
            follow_settings=follow_settings,
            publish_status=monitoring.publish,
            job_ended=monitoring.announcer.job_ended,
            notification_counts=lambda: monitoring.announcer.counts,
            command_counts=lambda: monitoring.announcer.command_counts,
            notification_status=lambda: monitoring.announcer.status,
        )
        service = Service(settings, spool, nodes or pool, dependencies)
        _stop_on_signals(service, signal.SIGTERM, signal.SIGINT)
        try:
            yield service
        except HeygemError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug: logged whole, and the process ends
            DaemonBug().log(error=error)
            raise SystemExit(ExitStatus.BUG) from None


def _log_polling(reason: str) -> None:
    InboxPolled(reason).log()


def _stop_on_signals(service: Service, *numbers: signal.Signals) -> None:
    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        service.request_stop()

    _call_on_signals(stop, *numbers)


def _restore_signals() -> None:
    """Let SIGTERM and Ctrl-C end the process at once, and SIGHUP do nothing."""
    with suppress(ValueError):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _call_on_signals(call: Callable[[], None], *numbers: signal.Signals) -> None:
    def handle(_number: int, _frame: object) -> None:
        call()

    # Only a program's main thread may set handlers. Other threads (in tests) get no signals.
    with suppress(ValueError):
        for number in numbers:
            signal.signal(number, handle)
