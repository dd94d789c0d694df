"""A clock that stands still, and a wake event that moves it."""

from heygem_daemon.service.runtime import Clock, WakeEvent


class FakeClock(Clock):
    """Time that passes only when a test moves ``now``, or when somebody waits.

    Calling the clock returns its monotonic time, for code that takes a function.
    """

    def __init__(
        self, now: float = 1000.0, wall_offset: float = 1_700_000_000.0, tick_seconds: float = 0.0
    ) -> None:
        self.now = now
        """Monotonic time in seconds."""
        self.wall_offset = wall_offset
        """By how much the wall clock is ahead of the monotonic one, in seconds."""
        self._tick_seconds = tick_seconds
        """How far each reading of the monotonic clock moves it."""

    def __call__(self) -> float:
        return self.monotonic()

    def monotonic(self) -> float:
        self.now += self._tick_seconds
        return self.now

    def wall(self) -> float:
        return self.now + self.wall_offset


class FakeWakeEvent(WakeEvent):
    """Waiting for it advances the clock at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += seconds
        return super().wait(0)
