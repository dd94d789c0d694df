"""Logs what users cause: of each owner a limited number of lines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from heygem_daemon.events.event import Event
from heygem_daemon.events.requests import RequestLinesLeftOut
from heygem_daemon.service.line_budget import LimitedLines

if TYPE_CHECKING:
    from loguru import Logger


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


class OwnerLog:
    """Logs events that users have caused. What comes faster than people can read is counted.
    Times are monotonic seconds."""

    def __init__(self, limit: LineLimit) -> None:
        self._limit = limit
        self._lines: dict[str, LimitedLines] = {}
        """What the log takes of each owner."""

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
        new = LimitedLines(self._limit.burst, self._limit.seconds_a_line)
        if self._lines.setdefault(owner, new).take(1, now):
            event.log(about, level=level, traceback=traceback)

    def give_back(self, owner: str, lines: int) -> None:
        """Let the log take so many lines of ``owner`` again as if they had not been logged."""
        if owner in self._lines:
            self._lines[owner].give_back(lines)

    def summarise(self, now: float) -> None:
        """Say how many lines were left out, and forget the owners of whom nothing came for long."""
        for owner, lines in list(self._lines.items()):
            if left_out := lines.summarise(now):
                self._limit.left_out(owner, left_out).log()
            elif lines.is_idle(now):
                del self._lines[owner]
