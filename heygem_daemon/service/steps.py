"""The steps of the main loop: when each is due, and what holds it."""

import re
from collections.abc import Callable

from loguru import logger

from heygem_daemon.errors import EnvironmentFault, SpoolBusy
from heygem_daemon.service.clock import Clock

SHORTEST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 10.0
"""A step that could not be done is tried again at its own pace, between these two."""

REST = 1.0
"""A regular step that took long is left alone for so many times as long: a hundred thousand files
in the inbox must not make looking at them all that the daemon does."""


class Steps:
    """Runs steps by name. What one lacks (a full disk, a lost share) is said once and holds that
    step alone, until a later try of it goes through."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._resting: dict[str, float] = {}
        self._holds: dict[str, str] = {}
        self.cut_short = False
        """A fault may have left something half done; for the one who makes it good to reset."""

    @property
    def hold(self) -> str | None:
        """What the first of the held steps lacks."""
        return next(iter(self._holds.values()), None)

    def bring_forward(self, name: str, seconds: float) -> None:
        """Let a step be due in so long at the latest; safe in any thread."""
        soon = max(self._clock.monotonic() + seconds, self._resting.get(name, 0.0))
        self._due[name] = min(soon, self._due.get(name, soon))

    def every(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        """Run a step if it is due: ``seconds`` after its last run, or sooner or later than that
        where it failed."""
        now = self._clock.monotonic()
        if now >= self._due.get(name, now):
            done = self.run(name, step)
            retry = min(max(seconds, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
            due = now + (seconds if done else retry)
            if seconds:
                ended = self._clock.monotonic()
                self._resting[name] = ended + REST * (ended - now)
                due = max(due, self._resting[name])
            self._due[name] = due

    def run(self, name: str, step: Callable[[], None]) -> bool:
        """Run a step; False if something around it was missing. Raises SpoolBusy, and bugs."""
        try:
            step()
        except SpoolBusy:
            raise
        except (EnvironmentFault, OSError) as fault:
            reason = str(fault)
            if _kind(self._holds.get(name, "")) != _kind(reason):
                logger.error("on hold ({}): {}", name, reason)
            self._holds[name] = reason
            self.cut_short = True
            return False
        if self._holds.pop(name, None) is not None:
            logger.info("no longer on hold ({})", name)
        return True


def _kind(reason: str) -> str:
    """What a reason says, whichever job's files it says it of: each try of a claim has its own."""
    return re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "", reason)
