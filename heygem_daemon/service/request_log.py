"""Logs what requests cause: of each owner a limited number of lines."""

import math
from typing import TYPE_CHECKING

from loguru import logger

from heygem_daemon.events.event import Event
from heygem_daemon.events.requests import RequestLinesLeftOut
from heygem_daemon.service.line_budget import LineBudget

if TYPE_CHECKING:
    from loguru import Logger

BURST_LINES = 100
"""How many lines of one owner are logged at once."""

SECONDS_A_LINE = 10.0
"""How long it takes until one more may be logged."""

SUMMARY_SECONDS = 600.0
"""How often one line says how many lines of an owner were left out."""


class _Owner:
    """What the log has taken of one owner."""

    def __init__(self) -> None:
        self.lines = LineBudget(BURST_LINES, SECONDS_A_LINE)
        self.left_out = 0
        self.summarised_at = -math.inf


class RequestLog:
    """Logs the events of requests. What comes faster than people can read is counted. Times are
    monotonic seconds."""

    def __init__(self) -> None:
        self._owners: dict[str, _Owner] = {}

    def log(self, event: Event, owner: str, now: float, about: "Logger" = logger) -> None:
        """Log an event that a request of the user ``owner`` has caused. ``about`` adds what it
        concerns: a job or a batch."""
        state = self._owners.setdefault(owner, _Owner())
        if state.lines.take(1, now):
            event.log(about)
        else:
            state.left_out += 1

    def summarise(self, now: float) -> None:
        """Say how many lines were left out, and forget the owners of whom nothing came for long."""
        for owner, state in list(self._owners.items()):
            if state.left_out and now - state.summarised_at >= SUMMARY_SECONDS:
                RequestLinesLeftOut(owner, state.left_out).log()
                state.left_out, state.summarised_at = 0, now
            elif not state.left_out and state.lines.is_full(now):
                del self._owners[owner]
