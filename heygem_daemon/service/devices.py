"""Devices that have failed, and until when each is left alone. Pure bookkeeping over seconds.

Where the next job can start, asked not too often, and each new answer said once.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.engines.checkpoints import fingerprint
from heygem_daemon.gpu.needs import need_of
from heygem_daemon.gpu.placement import (
    CPU,
    DeviceChoice,
    Placed,
    Waiting,
    choice_of,
    permitted,
    place,
)
from heygem_daemon.gpu.placement_request import Ours, Policy, Wish
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import cuda_usable
from heygem_daemon.service.queue import pause
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import Executor


@dataclass(frozen=True, slots=True)
class _Case:
    """``failures`` in a row; ``until`` by the monotonic clock; ``reason`` of the last one."""

    failures: int
    until: float
    reason: str


class Quarantine:
    """Each device is left alone for a while that doubles with each failure in a row: from 5 seconds
    to 10 minutes. Then one more job may try it. A device goes by its UUID, the CPU by None."""

    def __init__(self) -> None:
        self._cases: dict[str | None, _Case] = {}

    def commit(self, uuid: str | None, reason: str, now: float) -> float | None:
        """Set a device aside; for how many seconds. None: it is aside already, so that two workers
        that fail for one reason count once."""
        known = self._cases.get(uuid)
        if known is not None and now < known.until:
            return None
        failures = known.failures + 1 if known else 1
        self._cases[uuid] = _Case(failures, now + pause(failures), reason)
        return pause(failures)

    def pardon(self, uuid: str | None) -> None:
        """A job went well there: what was before no longer counts."""
        self._cases.pop(uuid, None)

    def aside(self, now: float) -> Iterator[tuple[str | None, str, float]]:
        """The devices that are aside: UUID, reason, and for how many more seconds."""
        for uuid, case in self._cases.items():
            if now < case.until:
                yield uuid, case.reason, case.until - now


ASK_AGAIN_SECONDS = 2.0
"""How long an answer 'not now' holds."""

MISSED_SECONDS = 600.0
"""How long GPUs that were here are waited for, as while their driver is updated, before a setting
of 'auto' means the CPU."""


def policy_of(settings: Settings) -> Policy:
    """What the operator allows."""
    return Policy(
        device=settings.device,
        gpus=settings.gpus,
        margin_bytes=round(settings.vram_margin_gib * GIB),
        others_percent=settings.others_utilisation_percent,
        jobs_per_gpu=settings.jobs_per_gpu,
    )


def wish_of(settings: Settings, engine: str | None = None) -> Wish:
    """A job for ``engine`` (None: the usual one), with its needs as measured on this machine."""
    asked = engine or settings.engine
    cache, stamp = Spool(settings.spool).cache, fingerprint(settings.weights)
    return Wish(asked, lambda device_name: need_of(cache, asked, stamp, device_name))


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
        self._policy = policy_of(settings)
        self._executor = executor
        self._read_gpus = read_gpus
        self._clock = clock
        self._quarantine = Quarantine()
        self._waits: dict[str, _Wait] = {}
        self._kept: frozenset[str] = frozenset()
        self._usable: bool | None = None
        self._notices: set[str] = set()
        self._told: dict[str, str] = {}
        self._last_seen: float | None = None
        self.readings = Readings()
        """The driver's last answer."""
        self.hold: str | None = None
        """Why nothing can start, though no job of ours runs."""

    @property
    def capacity(self) -> int:
        """How many jobs could run at the same time, if nobody else used the devices; 1 or more."""
        return max(1, len(self._sound(self._gpus())) * self._policy.jobs_per_gpu)

    @property
    def exhausted(self) -> bool:
        """Whether every device that is here is at fault or set aside."""
        gpus = self._gpus()
        return not self._sound(gpus) if gpus else None in self.aside()

    def look(self) -> None:
        """Take the latest readings into account."""
        before = {gpu.uuid for gpu in self.readings.gpus if gpu.fault is not None}
        self.readings = self._missed(self._read_gpus())
        for gpu in self.readings.gpus:
            if gpu.fault is not None and gpu.uuid not in before:
                # One that comes and goes is left alone for longer each time.
                self._quarantine.commit(gpu.uuid, gpu.fault, self._clock.monotonic())

    def begin(self) -> None:
        """A new round of starting jobs, the most urgent first: those may keep GPUs for them."""
        self._kept = frozenset()

    def choose(self, engine: str | None, busy: bool) -> Placed | None:
        """A device for the next job, which wants ``engine``, or None: not now. ``busy``: a job of
        ours is running."""
        asked, now = engine or self._settings.engine, self._clock.monotonic()
        known = self._waits.get(asked)
        if known is not None and now < known.until:
            self._kept |= known.answer.awaited
            return None
        self.look()
        ours = Ours(self._executor.held(), self.aside(), self._kept, self._cuda_usable())
        answer = place(self.readings, self._policy, wish_of(self._settings, engine), ours)
        if isinstance(answer, Waiting):
            self._wait(asked, answer, now, busy)
            return None
        self._go_on(asked, answer)
        return answer

    def reason(self, engine: str | None) -> str | None:
        """Why the jobs that want ``engine`` do not start, as far as a device is what they lack."""
        known = self._waits.get(engine or self._settings.engine)
        return known.answer.reason if known is not None else None

    def trouble(self, uuid: str | None) -> str | None:
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
        return choice_of(found).label if found is not None else uuid or CPU.label

    def ask_anew(self) -> None:
        """Something has changed: a worker has become free."""
        self._waits = {engine: replace(each, until=0.0) for engine, each in self._waits.items()}

    def proved(self, device: DeviceChoice) -> None:
        """A job went well there."""
        self._quarantine.pardon(device.uuid)

    def failed(self, device: DeviceChoice, reason: str) -> None:
        """The device failed, or no engine could be loaded there: it gets no job for a while."""
        seconds = self._quarantine.commit(device.uuid, reason, self._clock.monotonic())
        if self.exhausted and device.uuid in (aside := self.aside()):
            self.hold = f"{device.label}: {aside[device.uuid]}."
        if seconds is not None:
            logger.error("{} gets no job for {:.0f} s: {}", device.label, seconds, reason)

    def _gpus(self) -> Sequence[GpuReading]:
        """Those on which jobs may run; none where the CPU is meant."""
        if self._policy.device == "cpu" or not self._cuda_usable():
            return ()
        return permitted(self.readings.gpus, self._policy)

    def _sound(self, gpus: Sequence[GpuReading]) -> list[GpuReading]:
        aside = self.aside()
        return [gpu for gpu in gpus if gpu.fault is None and gpu.uuid not in aside]

    def aside(self) -> dict[str | None, str]:
        """The devices in quarantine, each with the reason and the hour of its end."""
        wall = self._clock.wall()
        return {
            uuid: f"{reason.removesuffix('.')}; next try at {_hour(wall + left)}"
            for uuid, reason, left in self._quarantine.aside(self._clock.monotonic())
        }

    def _missed(self, readings: Readings) -> Readings:
        """The readings; for a while a fault where GPUs are gone that were here."""
        now = self._clock.monotonic()
        if readings.gpus:
            self._last_seen = now
            return readings
        recently = self._last_seen is not None and now - self._last_seen < MISSED_SECONDS
        if readings.absence is None or not recently:
            return readings
        return replace(readings, fault=f"the GPU that was here is gone: {readings.absence}")

    def _cuda_usable(self) -> bool:
        """Asked once: the installed torch stays what it is while we run."""
        if self._usable is None:
            self._usable = cuda_usable()
        return self._usable

    def _go_on(self, engine: str, placed: Placed) -> None:
        if self.hold is not None:
            logger.info("the queue goes on: {} can take a job", placed.device.label)
        self.hold = None
        self._waits.pop(engine, None)
        self._told.pop(engine, None)
        if placed.notice is not None and placed.notice not in self._notices:
            self._notices.add(placed.notice)
            logger.warning(placed.notice)

    def _wait(self, engine: str, answer: Waiting, now: float, busy: bool) -> None:
        self._waits[engine] = _Wait(answer, now + ASK_AGAIN_SECONDS)
        self._kept |= answer.awaited
        self.hold = None if busy else answer.reason
        places = {each.worker: self.label(each.uuid) for each in self._executor.held()}
        for worker in answer.retire:
            logger.info("the idle worker on {} ends: a job needs its memory", places[worker])
            self._executor.retire(worker)
        pattern = re.sub(r"\d[\d.:]*", "#", answer.reason)  # figures that merely move are no news
        ours = busy or answer.awaited or answer.retire
        if not ours and pattern != self._told.get(engine):
            self._told[engine] = pattern
            logger.warning("jobs wait for a device: {}", answer.reason)


def _hour(wall: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(wall))
