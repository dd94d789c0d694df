"""The claimed jobs, the devices and the counts at one moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from heygem_daemon.config.hours import ActiveHours
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.gpu.warnings import WarningKind
from heygem_daemon.protocol import MemoryUsage
from heygem_daemon.report.status import GpuWarning
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import EndedAttempt, RunningJob
from heygem_daemon.service.tally import Tally
from heygem_daemon.service.turns import WaitingJob
from heygem_daemon.spool.job import Job


@dataclass(frozen=True, slots=True)
class DispatchSnapshot:
    """What the dispatcher knows, for the loop and the status."""

    running: tuple[RunningJob, ...]
    """The jobs that workers render, in the order in which they were started."""

    pending: tuple[EndedAttempt, ...]
    """The attempts that are over and whose outcome the spool has not recorded yet."""

    queued: tuple[QueuedJob, ...]
    """The claimed jobs that do not run, the next one first."""

    hold: str | None
    """Why no job can start although none runs; None where nothing holds the queue."""

    signing_fault: str | None
    """Why results cannot be signed; None: nothing is known of it."""

    wait_reasons: Mapping[str | None, str | None]
    """Which device the jobs of an engine wait for, for each engine that a queued job requests and
    for None, the engine of the settings."""

    worker_memory: tuple[tuple[DeviceChoice, MemoryUsage], ...]
    """Where each worker is, and the memory that it last reported."""

    readings: Readings
    """The driver's last answer."""

    quarantined: Mapping[str | None, str]
    """Why a device gets no job, by its UUID; None: the CPU."""

    tally: Tally
    """What became of jobs and attempts since the daemon started."""

    rest: str | None
    """Until when nothing starts because of the active hours, in words; None: jobs may start."""

    rests_until: float | None
    """The same as UNIX time."""

    hours: Mapping[str, ActiveHours]
    """The active hours, by the names of the hot folders that have their own; empty: in general."""

    rests: Mapping[str, str | None]
    """Until when none of their jobs starts, in words, by the same names; None: they may start."""

    warnings: tuple[GpuWarning, ...]
    """The warnings of the last job on each GPU, the newest first."""

    warning_counts: Mapping[WarningKind, int]
    """How many warnings there were since the daemon started, by kind."""

    def hours_of(self, folder: str) -> ActiveHours:
        """Return when jobs of a hot folder may start. ``folder``: empty for the plain inbox."""
        return self.hours.get(folder) or self.hours[""]

    def rest_in(self, folder: str) -> str | None:
        """Return until when no job of a hot folder starts, in words; None: they may start."""
        return self.rests[folder if folder in self.rests else ""]

    assistants: Callable[[str], Sequence[DeviceChoice]]
    """Returns where other workers draw chunks of a running job, by the job's id."""

    in_turn: Callable[[Iterable[WaitingJob]], Iterator[WaitingJob]]
    """Yields the jobs that may be tried now, and others as if queued, in their turns."""

    @property
    def running_jobs(self) -> list[Job]:
        """The jobs that workers render."""
        return [running.job for running in self.running]
