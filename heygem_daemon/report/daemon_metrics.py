"""The metrics of the daemon itself: its life, its disk, its notifications. Pure."""

import platform
from typing import get_args

from heygem_daemon.report.metric import Metric, Samples, by_key, counter, gauge, one
from heygem_daemon.report.status import DaemonState, Status


def _build(status: Status) -> Samples:
    return [((status.version, platform.python_version()), 1)]


def _settings(status: Status) -> Samples:
    return [((status.engine, status.device), 1)]


def _states(status: Status) -> dict[str, float]:
    return {state: state == status.state for state in get_args(DaemonState)}


def _waiting_notifications(status: Status) -> Samples:
    return [] if status.notifications is None else [((), status.notifications.waiting)]


def _silent_targets(status: Status) -> Samples:
    return [] if status.notifications is None else [((), len(status.notifications.silent))]


DAEMON_METRICS: tuple[Metric, ...] = (
    gauge("build_info", "Always 1; the version in its labels.", _build, ("version", "python")),
    gauge("info", "Always 1; two settings in its labels.", _settings, ("engine", "device")),
    gauge("state", "1 for the present state.", by_key(_states), ("state",)),
    gauge("start_time_seconds", "When the daemon started, UNIX time.", one(lambda s: s.started)),
    gauge(
        "written_time_seconds",
        "The heartbeat: when these metrics were written, UNIX time; every 5 seconds at least.",
        one(lambda s: s.written),
    ),
    gauge("on_hold", "1 while nothing can start.", one(lambda s: s.hold is not None)),
    gauge(
        "within_active_time",
        "1 while jobs may start by the active hours.",
        one(lambda s: s.rests_until is None),
    ),
    gauge(
        "clock_doubted",
        "1 while the clock is in doubt, so that nothing is purged.",
        one(lambda s: s.clock_doubt is not None),
    ),
    gauge(
        "settings_differ",
        "1 while the settings in force are not those of the configuration.",
        one(lambda s: s.settings_note is not None),
    ),
    gauge(
        "spool_free_bytes",
        "What the daemon can still write on the spool's disk.",
        one(lambda s: s.disk.free_bytes),
    ),
    gauge("spool_size_bytes", "Size of the spool's disk.", one(lambda s: s.disk.total_bytes)),
    gauge(
        "spool_free_inodes",
        "Files that can still be made on the spool's disk.",
        one(lambda s: s.disk.free_inodes),
    ),
    counter(
        "notifications_total",
        "Notifications, by what became of them: delivered, failed, dropped.",
        by_key(lambda s: s.counts.notifications),
        ("outcome",),
    ),
    gauge(
        "notifications_waiting",
        "Notifications that no target, or not every one, has taken yet.",
        _waiting_notifications,
    ),
    gauge(
        "notification_targets_silent",
        "Targets of notifications that took nothing since a failed try.",
        _silent_targets,
    ),
    counter(
        "commands_total",
        "Commands of `on_published`, by what became of them: succeeded, failed, dropped.",
        by_key(lambda s: s.counts.commands),
        ("outcome",),
    ),
    counter(
        "worker_starts_total", "Worker processes started.", one(lambda s: s.counts.worker_starts)
    ),
    counter(
        "worker_deaths_total",
        "Worker processes that died or were killed; each is started again with the next job.",
        one(lambda s: s.counts.worker_deaths),
    ),
)
