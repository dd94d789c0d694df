"""The counts that ``status.json`` holds."""

from collections.abc import Mapping

from heygem_daemon.report.status_model import StatusModel


class Counts(StatusModel):
    """Counts since the daemon started."""

    published: int = 0
    """Jobs published."""

    failed: int = 0
    """Jobs failed."""

    attempts: Mapping[str, int] = {}
    """Attempts, by how they ended."""

    failures: Mapping[str, int] = {}
    """Jobs failed, by ``FailureKind``."""

    warnings: Mapping[str, int] = {}
    """GPU warnings, by kind."""

    stage_seconds: Mapping[str, float] = {}
    """Seconds of all attempts, by stage."""

    frames: int = 0
    """Output frames drawn."""

    worker_starts: int = 0
    """Worker processes that reported anything."""

    worker_deaths: int = 0
    """Worker processes that died or were killed."""

    notifications: Mapping[str, int] = {}
    """Notifications, by what became of them; empty: none are configured."""

    commands: Mapping[str, int] = {}
    """Commands of on_published, by what became of them; empty: none is configured."""
