"""How many lines of one kind the log takes: some at once, and then one after the other."""

import math

SUMMARY_SECONDS = 600.0
"""How often the log says how many lines were left out."""


class LineBudget:
    """A number of lines that grows with time, up to a limit. Times are monotonic seconds."""

    def __init__(self, burst: int, seconds_a_line: float) -> None:
        """``burst``: how many lines are logged at once; ``seconds_a_line``: how long it takes until
        one more may be logged."""
        self._burst = float(burst)
        self._seconds = seconds_a_line
        self._left = self._burst
        self._refilled_at = -math.inf

    def take(self, wanted: int, now: float) -> int:
        """Return how many of ``wanted`` lines may be logged at ``now``. They count as logged."""
        self._refill(now)
        taken = min(int(self._left), wanted)
        self._left -= taken
        return taken

    def give_back(self, lines: int) -> None:
        """Let ``lines`` more be logged, up to the limit."""
        self._left = min(self._burst, self._left + lines)

    def is_full(self, now: float) -> bool:
        """Return whether nothing was logged for so long that the limit is reached again."""
        self._refill(now)
        return self._left >= self._burst

    def _refill(self, now: float) -> None:
        gained = (now - self._refilled_at) / self._seconds
        self._left = min(self._burst, self._left + gained)
        self._refilled_at = now


class LimitedLines:
    """A budget of lines that counts what it leaves out. Times are monotonic seconds."""

    def __init__(self, burst: int, seconds_a_line: float) -> None:
        """``burst`` and ``seconds_a_line`` are those of ``LineBudget``."""
        self._budget = LineBudget(burst, seconds_a_line)
        self._left_out = 0
        self._summarised_at = -math.inf

    def take(self, wanted: int, now: float) -> int:
        """Return how many of ``wanted`` lines may be logged at ``now``. The others are left out."""
        taken = self._budget.take(wanted, now)
        self._left_out += wanted - taken
        return taken

    def give_back(self, lines: int) -> None:
        """Let ``lines`` more be logged, up to the limit."""
        self._budget.give_back(lines)

    def summarise(self, now: float) -> int:
        """Return how many lines were left out since the last summary; 0 as well where that is not
        long ago. The caller logs it."""
        if not self._left_out or now - self._summarised_at < SUMMARY_SECONDS:
            return 0
        left_out, self._left_out, self._summarised_at = self._left_out, 0, now
        return left_out

    def is_idle(self, now: float) -> bool:
        """Return whether nothing is left to be said, and nothing was logged for long."""
        return not self._left_out and self._budget.is_full(now)
