"""The two clocks that the service reads."""

import time


class Clock:
    """The machine's clocks: ``monotonic`` for intervals, ``wall`` (UNIX time) for records."""

    def monotonic(self) -> float:
        """Seconds since some moment; never set back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()
