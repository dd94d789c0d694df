"""The part of the status about notifications that targets have not taken yet."""

from heygem_daemon.report.status_model import StatusModel


class SilentTarget(StatusModel):
    """A target whose last try failed."""

    name: str

    reason: str
    """Why the first of its failed tries failed, without anything secret."""


class NotificationStatus(StatusModel):
    """How many notifications wait, and which targets take none."""

    waiting: int = 0
    """Notifications that wait for a target, or for the process that delivers."""

    silent: tuple[SilentTarget, ...] = ()
    """The targets that have not taken anything since their first failed try."""
