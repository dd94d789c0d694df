"""What the GPUs do while jobs run on them, taken down once a second, and each warning said once."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.evidence import Stretch, report_of, seen, with_stretch
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.warnings import CREEP_JOBS, Finding, Kind, Limits, Residue, creep, findings
from heygem_daemon.protocol import Vitals
from heygem_daemon.report.status import GpuWarning
from heygem_daemon.service.running_jobs import Running, log_of
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.names import printable
from heygem_daemon.system.units import MIB

LONGEST_SECONDS = 2.0
"""What one reading can speak for; without a newer one by then the driver counts as silent."""

ON_THE_CPU = "Computed on the CPU: no GPU was used."


def limits_of(settings: Settings) -> Limits:
    """What the operator wants to be warned of; 0 stands for never."""
    return Limits(
        asleep_percent=settings.asleep_percent or None,
        hot_celsius=settings.hot_celsius or None,
        creep_bytes=settings.creep_mib * MIB or None,
    )


class Sampler:
    """Gathers the evidence of running jobs, and keeps what the last job on each GPU warned of."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._sampled = clock.monotonic()
        self._taken: Readings | None = None
        self._residues: dict[int, deque[Residue]] = {}
        """What each worker held after its last jobs, by its number."""
        self._current: dict[tuple[str, Kind], GpuWarning] = {}
        self.counts: Counter[Kind] = Counter()
        """How many warnings of each kind there were."""

    @property
    def warnings(self) -> tuple[GpuWarning, ...]:
        """What the last job on each GPU has shown, the newest first."""
        return tuple(sorted(self._current.values(), key=lambda each: -each.at))

    def sample(
        self, readings: Readings, running: Iterable[Running], ours: Mapping[str, int]
    ) -> None:
        """Add the driver's latest answer to the evidence of each job on a GPU, unless it is there
        already. ``ours``: how many workers of ours are on each GPU, by UUID."""
        now, news = self._clock.monotonic(), readings is not self._taken
        seconds = min(now - self._sampled, LONGEST_SECONDS)
        if not news and seconds < LONGEST_SECONDS:
            return
        self._sampled, self._taken = now, readings
        for each in running:
            if each.device.uuid is not None:
                reading = _of(readings, each.device.uuid) if news else None
                stretch = seen(reading, seconds, ours.get(each.device.uuid, 1))
                self._add(each, stretch)

    def _add(self, running: Running, stretch: Stretch) -> None:
        stage = running.progress.stage if running.progress else "load"
        running.evidence = with_stretch(running.evidence, stage, stretch)
        for finding in findings(running.evidence, self._limits, ended=False):
            self._say(running, finding)

    def ended(self, running: Running) -> None:
        """An attempt is over: say what its evidence warns of and has not been said."""
        uuid = running.device.uuid
        if uuid is None:
            return
        found = findings(running.evidence, self._limits, ended=True)
        for finding in found:
            self._say(running, finding)
        running.warnings = [finding.text for finding in found]
        shown = {finding.kind for finding in found} | {"creep"}
        self._current = {
            key: warning
            for key, warning in self._current.items()
            if key[0] != uuid or key[1] in shown or not running.evidence
        }

    def left(
        self, running: Running, worker: int, vitals: Vitals, readings: Readings, ours: int
    ) -> None:
        """A job has gone through, and its worker stays: look at the memory that it holds now.
        ``ours``: how many workers of ours are on its GPU."""
        uuid = running.device.uuid
        if uuid is None:
            return
        reading = _of(readings, uuid)
        alone = ours == 1 and reading is not None and reading.processes == 1
        residues = self._residues.setdefault(worker, deque(maxlen=CREEP_JOBS))
        residues.append(
            Residue(
                active=vitals.vram_active_bytes,
                reserved=vitals.vram_reserved_bytes,
                used=reading.used if reading is not None and alone else None,
            )
        )
        finding = creep(tuple(residues), self._limits.creep_bytes)
        if finding is not None:
            residues.clear()
            self._say(running, finding)
            running.warnings = [*running.warnings, finding.text]

    def worker_gone(self, worker: int, device: DeviceChoice) -> None:
        """What it held has been given back."""
        self._residues.pop(worker, None)
        self._current.pop((device.uuid or "", "creep"), None)

    def _say(self, running: Running, finding: Finding) -> None:
        """In log and status, once a job."""
        if finding.kind in running.said or running.device.uuid is None:
            return
        running.said.add(finding.kind)
        self.counts[finding.kind] += 1
        self._current[running.device.uuid, finding.kind] = GpuWarning(
            kind=finding.kind,
            device=running.device.label,
            uuid=running.device.uuid,
            job=printable(running.job.title),
            at=self._clock.wall(),
            text=finding.text,
        )
        log_of(running.job).bind(uuid=running.device.uuid).warning("{}", finding.text)


def evidence_of(running: Running) -> dict[str, object]:
    """The evidence of an attempt that is over, for its report."""
    if running.device.uuid is None:
        return {"note": ON_THE_CPU, "seconds_sampled": 0}
    return report_of(running.evidence)


def _of(readings: Readings, uuid: str) -> GpuReading | None:
    return next((gpu for gpu in readings.gpus if gpu.uuid == uuid), None)
