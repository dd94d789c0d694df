"""Logs the warnings about the inbox: each once, and never more than a few a minute."""

import math
from collections.abc import Iterable

from heygem_daemon.events.jobs import InboxWarning, InboxWarningsLeftOut
from heygem_daemon.service.line_budget import LineBudget
from heygem_daemon.service.notices import InboxNotice

BURST_LINES = 20
"""How many warnings are logged at once."""

SECONDS_A_LINE = 30.0
"""How long it takes until one more may be logged."""

SUMMARY_SECONDS = 600.0
"""How often one line says how many warnings were left out."""


class NoticeLog:
    """Logs each new warning. What comes faster than people can read is counted, and listed by the
    status alone. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: set[InboxNotice] = set()
        self._lines = LineBudget(BURST_LINES, SECONDS_A_LINE)
        self._left_out = 0
        self._summarised_at = -math.inf

    def log(self, notices: Iterable[InboxNotice], now: float) -> None:
        """Log the warnings among ``notices`` that were not there the last time."""
        warnings = {notice for notice in notices if notice.is_warning}
        new = sorted(warnings - self._known, key=lambda notice: notice.name)
        self._known = warnings
        room = self._lines.take(len(new), now)
        for notice in new[:room]:
            InboxWarning(notice.name, notice.reason).log()
        self._left_out += len(new) - room
        if self._left_out and now - self._summarised_at >= SUMMARY_SECONDS:
            InboxWarningsLeftOut(self._left_out).log()
            self._left_out, self._summarised_at = 0, now
