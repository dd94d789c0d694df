"""Says whether jobs may start by the active hours. A running job is finished."""

from collections.abc import Mapping

from heygem_daemon.config.hours import ActiveHours, parse_hours
from heygem_daemon.config.settings import Settings
from heygem_daemon.events.daemon import HoursBegan, HoursEnded
from heygem_daemon.service.runtime import Clock


class Rest:
    """The time outside the active hours, in general and of the hot folders that have their own.

    The answers are those of the last ``update``.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float | None] = {}
        """By the names of folders; empty: in general."""
        self.apply(settings)

    def apply(self, settings: Settings) -> None:
        """Follow changed settings."""
        self._hours = settings.hours
        self._of_folders = {
            name: parse_hours(profile.active_hours, settings.time_zone)
            for name, profile in settings.folders.items()
            if profile.active_hours is not None
        }

    @property
    def until(self) -> float | None:
        """The UNIX time until which no job may start, but those of folders with hours of their own;
        None: jobs may start."""
        return self._until.get("")

    @property
    def reason(self) -> str | None:
        """Why no job may start, in words; None: jobs may start."""
        return self.reason_in("")

    def is_resting(self, folder: str) -> bool:
        """Return whether no job of a hot folder may start. ``folder``: empty for the plain
        inbox."""
        return self._until.get(self._key(folder)) is not None

    def reason_in(self, folder: str) -> str | None:
        """Return why no job of a hot folder may start, in words; None: they may. ``folder``: empty
        for the plain inbox."""
        name = self._key(folder)
        if (until := self._until.get(name)) is None:
            return None
        end = self._end(name, until)
        if name:
            return f"waits for the active hours of {name}, {end}"
        return f"waits for the active hours, {end}"

    @property
    def hours(self) -> Mapping[str, ActiveHours]:
        """The hours by the names of the hot folders that have their own; empty: in general."""
        return {"": self._hours, **self._of_folders}

    def update(self) -> None:
        """Look at the clock, and log when the active hours begin or end."""
        now, before = self._clock.wall(), self._until
        self._until = {name: each.closed_until(now) for name, each in self.hours.items()}
        for name, until in self._until.items():
            if until is not None and before.get(name) is None:
                HoursEnded(self._end(name, until), name).log()
            elif until is None and before.get(name) is not None:
                HoursBegan(name).log()

    def _key(self, folder: str) -> str:
        """Return under which name the hours of a folder are."""
        return folder if folder in self._of_folders else ""

    def _hours_of(self, name: str) -> ActiveHours:
        return self._of_folders.get(name, self._hours)

    def _end(self, name: str, until: float) -> str:
        return f"until {self._hours_of(name).describe(until)}"
