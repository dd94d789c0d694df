"""Devices that have failed, and until when each is left alone. Pure bookkeeping over seconds.

Where the next job can start, asked not too often, and each new answer said once.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.gpu.needs import load_need
from heygem_daemon.gpu.placement import (
    CPU,
    DeviceChoice,
    Placed,
    Waiting,
    device_choice,
    permitted_gpus,
    place,
)
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.service.queue import backoff_seconds
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor


@dataclass(frozen=True, slots=True)
class _QuarantinedDevice:
    """``failures`` in a row; ``until`` by the monotonic clock; ``reason`` of the last one."""

    failures: int
    until: float
    reason: str


class Quarantine:
    """Each device is left alone for a while that doubles with each failure in a row: from 5 seconds
    to 10 minutes. Then one more job may try it. A device goes by its UUID, the CPU by None."""

    def __init__(self) -> None:
        self._cases: dict[str | None, _QuarantinedDevice] = {}

    def add(self, uuid: str | None, reason: str, now: float) -> float | None:
        """Set a device aside; for how many seconds. None: it is aside already, so that two workers
        that fail for one reason count once."""
        known = self._cases.get(uuid)
        if known is not None and now < known.until:
            return None
        failures = known.failures + 1 if known else 1
        self._cases[uuid] = _QuarantinedDevice(failures, now + backoff_seconds(failures), reason)
        return backoff_seconds(failures)

    def release(self, uuid: str | None) -> None:
        """A job went well there: what was before no longer counts."""
        self._cases.pop(uuid, None)

    def quarantined(self, now: float) -> Iterator[tuple[str | None, str, float]]:
        """The devices that are aside: UUID, reason, and for how many more seconds."""
        for uuid, case in self._cases.items():
            if now < case.until:
                yield uuid, case.reason, case.until - now


WAIT_RECHECK_SECONDS = 2.0
"""How long an answer 'not now' holds."""

MISSING_GPU_SECONDS = 600.0
"""How long GPUs that were here are waited for, as while their driver is updated, before a setting
of 'auto' means the CPU."""


def build_placement_policy(settings: Settings) -> Policy:
    """What the operator allows."""
    return Policy(
        device=settings.device,
        gpus=settings.gpus,
        margin_bytes=round(settings.vram_margin_gib * GIB),
        others_utilisation_percent=settings.others_utilisation_percent,
        jobs_per_gpu=settings.jobs_per_gpu,
    )


def build_placement_request(settings: Settings, engine: str | None = None) -> PlacementRequest:
    """A job for ``engine`` (None: the usual one), with its needs as measured on this machine."""
    asked = engine or settings.engine
    cache, stamp = Spool(settings.spool).cache, weights_fingerprint(settings.weights)
    return PlacementRequest(asked, lambda device_name: load_need(cache, asked, stamp, device_name))


@dataclass(frozen=True, slots=True)
class _Wait:
    """An answer 'not now' to the jobs of one engine, good until that monotonic time."""

    answer: Waiting
    until: float


class DeviceFinder:
    """Decides by ``gpu.placement`` on the latest readings, and remembers why what cannot start."""

    def __init__(
        self,
        settings: Settings,
        executor: Executor,
        read_gpus: Callable[[], Readings],
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._policy = build_placement_policy(settings)
        self._executor = executor
        self._read_gpus = read_gpus
        self._clock = clock
        self._quarantine = Quarantine()
        self._waits: dict[str, _Wait] = {}
        self._reserved_gpus: frozenset[str] = frozenset()
        self._usable: bool | None = None
        self._notices: set[str] = set()
        self._logged_reasons: dict[str, str] = {}
        self._last_seen: float | None = None
        self.readings = Readings()
        """The driver's last answer."""
        self.hold: str | None = None
        """Why nothing can start, though no job of ours runs."""

    @property
    def capacity(self) -> int:
        """How many jobs could run at the same time, if nobody else used the devices; 1 or more."""
        return max(1, len(self._healthy(self._gpus())) * self._policy.jobs_per_gpu)

    @property
    def has_no_healthy_device(self) -> bool:
        """Whether every device that is here is at fault or set aside."""
        gpus = self._gpus()
        return not self._healthy(gpus) if gpus else None in self.quarantined()

    def update_readings(self) -> None:
        """Take the latest readings into account."""
        before = {gpu.uuid for gpu in self.readings.gpus if gpu.fault is not None}
        self.readings = self._with_missing_gpu_fault(self._read_gpus())
        for gpu in self.readings.gpus:
            if gpu.fault is not None and gpu.uuid not in before:
                # One that comes and goes is left alone for longer each time.
                self._quarantine.add(gpu.uuid, gpu.fault, self._clock.monotonic())

    def begin_round(self) -> None:
        """A new round of starting jobs, the most urgent first: those may keep GPUs for them."""
        self._reserved_gpus = frozenset()

    def choose(self, engine: str | None, has_running_job: bool) -> Placed | None:
        """A device for the next job, which wants ``engine``, or None: not now. ``busy``: a job of
        ours is running."""
        asked, now = engine or self._settings.engine, self._clock.monotonic()
        known = self._waits.get(asked)
        if known is not None and now < known.until:
            self._reserved_gpus |= known.answer.awaited_gpus
            return None
        self.update_readings()
        ours = PlacementContext(
            self._executor.occupancies(),
            self.quarantined(),
            self._reserved_gpus,
            self._cuda_usable(),
        )
        answer = place(
            self.readings, self._policy, build_placement_request(self._settings, engine), ours
        )
        if isinstance(answer, Waiting):
            self._wait(asked, answer, now, has_running_job)
            return None
        self._end_wait(asked, answer)
        return answer

    def wait_reason(self, engine: str | None) -> str | None:
        """Why the jobs that want ``engine`` do not start, as far as a device is what they lack."""
        known = self._waits.get(engine or self._settings.engine)
        return known.answer.reason if known is not None else None

    def device_fault(self, uuid: str | None) -> str | None:
        """Why no job can get on there, by a driver that answers; None: nothing speaks against
        it."""
        if uuid is None:
            return None
        if self.readings.absence is not None:
            return self.readings.absence
        if self.readings.fault is not None:
            return None
        found = next((gpu for gpu in self.readings.gpus if gpu.uuid == uuid), None)
        return "the driver no longer shows it" if found is None else found.fault

    def label(self, uuid: str | None) -> str:
        """What people call the device."""
        found = next((gpu for gpu in self.readings.gpus if gpu.uuid == uuid), None)
        return device_choice(found).label if found is not None else uuid or CPU.label

    def expire_waits(self) -> None:
        """Something has changed: a worker has become free."""
        self._waits = {engine: replace(each, until=0.0) for engine, each in self._waits.items()}

    def record_success(self, device: DeviceChoice) -> None:
        """A job went well there."""
        self._quarantine.release(device.uuid)

    def record_failure(self, device: DeviceChoice, reason: str) -> None:
        """The device failed, or no engine could be loaded there: it gets no job for a while."""
        seconds = self._quarantine.add(device.uuid, reason, self._clock.monotonic())
        if self.has_no_healthy_device and device.uuid in (aside := self.quarantined()):
            self.hold = f"{device.label}: {aside[device.uuid]}."
        if seconds is not None:
            logger.error("{} gets no job for {:.0f} s: {}", device.label, seconds, reason)

    def _gpus(self) -> Sequence[GpuReading]:
        """Those on which jobs may run; none where the CPU is meant."""
        if self._policy.device == "cpu" or not self._cuda_usable():
            return ()
        return permitted_gpus(self.readings.gpus, self._policy)

    def _healthy(self, gpus: Sequence[GpuReading]) -> list[GpuReading]:
        aside = self.quarantined()
        return [gpu for gpu in gpus if gpu.fault is None and gpu.uuid not in aside]

    def quarantined(self) -> dict[str | None, str]:
        """The devices in quarantine, each with the reason and the hour of its end."""
        wall = self._clock.wall()
        return {
            uuid: f"{reason.removesuffix('.')}; next try at {_time_of_day(wall + left)}"
            for uuid, reason, left in self._quarantine.quarantined(self._clock.monotonic())
        }

    def _with_missing_gpu_fault(self, readings: Readings) -> Readings:
        """The readings; for a while a fault where GPUs are gone that were here."""
        now = self._clock.monotonic()
        if readings.gpus:
            self._last_seen = now
            return readings
        recently = self._last_seen is not None and now - self._last_seen < MISSING_GPU_SECONDS
        if readings.absence is None or not recently:
            return readings
        return replace(readings, fault=f"the GPU that was here is gone: {readings.absence}")

    def _cuda_usable(self) -> bool:
        """Asked once: the installed torch stays what it is while we run."""
        if self._usable is None:
            self._usable = is_cuda_usable()
        return self._usable

    def _end_wait(self, engine: str, placed: Placed) -> None:
        if self.hold is not None:
            logger.info("the queue goes on: {} can take a job", placed.device.label)
        self.hold = None
        self._waits.pop(engine, None)
        self._logged_reasons.pop(engine, None)
        if placed.notice is not None and placed.notice not in self._notices:
            self._notices.add(placed.notice)
            logger.warning(placed.notice)

    def _wait(self, engine: str, answer: Waiting, now: float, busy: bool) -> None:
        self._waits[engine] = _Wait(answer, now + WAIT_RECHECK_SECONDS)
        self._reserved_gpus |= answer.awaited_gpus
        self.hold = None if busy else answer.reason
        places = {
            each.worker_number: self.label(each.uuid) for each in self._executor.occupancies()
        }
        for worker in answer.retire_workers:
            logger.info("the idle worker on {} ends: a job needs its memory", places[worker])
            self._executor.retire(worker)
        pattern = re.sub(r"\d[\d.:]*", "#", answer.reason)  # figures that merely move are no news
        ours = busy or answer.awaited_gpus or answer.retire_workers
        if not ours and pattern != self._logged_reasons.get(engine):
            self._logged_reasons[engine] = pattern
            logger.warning("jobs wait for a device: {}", answer.reason)


def _time_of_day(wall: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(wall))
