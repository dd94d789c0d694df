"""What the main loop runs on: its clocks, the event that wakes it, its dependencies, and the
schedule of its steps.
"""

import math
import os
import re
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.errors import SpoolBusy
from heygem_daemon.events.daemon import StepHeld, StepResumed
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.notification_status import NotificationStatus
from heygem_daemon.report.status import Status
from heygem_daemon.service.admission import MemoryCheck
from heygem_daemon.service.contents import NOTHING_FOUND, ContentProbe
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.job_log import JobLog
from heygem_daemon.spool.sidecars import read_now
from heygem_daemon.system.clock_sync import is_synchronized
from heygem_daemon.system.processor_times import ProcessorTimes, read_processor_times
from heygem_daemon.system.processors import Processors, read_processors
from heygem_daemon.system.sd_notify import Notifier


class Clock:
    """The machine's two clocks: ``monotonic`` for intervals, ``wall`` for records."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment. They never go back."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the UNIX time in seconds; 0 where the clock stands before 1970: records hold no
        such times."""
        return max(0.0, time.time())


class WakeEvent:
    """A flag that the main loop waits for. Worker threads, folder events and signal handlers set
    it: that takes no lock."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def set(self) -> None:
        """End the current wait, or the next one at once."""
        os.eventfd_write(self._descriptor, 1)

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for the flag, clear it, and return whether it was set."""
        is_set = bool(self._poll.poll(math.ceil(max(0.0, seconds) * 1000)))
        if is_set:
            os.eventfd_read(self._descriptor)
        return is_set

    def close(self) -> None:
        """Close the file descriptor."""
        os.close(self._descriptor)


def _always_complete(_path: Path) -> bool | None:
    return True


def _no_doubts(_settings: Settings) -> Iterable[str]:
    return ()


def _no_notifications() -> None:
    return None


def _ignore_settings(_settings: Settings) -> None:
    pass


def _nothing_to_advance() -> None:
    pass


def _ignore_inboxes(_inboxes: Iterable[Path]) -> None:
    pass


def _ignore_job(_job: FinishedJob, _result: Path | None) -> None:
    pass


def _ignore_status(_status: Status) -> None:
    pass


def _read_sidecar(path: Path) -> SidecarAnswer | None:
    return read_now([path]).get(path.name)


@dataclass(frozen=True)
class Dependencies:
    """What the service works with, apart from its spool and its workers. The defaults are the real
    ones, but without GPUs."""

    read_gpus: Callable[[], Readings] = Readings
    """Returns the GPUs' latest readings. It never waits for the driver."""

    read_nodes: Callable[[], Sequence[NodeCpu]] = tuple
    """Returns the CPUs of the cluster's other machines. It never waits for them."""

    clock: Clock = field(default_factory=Clock)
    notifier: Notifier = field(default_factory=Notifier)
    wake: WakeEvent = field(default_factory=WakeEvent)
    memory: MemoryCheck = field(default_factory=MemoryCheck)

    read_processors: Callable[[], Processors] = read_processors
    """Returns what the daemon may use of the machine's processors."""

    read_processor_times: Callable[[], ProcessorTimes | None] = read_processor_times
    """Returns how these have spent their time so far; None: not known."""

    is_clock_synchronized: Callable[[], bool | None] = is_synchronized
    """Returns whether NTP or the like sets the wall clock; None: not known."""

    looks_complete: Callable[[Path], bool | None] = _always_complete
    """Returns whether a file that no longer changes looks complete; None: not known yet."""

    content_probe: ContentProbe = NOTHING_FOUND
    """Finds out what a file holds."""

    advance_probes: Callable[[], None] = _nothing_to_advance
    """Called in every round: lets what examines files go on without a request."""

    read_sidecar: Callable[[Path], SidecarAnswer | None] = _read_sidecar
    """Returns what a sidecar holds; None: not known yet, or the file is gone."""

    load_settings: Callable[[], Settings] | None = None
    """Reads the settings again. Raises ConfigurationError. None: they never change."""

    publish_status: Callable[[Status], None] = _ignore_status
    """Called with each status that was written."""

    job_ended: Callable[[FinishedJob, Path | None], None] = _ignore_job
    """Called with each job that ended, and the path of its result. It returns at once."""

    notification_counts: Callable[[], Mapping[str, int]] = dict
    """Returns how many notifications were delivered, failed and dropped; empty: there are none."""

    command_counts: Callable[[], Mapping[str, int]] = dict
    """Returns how many commands of on_published succeeded, failed and were dropped; empty: none is
    configured."""

    notification_status: Callable[[], NotificationStatus | None] = _no_notifications
    """Returns which notifications wait; None: none are configured."""

    find_doubts: Callable[[Settings], Iterable[str]] = _no_doubts
    """Returns a sentence for each setting that makes no sense. Called at the start too."""

    follow_settings: Callable[[Settings], None] = _ignore_settings
    """Called after each such reading with the settings that are in force: the log is opened again,
    and what the service does not own follows changes."""

    watch: Callable[[Iterable[Path]], None] = _ignore_inboxes
    """Called with the inboxes of all hot folders after a change of them, to be watched too."""

    faults: ItemFaults = field(default_factory=ItemFaults)
    """Logs what single items raise."""

    job_log: JobLog = field(default_factory=JobLog)
    """Logs what becomes of jobs and batches."""

    while_open: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered each time that the spool is opened, and left when it is closed."""


SHORTEST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 10.0
"""A step that failed is tried again after its own interval, limited to this range."""

REST_FACTOR = 1.0
"""After a step the scheduler waits at least this many times the step's duration before it runs the
step again: with a hundred thousand files in the inbox, scanning must not take all of the daemon's
time."""


class StepScheduler:
    """Runs steps by name. A fault around a step (a full disk, a lost share) is logged once
    and holds that step alone, until a later try succeeds."""

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

    def require_recovery(self) -> None:
        """Record that something may be half done in the spool."""
        self._needs_recovery = True

    def mark_recovered(self) -> None:
        """Record that the spool was recovered from the faults so far."""
        self._needs_recovery = False

    @property
    def hold(self) -> str | None:
        """Why the first of the held steps is held; None where none is."""
        return next(iter(self._holds.values()), None)

    def bring_forward(self, name: str, seconds: float) -> None:
        """Make a step due in ``seconds`` at the latest. Safe in any thread."""
        soon = max(self._clock.monotonic() + seconds, self._resting.get(name, 0.0))
        self._due[name] = min(soon, self._due.get(name, soon))

    def run_if_due(self, name: str, seconds: float, step: Callable[[], None]) -> None:
        """Run a step if it is due: ``seconds`` after its last run, or after a retry pause where
        that failed. 0: in every round."""
        now = self._clock.monotonic()
        if now < self._due.get(name, now):
            return
        succeeded = self.run(name, step)
        retry_seconds = min(max(seconds, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS)
        due = now + (seconds if succeeded else retry_seconds)
        if seconds:
            ended = self._clock.monotonic()
            self._resting[name] = ended + REST_FACTOR * (ended - now)
            due = max(due, self._resting[name])
        self._due[name] = due

    def run(self, name: str, step: Callable[[], None]) -> bool:
        """Run a step now. Returns False where it failed: its environment was at fault, or it has a
        bug, which is logged with its traceback. Raises SpoolBusy."""
        try:
            step()
        except SpoolBusy:
            raise
        except Exception as fault:  # noqa: BLE001 - a bug holds its step alone
            is_bug = not is_environment_fault(fault)
            reason = f"a bug ({type(fault).__name__}: {fault})" if is_bug else str(fault)
            if _without_job_id(self._holds.get(name, "")) != _without_job_id(reason):
                trace = fault if is_bug else None
                StepHeld(name, reason).log(error=trace)
            self._holds[name] = reason
            self._needs_recovery = True
            return False
        if self._holds.pop(name, None) is not None:
            StepResumed(name).log()
        return True


def _without_job_id(reason: str) -> str:
    """Return a reason without job ids, to compare it: each try of a claim has a new id."""
    return re.sub(r"\d{8}-\d{6}-[0-9a-f]{6}", "", reason)
