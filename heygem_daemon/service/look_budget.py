"""How much one look at the requests may do, so that no crowd of them holds the daemon."""

from heygem_daemon.service.runtime import Clock

MAX_STEPS = 20
"""How many jobs one look ends, returns, deletes or hurries, where each costs writes that wait for
the medium."""

MAX_SECONDS = 1.0
"""A look that has taken so long begins nothing more, however little it has done."""


class LookBudget:
    """What is left of the steps and of the time of one look. The next look gets a new one."""

    def __init__(self, clock: Clock, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + seconds
        self._steps_left = steps

    def has_time(self) -> bool:
        """Return whether another request may be considered."""
        return self._clock.monotonic() < self._ends_at

    def is_left(self) -> bool:
        """Return whether another step may begin."""
        return self._steps_left > 0 and self.has_time()

    def spend(self, steps: int = 1) -> None:
        """Record that so many steps were done."""
        self._steps_left -= steps
