"""How many lines of one kind the log takes: some at once, and then one after the other."""

import math


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
        """Count so many lines as not logged."""
        self._left = min(self._burst, self._left + lines)

    def is_full(self, now: float) -> bool:
        """Return whether nothing was logged for so long that the limit is reached again."""
        self._refill(now)
        return self._left >= self._burst

    def _refill(self, now: float) -> None:
        gained = (now - self._refilled_at) / self._seconds
        self._left = min(self._burst, self._left + gained)
        self._refilled_at = now
