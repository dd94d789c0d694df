"""Says whether jobs may start by the active hours. A running job is finished."""

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.daemon import HoursBegan, HoursEnded
from heygem_daemon.service.runtime import Clock


class Rest:
    """The time outside the active hours. The answers are those of the last ``update``."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._hours = settings.hours
        self._clock = clock
        self.until: float | None = None
        """The UNIX time until which no job may start; None: jobs may start."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._hours = settings.hours

    @property
    def reason(self) -> str | None:
        """Why no job may start, in words; None: jobs may start."""
        return (
            None if self.until is None else f"waits for the active hours, {self._end(self.until)}"
        )

    def update(self) -> None:
        """Look at the clock, and log when the active hours begin or end."""
        before, self.until = self.until, self._hours.closed_until(self._clock.wall())
        if self.until is not None and before is None:
            HoursEnded(self._end(self.until)).log()
        elif self.until is None and before is not None:
            HoursBegan().log()

    def _end(self, until: float) -> str:
        return f"until {self._hours.describe(until)}"
