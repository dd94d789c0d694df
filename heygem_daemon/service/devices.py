"""Finds a device for the next job, and sets devices aside that have failed.

Placement itself is decided by ``gpu.placement``. This module decides how often to try, remembers
why jobs wait, and logs each new reason once.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from heygem_daemon.config.settings import Settings
from heygem_daemon.durations import time_of_day
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.events.devices import (
    DeviceAwaited,
    DeviceNotice,
    DeviceRested,
    QueueGoesOn,
    WorkerRetired,
)
from heygem_daemon.gpu.cpu_slots import JobShare
from heygem_daemon.gpu.needs import Need, load_need
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import (
    CPU,
    DeviceChoice,
    Placed,
    Waiting,
    cpu_key,
    device_choice,
    permitted_gpus,
    place,
)
from heygem_daemon.gpu.placement_request import (
    NodeCpu,
    PlacementContext,
    PlacementRequest,
    Policy,
)
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.service.cpu_capacity import CpuCapacity
from heygem_daemon.service.gpu_capacity import GpuCapacity
from heygem_daemon.service.quarantine import Quarantine
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor

WAIT_RECHECK_SECONDS = 2.0
"""How long the finder waits before it tries to place an engine's jobs again."""

MISSING_GPU_SECONDS = 600.0
"""How long jobs wait for GPUs that have disappeared, for example during an update of their driver,
before ``device = "auto"`` means the CPU."""


def build_placement_policy(settings: Settings) -> Policy:
    """Return the settings that limit where jobs may run."""
    return Policy(
        device=settings.device,
        gpus=settings.gpus,
        margin_bytes=round(settings.vram_margin_gib * GIB),
        others_utilisation_percent=settings.others_utilisation_percent,
        jobs_per_gpu=1 if settings.jobs_per_gpu == "auto" else settings.jobs_per_gpu,
    )


def build_placement_request(settings: Settings, engine: str | None = None) -> PlacementRequest:
    """Return the request of a job for ``engine`` (None: that of the settings), with its needs as
    measured on this machine."""
    name = engine or settings.engine
    cache, stamp = (
        Spool(settings.spool).cache,
        weights_fingerprint(shipped_weights(), settings.checkpoints),
    )
    return PlacementRequest(name, lambda device_name: load_need(cache, name, stamp, device_name))


def read_cpu_need(settings: Settings) -> Need:
    """Return what the engine of the settings needs on the CPU, as measured on this machine."""
    return build_placement_request(settings).need(CPU.name)


@dataclass(frozen=True, slots=True)
class _Wait:
    """Why the jobs of one engine have no device now."""

    answer: Waiting

    until: float
    """Monotonic time of the next try."""


class DeviceFinder:
    """Chooses a device for the next job from the latest readings, and remembers why jobs wait."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        read_gpus: Callable[[], Readings],
        clock: Clock,
        cpu: CpuCapacity,
        gpus: GpuCapacity,
        read_nodes: Callable[[], Sequence[NodeCpu]] = tuple,
    ) -> None:
        """``read_nodes``: the CPUs of the cluster's other machines."""
        self._settings = settings
        self._policy = build_placement_policy(settings)
        self._executor = executor
        self._read_gpus = read_gpus
        self._clock = clock
        self.cpu = cpu
        """How many jobs the CPU renders at a time."""
        self.gpus = gpus
        """How many jobs each GPU renders at a time."""
        self._read_nodes = read_nodes
        self._quarantine = Quarantine()
        self._waits: dict[str, _Wait] = {}
        self._reserved_gpus: frozenset[str] = frozenset()
        self._is_cuda_usable: bool | None = None
        self._logged_notices: set[str] = set()
        self._logged_reasons: dict[str, str] = {}
        self._gpus_last_here: float | None = None
        self.readings = Readings()
        """The driver's last answer."""
        self.hold: str | None = None
        """Why no job can start, while none of the daemon's jobs runs; else None."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings, and try to place all waiting jobs again."""
        self._settings = settings
        self._policy = build_placement_policy(settings)
        self.cpu.apply(settings)
        self.gpus.apply(settings)
        self.expire_waits()

    @property
    def capacity(self) -> int:
        """How many jobs could run at the same time if nobody else used the devices; 1 or more."""
        if not (gpus := self._gpus()):
            return self.cpu.slots + sum(each.slots for each in self._read_nodes())
        return max(1, self.gpus.total(self._healthy(gpus)))

    def share_on(self, device: DeviceChoice, jobs: int) -> JobShare | None:
        """Return what the next job on ``device`` may use of the machine; None: all, as on a GPU.
        ``jobs``: how many run or wait, this one included."""
        if device.uuid is not None:
            return None
        if not device.node:
            return self.cpu.share(jobs)
        return next((each.share for each in self._read_nodes() if each.node == device.node), None)

    def cpu_slots_on(self, node: str) -> int:
        """Return how many jobs the CPU of a node renders at a time; 0: the node is gone. ``node``:
        '' for the daemon's machine."""
        if not node:
            return self.cpu.slots
        return sum(each.slots for each in self._read_nodes() if each.node == node)

    @property
    def has_no_healthy_device(self) -> bool:
        """Whether every device is at fault or in quarantine."""
        gpus = self._gpus()
        if gpus:
            return not self._healthy(gpus)
        cpus = {cpu_key(""), *(cpu_key(each.node) for each in self._read_nodes())}
        return cpus <= self.quarantined().keys()

    def update_readings(self) -> None:
        """Fetch the driver's latest readings, and exclude GPUs that are newly at fault."""
        before = {gpu.uuid for gpu in self.readings.gpus if gpu.fault is not None}
        self.readings = self._with_missing_gpu_fault(self._read_gpus())
        for gpu in self.readings.gpus:
            if gpu.fault is not None and gpu.uuid not in before:
                # A GPU that comes and goes is excluded for longer each time.
                self._quarantine.add(gpu.uuid, gpu.fault, self._clock.monotonic())

    def begin_round(self) -> None:
        """Begin a round of starting jobs, the most urgent first. Their GPUs may be reserved."""
        self._reserved_gpus = frozenset()

    def choose(self, engine: str | None, has_running_job: bool) -> Placed | None:
        """Return a device for the next job, which requests ``engine``, or None: not now.
        ``has_running_job``: whether one of the daemon's jobs runs."""
        name, now = engine or self._settings.engine, self._clock.monotonic()
        wait = self._waits.get(name)
        if wait is not None and now < wait.until:
            self._reserved_gpus |= wait.answer.awaited_gpus
            return None
        self.update_readings()
        context = PlacementContext(
            self._executor.occupancies(),
            self.quarantined(),
            self._reserved_gpus,
            self.cpu.slots,
            self._gpu_slots(),
            self._read_nodes(),
            self._cuda_usable(),
        )
        answer = place(
            self.readings, self._policy, build_placement_request(self._settings, engine), context
        )
        if isinstance(answer, Waiting):
            self._start_wait(name, answer, now, has_running_job)
            return None
        self._end_wait(name, answer)
        return answer

    def place_beside(
        self,
        engine: str | None,
        workers: tuple[WorkerOccupancy, ...],
        barred: Collection[str] = (),
    ) -> Placed | Waiting:
        """Return where a job for ``engine`` could start if the daemon's workers were ``workers``.
        Remembers and logs nothing. ``barred``: nodes whose CPUs do not count."""
        context = PlacementContext(
            workers,
            self.quarantined(),
            frozenset(),
            0 if "" in barred else self.cpu.slots,
            self._gpu_slots(),
            [each for each in self._read_nodes() if each.node not in barred],
            self._cuda_usable(),
        )
        request = build_placement_request(self._settings, engine)
        return place(self.readings, self._policy, request, context)

    def wait_reason(self, engine: str | None) -> str | None:
        """Return why no device can take the jobs of ``engine``; None where none waits for one."""
        wait = self._waits.get(engine or self._settings.engine)
        return wait.answer.reason if wait is not None else None

    def device_fault(self, uuid: str | None) -> str | None:
        """Return why no job can make progress on a device, according to a driver that answers.
        None: the device is healthy, or the driver is silent."""
        if uuid is None:
            return None
        if self.readings.absence is not None:
            return self.readings.absence
        found = self.readings.find(uuid)
        if self.readings.fault or (found is None and self.readings.fault_here):
            return None
        return "the driver no longer shows it" if found is None else found.fault

    def label(self, worker: WorkerOccupancy) -> str:
        """Return the name of a worker's device for people."""
        found = self.readings.find(worker.uuid) if worker.uuid is not None else None
        if found is not None:
            return device_choice(found).label
        return worker.uuid or replace(CPU, node=worker.node).label

    def expire_waits(self) -> None:
        """Try to place all waiting jobs again, because a worker has become free."""
        self._waits = {engine: replace(each, until=0.0) for engine, each in self._waits.items()}

    def record_success(self, device: DeviceChoice) -> None:
        """Record that a job went well on the device."""
        self._quarantine.release(device.key)

    def record_failure(self, device: DeviceChoice, reason: str) -> None:
        """Exclude a device for a while: it failed, or no engine could be loaded on it."""
        seconds = self._quarantine.add(device.key, reason, self._clock.monotonic())
        if self.has_no_healthy_device and device.key in (reasons := self.quarantined()):
            self.hold = f"{device.label}: {reasons[device.key]}."
        if seconds is not None:
            DeviceRested(device.label, round(seconds, 1), reason).log()

    def _gpus(self) -> Sequence[GpuReading]:
        """The GPUs on which jobs may run; none where jobs run on the CPU."""
        if self._policy.device == "cpu" or not self._cuda_usable():
            return ()
        return permitted_gpus(self.readings.gpus, self._policy)

    def _healthy(self, gpus: Sequence[GpuReading]) -> list[GpuReading]:
        excluded = self.quarantined()
        return [gpu for gpu in gpus if gpu.fault is None and gpu.uuid not in excluded]

    def _gpu_slots(self) -> dict[str, int]:
        return {each.uuid: self.gpus.slots(each.uuid) for each in self.readings.gpus}

    def quarantined(self) -> dict[str | None, str]:
        """Return why each device in quarantine is there, and the local time of its end, by
        ``DeviceChoice.key``."""
        wall = self._clock.wall()
        return {
            key: f"{reason.removesuffix('.')}; next try at {time_of_day(wall + left)}"
            for key, reason, left in self._quarantine.quarantined(self._clock.monotonic())
        }

    def _with_missing_gpu_fault(self, readings: Readings) -> Readings:
        """The readings, with a fault where the GPUs have disappeared a short while ago."""
        now = self._clock.monotonic()
        if any(not each.node for each in readings.gpus):
            self._gpus_last_here = now
        if readings.gpus:
            return readings
        recently = (
            self._gpus_last_here is not None and now - self._gpus_last_here < MISSING_GPU_SECONDS
        )
        if readings.absence is None or not recently:
            return readings
        return replace(readings, fault=f"the GPU that was here is gone: {readings.absence}")

    def _cuda_usable(self) -> bool:
        # Checked once: the installed torch does not change while the daemon runs.
        if self._is_cuda_usable is None:
            self._is_cuda_usable = is_cuda_usable()
        return self._is_cuda_usable or any(each.node for each in self.readings.gpus)

    def _end_wait(self, engine: str, placed: Placed) -> None:
        if self.hold is not None:
            QueueGoesOn(f"{placed.device.label} can take a job").log()
        self.hold = None
        self._waits.pop(engine, None)
        self._logged_reasons.pop(engine, None)
        if placed.notice is not None and placed.notice not in self._logged_notices:
            self._logged_notices.add(placed.notice)
            DeviceNotice(placed.notice).log()

    def _start_wait(self, engine: str, answer: Waiting, now: float, has_running_job: bool) -> None:
        self._waits[engine] = _Wait(answer, now + WAIT_RECHECK_SECONDS)
        self.gpus.want(answer.awaited_gpus)
        self._reserved_gpus |= answer.awaited_gpus
        self.hold = None if has_running_job else answer.reason
        labels = {each.worker_number: self.label(each) for each in self._executor.occupancies()}
        for worker in answer.retire_workers:
            WorkerRetired(labels[worker], "a job needs its memory").log()
            self._executor.retire(worker)
        # A reason in which only the figures have changed is not logged again.
        pattern = re.sub(r"\d[\d.:]*", "#", answer.reason)
        waits_for_own_jobs = has_running_job or answer.awaited_gpus or answer.retire_workers
        if not waits_for_own_jobs and pattern != self._logged_reasons.get(engine):
            self._logged_reasons[engine] = pattern
            DeviceAwaited(answer.reason).log()
