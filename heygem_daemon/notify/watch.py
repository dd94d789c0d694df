"""Finds in the status what people are told of, beside the end of jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from heygem_daemon.notify.occasion import OccasionKind
from heygem_daemon.report.status import Status

HOLD_SECONDS = 60.0
"""A hold that is over sooner is not told of."""

CALM_SECONDS = 60.0
"""A hold or a wait is over when it is gone for so long: a job that is tried again in vain ends it
for a moment."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something in the status that people are told of."""

    kind: OccasionKind
    seconds: float = 0.0
    reason: str = ""
    count: int = 0


class _Condition:
    """Follows something that comes and goes; short gaps do not count."""

    def __init__(self, least_seconds: float) -> None:
        """``least_seconds``: how long it must last before it counts."""
        self._least = least_seconds
        self.began: float | None = None
        self._seen = 0.0
        self._is_told = False

    def update(self, is_there: bool, now: float) -> Literal["begins", "ends"] | None:
        """Return what is new at UNIX time ``now``. ``began`` is kept until the next call."""
        if is_there:
            if self.began is None or (not self._is_told and self._is_over(now)):
                self.began, self._is_told = now, False
            self._seen = now
            if not self._is_told and now - self.began >= self._least:
                self._is_told = True
                return "begins"
        elif self._is_told and self._is_over(now):
            self._is_told = False
            return "ends"
        return None

    def _is_over(self, now: float) -> bool:
        return now - self._seen >= CALM_SECONDS


class StatusWatch:
    """Compares each status with what was told before."""

    def __init__(self, wait_minutes: float) -> None:
        """``wait_minutes``: after which a wait is too long; 0: never."""
        self.wait_minutes = wait_minutes
        self._hold = _Condition(HOLD_SECONDS)
        self._wait = _Condition(0.0)
        self._hold_reason = ""

    def changes(self, status: Status) -> list[Change]:
        """Return what is to be told now."""
        if status.state in ("stopping", "stopped", "starting"):
            return []
        return [*self._hold_changes(status), *self._wait_changes(status)]

    def _hold_changes(self, status: Status) -> Iterator[Change]:
        news = self._hold.update(status.hold is not None, status.written)
        self._hold_reason = status.hold or self._hold_reason
        if news is not None and self._hold.began is not None:
            kind: OccasionKind = "on_hold" if news == "begins" else "resumed"
            yield Change(kind, status.written - self._hold.began, self._hold_reason)

    def _wait_changes(self, status: Status) -> Iterator[Change]:
        backlog = status.backlog
        seconds = 0.0 if backlog.oldest is None else status.written - backlog.oldest
        is_long = 0 < self.wait_minutes * 60 <= seconds
        if self._wait.update(is_long, status.written) == "begins":
            yield Change("waiting", seconds, count=backlog.pair_count + backlog.folders)
