"""Logs the warnings about the inbox: each once, and never more than a few a minute."""

from collections.abc import Iterable

from heygem_daemon.events.jobs import InboxWarning, InboxWarningsLeftOut
from heygem_daemon.service.line_budget import LimitedLines
from heygem_daemon.service.notices import InboxNotice

BURST_LINES = 20
"""How many warnings are logged at once."""

SECONDS_A_LINE = 30.0
"""How long it takes until one more may be logged."""


class NoticeLog:
    """Logs each new warning. What comes faster than people can read is counted, and listed by the
    status alone. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: set[InboxNotice] = set()
        self._lines = LimitedLines(BURST_LINES, SECONDS_A_LINE)

    def log(self, notices: Iterable[InboxNotice], now: float) -> None:
        """Log the warnings among ``notices`` that were not there the last time."""
        warnings = {notice for notice in notices if notice.is_warning}
        new = sorted(warnings - self._known, key=lambda notice: notice.name)
        self._known = warnings
        room = self._lines.take(len(new), now)
        for notice in new[:room]:
            InboxWarning(notice.name, notice.reason).log()
        if left_out := self._lines.summarise(now):
            InboxWarningsLeftOut(left_out).log()
