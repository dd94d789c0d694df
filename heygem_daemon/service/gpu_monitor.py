"""Records what the GPUs do while jobs run on them, and warns of what is wrong, once a job."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.devices import GpuWarned
from heygem_daemon.gpu.evidence import GpuUsage, add_usage, evidence_report, usage_of_reading
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.gpu.warnings import (
    CREEP_JOBS,
    RetainedMemory,
    UsageWarning,
    WarningKind,
    WarningLimits,
    find_memory_creep,
    find_warnings,
)
from heygem_daemon.protocol import MemoryUsage
from heygem_daemon.report.status import GpuWarning
from heygem_daemon.service.running_jobs import RunningJob, job_logger
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.names import printable
from heygem_daemon.system.units import MIB

MAX_READING_AGE_SECONDS = 2.0
"""How long one reading counts. Without a newer one by then, the driver counts as silent."""

CPU_NOTE = "Computed on the CPU: no GPU was used."


def build_warning_limits(settings: Settings) -> WarningLimits:
    """Return the limits that the operator has set. A setting of 0 turns a warning off."""
    return WarningLimits(
        asleep_percent=settings.asleep_percent or None,
        hot_celsius=settings.hot_celsius or None,
        creep_bytes=settings.creep_mib * MIB or None,
    )


class GpuMonitor:
    """Collects evidence of GPU use for running jobs, and keeps the warnings of the last job on each
    GPU."""

    def __init__(self, limits: WarningLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._sampled_at = clock.monotonic()
        self._last_readings: Readings | None = None
        self._retained: dict[int, deque[RetainedMemory]] = {}
        """The memory that each worker held after its last jobs, by the worker's number."""
        self._current_warnings: dict[tuple[str, WarningKind], GpuWarning] = {}
        self.warning_counts: Counter[WarningKind] = Counter()
        """How many warnings of each kind there were since the start."""

    def apply(self, limits: WarningLimits) -> None:
        """Warn from other limits on."""
        self._limits = limits

    @property
    def warnings(self) -> tuple[GpuWarning, ...]:
        """The warnings of the last job on each GPU, the newest first."""
        return tuple(sorted(self._current_warnings.values(), key=lambda each: -each.at))

    def sample(
        self, readings: Readings, running: Iterable[RunningJob], workers_per_gpu: Mapping[str, int]
    ) -> None:
        """Add the driver's latest readings to the evidence of each job on a GPU, unless they were
        added before. ``workers_per_gpu``: how many of the daemon's workers are on each GPU, by its
        UUID."""
        now, is_new = self._clock.monotonic(), readings is not self._last_readings
        seconds = min(now - self._sampled_at, MAX_READING_AGE_SECONDS)
        if not is_new and seconds < MAX_READING_AGE_SECONDS:
            return
        self._sampled_at, self._last_readings = now, readings
        for each in running:
            if each.device.uuid is not None:
                reading = readings.find(each.device.uuid) if is_new else None
                usage = usage_of_reading(reading, seconds, workers_per_gpu.get(each.device.uuid, 1))
                self._add(each, usage)

    def _add(self, running: RunningJob, usage: GpuUsage) -> None:
        stage = running.progress.stage if running.progress else "load"
        running.evidence = add_usage(running.evidence, stage, usage)
        for finding in find_warnings(running.evidence, self._limits, ended=False):
            self._warn(running, finding)

    def check_ended(self, running: RunningJob) -> None:
        """Issue the remaining warnings of an attempt that is over."""
        uuid = running.device.uuid
        if uuid is None:
            return
        found = find_warnings(running.evidence, self._limits, ended=True)
        for finding in found:
            self._warn(running, finding)
        running.warnings = [finding.text for finding in found]
        shown = {finding.kind for finding in found} | {"creep"}
        self._current_warnings = {
            key: warning
            for key, warning in self._current_warnings.items()
            if key[0] != uuid or key[1] in shown or not running.evidence
        }

    def check_worker_memory(
        self,
        running: RunningJob,
        worker: int,
        vitals: MemoryUsage,
        readings: Readings,
        worker_count: int,
    ) -> None:
        """Warn if the memory that a worker holds after its jobs keeps growing. Call it after a job
        that was rendered. ``worker_count``: how many of the daemon's workers are on that GPU."""
        uuid = running.device.uuid
        if uuid is None:
            return
        reading = readings.find(uuid)
        alone = worker_count == 1 and reading is not None and reading.processes == 1
        retained = self._retained.setdefault(worker, deque(maxlen=CREEP_JOBS))
        retained.append(
            RetainedMemory(
                active_bytes=vitals.vram_active_bytes,
                reserved_bytes=vitals.vram_reserved_bytes,
                used_bytes=reading.used if reading is not None and alone else None,
            )
        )
        finding = find_memory_creep(tuple(retained), self._limits.creep_bytes)
        if finding is not None:
            retained.clear()
            self._warn(running, finding)
            running.warnings = [*running.warnings, finding.text]

    def forget_worker(self, worker: int, device: DeviceChoice) -> None:
        """Forget a worker that is gone, and the warning about its memory."""
        self._retained.pop(worker, None)
        self._current_warnings.pop((device.uuid or "", "creep"), None)

    def _warn(self, running: RunningJob, finding: UsageWarning) -> None:
        """Warn in the log and in the status, once a job."""
        if finding.kind in running.warned_kinds or running.device.uuid is None:
            return
        running.warned_kinds.add(finding.kind)
        self.warning_counts[finding.kind] += 1
        self._current_warnings[running.device.uuid, finding.kind] = GpuWarning(
            kind=finding.kind,
            device=running.device.label,
            uuid=running.device.uuid,
            job=printable(running.job.title),
            at=self._clock.wall(),
            text=finding.text,
        )
        GpuWarned(finding.kind, finding.text, running.device.uuid).log(job_logger(running.job))


def gpu_evidence(running: RunningJob) -> dict[str, object]:
    """Return the evidence of an attempt that is over, for its report."""
    if running.device.uuid is None:
        return {"note": CPU_NOTE, "seconds_sampled": 0}
    return evidence_report(running.evidence)
