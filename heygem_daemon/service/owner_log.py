"""Logs what users cause: of each owner a limited number of lines."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from heygem_daemon.events.event import Event
from heygem_daemon.events.requests import RequestLinesLeftOut
from heygem_daemon.service.line_budget import LineBudget

if TYPE_CHECKING:
    from loguru import Logger

SUMMARY_SECONDS = 600.0
"""How often one line says how many lines of an owner were left out."""


@dataclass(frozen=True)
class LineLimit:
    """How many lines of one kind the log takes of one owner."""

    burst: int
    """How many are logged at once."""

    seconds_a_line: float
    """How long it takes until one more may be logged."""

    left_out: Callable[[str, int], Event]
    """Makes the event that says how many lines of an owner were left out."""


REQUEST_LINES = LineLimit(100, 10.0, RequestLinesLeftOut)
"""What requests may add."""


class _Owner:
    """What the log has taken of one owner."""

    def __init__(self, limit: LineLimit) -> None:
        self.lines = LineBudget(limit.burst, limit.seconds_a_line)
        self.left_out = 0
        self.summarised_at = -math.inf


class OwnerLog:
    """Logs events that users have caused. What comes faster than people can read is counted.
    Times are monotonic seconds."""

    def __init__(self, limit: LineLimit) -> None:
        self._limit = limit
        self._owners: dict[str, _Owner] = {}

    def log(
        self,
        event: Event,
        owner: str,
        now: float,
        about: "Logger" = logger,
        *,
        level: str | None = None,
        traceback: str = "",
    ) -> None:
        """Log an event that the user ``owner`` has caused. ``about`` adds what it concerns: a job
        or a batch. ``level`` and ``traceback`` are those of ``Event.log``."""
        state = self._owners.setdefault(owner, _Owner(self._limit))
        if state.lines.take(1, now):
            event.log(about, level=level, traceback=traceback)
        else:
            state.left_out += 1

    def give_back(self, owner: str, lines: int) -> None:
        """Let the log take so many lines of ``owner`` again as if they had not been logged."""
        if owner in self._owners:
            self._owners[owner].lines.give_back(lines)

    def summarise(self, now: float) -> None:
        """Say how many lines were left out, and forget the owners of whom nothing came for long."""
        for owner, state in list(self._owners.items()):
            if state.left_out and now - state.summarised_at >= SUMMARY_SECONDS:
                self._limit.left_out(owner, state.left_out).log()
                state.left_out, state.summarised_at = 0, now
            elif not state.left_out and state.lines.is_full(now):
                del self._owners[owner]
