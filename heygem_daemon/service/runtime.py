"""The two clocks that the service reads.

What the main loop sleeps on: woken by worker threads, folder events and signals alike.

What the service has around it, apart from its spool and its workers.

The steps of the main loop: when each is due, and what holds it.
"""

import os
import re
import select
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from loguru import logger

from heygem_daemon.errors import EnvironmentFault, SpoolBusy
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.service.admission import MemoryCheck
from heygem_daemon.system.sd_notify import Notifier


class Clock:
    """The machine's clocks: ``monotonic`` for intervals, ``wall`` (UNIX time) for records."""

    def monotonic(self) -> float:
        """Seconds since some moment; never set back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()


class WakeEvent:
    """A flag to wait for. Setting it takes no lock, so a signal handler may."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def set(self) -> None:
        """End the wait at hand, or the next one at once."""
        os.eventfd_write(self._descriptor, 1)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether the flag was set. Clears it."""
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        if readable:
            os.eventfd_read(self._descriptor)
        return bool(readable)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


def _always_complete(_path: Path) -> bool | None:
    return True


@dataclass(frozen=True)
class Dependencies:
    """The real ones by default, but without GPUs: ``read_gpus`` gives their latest readings and
    never waits for the driver. ``looks_complete`` answers of a file that has become quiet
    (None: not known yet); ``while_open`` lasts as long as the spool is ours, each time that it
    is opened."""

    read_gpus: Callable[[], Readings] = Readings
    clock: Clock = field(default_factory=Clock)
    notifier: Notifier = field(default_factory=Notifier)
    wake: WakeEvent = field(default_factory=WakeEvent)
    memory: MemoryCheck = field(default_factory=MemoryCheck)
    looks_complete: Callable[[Path], bool | None] = _always_complete
    while_open: Callable[[], AbstractContextManager[None]] = nullcontext


SHORTEST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 10.0
"""A step that could not be done is tried again at its own pace, between these two."""

REST_FACTOR = 1.0
"""A regular step that took long is left alone for so many times as long: a hundred thousand files
in the inbox must not make looking at them all that the daemon does."""


class StepScheduler:
    """Runs steps by name. What one lacks (a full disk, a lost share) is said once and holds that
    step alone, until a later try of it goes through."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._resting: dict[str, float] = {}
        self._holds: dict[str, str] = {}
        self._needs_recovery = False

    @property
    def needs_recovery(self) -> bool:
        """Whether a step failed since the last ``mark_recovered`` and may have left something half
        done in the spool."""
        return self._needs_recovery

    def mark_recovered(self) -> None:
        """Record that the spool was recovered from the faults so far."""
        self._needs_recovery = False

    @property
    def hold(self) -> str | None:
        """What the first of the held steps lacks."""
        return next(iter(self._holds.values()), None)

    def bring_forward(self, name: str, seconds: float) -> None:
        """Let a step be due in so long at the latest; safe in any thread."""
        soon = max(self._clock.monotonic() + seconds, self._resting.get(name, 0.0))
        self._due[name] = min(soon, self._due.get(name, soon))

    def run_if_due(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        """Run a step if it is due: ``seconds`` after its last run, or sooner or later than that
        where it failed."""
        now = self._clock.monotonic()
        if now >= self._due.get(name, now):
            done = self.run(name, step)
            retry = min(max(seconds, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
            due = now + (seconds if done else retry)
            if seconds:
                ended = self._clock.monotonic()
                self._resting[name] = ended + REST_FACTOR * (ended - now)
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
            if _without_job_id(self._holds.get(name, "")) != _without_job_id(reason):
                logger.error("on hold ({}): {}", name, reason)
            self._holds[name] = reason
            self._needs_recovery = True
            return False
        if self._holds.pop(name, None) is not None:
            logger.info("no longer on hold ({})", name)
        return True


def _without_job_id(reason: str) -> str:
    """What a reason says, whichever job's files it says it of: each try of a claim has its own."""
    return re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "", reason)
