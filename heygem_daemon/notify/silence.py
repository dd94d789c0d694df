"""Knows which targets take nothing. The log says so at the first failed try, and when it ends."""

from heygem_daemon.events.notify import (
    NotificationFailed,
    NotificationSent,
    TargetAnswers,
    TargetSilent,
)
from heygem_daemon.notify.occasion import Delivery, Postponed
from heygem_daemon.report.notification_status import SilentTarget


class Silence:
    """The targets whose last try failed. Used by one thread, and read by others."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    @property
    def targets(self) -> tuple[SilentTarget, ...]:
        """The targets, by their names."""
        known = sorted(self._reasons.copy().items())
        return tuple(SilentTarget(name=name, reason=reason) for name, reason in known)

    def postponed(self, postponed: Postponed) -> None:
        """Note a try that failed and is repeated; log the first one since the last success."""
        if postponed.target in self._reasons:
            return
        self._reasons[postponed.target] = postponed.reason
        TargetSilent(postponed.kind, postponed.target, postponed.seconds, postponed.reason).log()

    def ended(self, delivery: Delivery) -> None:
        """Note what became of an occasion at a target, and log it."""
        if delivery.outcome == "delivered":
            NotificationSent(delivery.kind, delivery.target, delivery.tries).log()
            if self._reasons.pop(delivery.target, None) is not None:
                TargetAnswers(delivery.target).log()
            return
        reason = delivery.reason or delivery.outcome
        NotificationFailed(delivery.kind, delivery.target, delivery.tries, reason).log()
        if delivery.outcome == "failed":
            self._reasons.setdefault(delivery.target, reason)
