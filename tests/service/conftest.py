"""A service on a real spool, with its own clock and workers that do what a test tells them."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    FromWorker,
    Halted,
    MemoryUsage,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
    Unfit,
)
from heygem_daemon.report.status import Status, read_status
from heygem_daemon.service.admission import MemoryCheck
from heygem_daemon.service.loop import Service
from heygem_daemon.service.runtime import Clock, Dependencies, WakeEvent
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.sd_notify import Notifier
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent, is_final

NO_GPU = Readings(absence="no NVIDIA driver library, libnvidia-ml.so.1")


class FakeClock(Clock):
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.skew = 0.0
        """By how much somebody has set the wall clock."""

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_700_000_000.0 + self.now + self.skew


class FakeWakeEvent(WakeEvent):
    """Waiting advances the clock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += seconds
        return super().wait(0)


Answer = Callable[[Render], list[FromWorker | WorkerDied]]


@dataclass
class FakeWorker:
    """A worker that exists in name only."""

    number: int
    device: DeviceChoice
    job_id: str | None = None
    need_bytes: int = 0
    reserved_bytes: int = 0
    active_bytes: int = 0
    idle_since: float = 0.0

    def occupancy(self, now: float) -> WorkerOccupancy:
        return WorkerOccupancy(
            self.device.uuid,
            self.number,
            idle=self.job_id is None,
            reserved_bytes=self.reserved_bytes,
            active_bytes=self.active_bytes,
            committed_bytes=self.need_bytes if self.job_id else 0,
            engines=frozenset({"auto", "builtin"}),
            idle_seconds=now - self.idle_since if self.job_id is None else 0.0,
        )


@dataclass
class FakeExecutor:
    """Workers that answer each Render by ``answer`` at the next poll. An empty answer leaves the
    job running; ``say`` or ``end`` ends it later."""

    answer: Answer
    jobs_per_gpu: int = 1
    now: Callable[[], float] = lambda: 0.0
    submitted: list[Render] = field(default_factory=list)
    places: dict[str, DeviceChoice] = field(default_factory=dict)
    """Where each job was last started, by its id."""
    events: list[WorkerEvent] = field(default_factory=list)
    workers: dict[int, FakeWorker] = field(default_factory=dict)
    retired: list[int] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    halted: bool = False
    closed: bool = False

    @property
    def busy(self) -> dict[str | None, str]:
        """The jobs at work, by their device's UUID."""
        return {w.device.uuid: w.job_id for w in self.workers.values() if w.job_id is not None}

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        return tuple(worker.occupancy(self.now()) for worker in self.workers.values())

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        there = [each for each in self.occupancies() if each.uuid == device.uuid]
        best = choose_idle_worker([each for each in there if each.idle], render.engine or "auto")
        if best is None and len(there) >= (self.jobs_per_gpu if device.uuid else 1):
            raise ValueError("busy")
        number = best.worker_number if best else max(self.workers, default=0) + 1
        worker = self.workers.setdefault(number, FakeWorker(number, device))
        worker.job_id, worker.need_bytes = render.job_id, need_bytes
        self.submitted.append(render)
        self.places[render.job_id] = device
        for message in self.answer(render):
            self._tell(worker, message)

    def emit(self, device: DeviceChoice, message: FromWorker | WorkerDied) -> None:
        """Let the (last) worker on ``device`` speak."""
        on_it = [w for w in self.workers.values() if w.device.uuid == device.uuid]
        self._tell(on_it[-1] if on_it else FakeWorker(0, device), message)

    def emit_for_job(self, job_id: str, message: FromWorker | WorkerDied) -> None:
        """Let the worker that has a job speak."""
        self._tell(next(w for w in self.workers.values() if w.job_id == job_id), message)

    def _tell(self, worker: FakeWorker, message: FromWorker | WorkerDied) -> None:
        self.events.append(WorkerEvent(worker.device, message, worker.number, worker.job_id))

    def retire(self, worker_number: int) -> None:
        self.retired.append(worker_number)
        self._tell(self.workers[worker_number], Halted())

    def kill(self, job_id: str, reason: str) -> None:
        self.killed.append(job_id)
        self.emit_for_job(job_id, WorkerDied(reason, job_id))

    def poll(self) -> list[WorkerEvent]:
        events, self.events = self.events, []
        for event in events:
            self._take_note(event)
        return events

    def _take_note(self, event: WorkerEvent) -> None:
        worker = self.workers.get(event.worker_number)
        if worker is not None and isinstance(event.message, MemoryUsage):
            worker.reserved_bytes = event.message.vram_reserved_bytes or worker.reserved_bytes
            worker.active_bytes = event.message.vram_active_bytes or worker.active_bytes
        ends = (Rendered, Refused, Deferred, Crashed, Halted, Unfit, WorkerDied)
        if worker is None or not isinstance(event.message, ends):
            return
        worker.job_id, worker.idle_since = None, self.now()
        if is_final(event.message):
            del self.workers[event.worker_number]

    def halt(self) -> None:
        self.halted = True
        for worker in self.workers.values():
            if worker.job_id is not None:
                self._tell(worker, Halted(job_id=worker.job_id))

    def close(self, grace_seconds: float) -> None:
        self.closed = True


def rendered(render: Render) -> list[FromWorker | WorkerDied]:
    """What a worker does that has no trouble."""
    workspace = Path(render.workspace)
    result, report, strip = (workspace / n for n in ("result.mp4", "report.json", "strip.png"))
    result.write_bytes(b"video of " + Path(render.audio).read_bytes())
    report.write_text(
        json.dumps(
            {"coverage": 1.0, "output": {"seconds": 4.0}, "warnings": ["Teeth are painted."]}
        )
    )
    strip.write_bytes(b"strip")
    return [
        ready(),
        Progress(job_id=render.job_id, stage="probe"),
        Progress(job_id=render.job_id, stage="render", chunk=1, chunks=2, frames=9, fps=3.0),
        Progress(job_id=render.job_id, stage="render", chunk=2, chunks=2, frames=18, fps=3.5),
        Progress(job_id=render.job_id, stage="join"),
        MemoryUsage(rss_bytes=5),
        Rendered(job_id=render.job_id, result=str(result), report=str(report), strip=str(strip)),
    ]


def ready() -> Ready:
    return Ready(
        engine="builtin",
        device="cpu",
        device_name="CPU",
        uuid=None,
        precision="float32",
        seconds=1.5,
        vram_bytes=None,
        rss_bytes=300 << 20,
        weights_sha256="ab" * 32,
    )


class FakeNotifier(Notifier):
    """Keeps what systemd would hear."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def _send(self, message: str) -> None:
        self.sent.append(message)


@dataclass
class ServiceHarness:
    """All parts of a service under test."""

    spool: Spool
    clock: FakeClock
    log: list[str]
    settings: Settings
    executor: FakeExecutor = field(default_factory=lambda: FakeExecutor(rendered))
    notifier: FakeNotifier = field(default_factory=FakeNotifier)
    readings: Readings = NO_GPU
    free_memory: int = 32 << 30

    def configure(self, **changes: object) -> None:
        """Change settings for the services that are made from now on."""
        values = {**self.settings.model_dump(), **changes}
        self.settings = Settings.model_validate(values)

    @staticmethod
    def rendered(render: Render) -> list[FromWorker | WorkerDied]:
        """The answer of a worker that has no trouble."""
        return rendered(render)

    def service(
        self, while_open: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> Service:
        surroundings = Dependencies(
            read_gpus=lambda: replace(self.readings),  # each time a new answer
            clock=self.clock,
            notifier=self.notifier,
            wake=FakeWakeEvent(self.clock),
            memory=MemoryCheck(lambda: self.free_memory, lambda: 64 << 30),
            while_open=while_open,
        )
        return Service(self.settings, self.spool, self.executor, surroundings)

    def drop(self, *names: str) -> None:
        """Put files into the inbox; each holds its own name."""
        self.spool.inbox.mkdir(parents=True, exist_ok=True)
        for name in names:
            (self.spool.inbox / name).write_bytes(os.fsencode(name))

    def drop_batch(self, folder: str, *names: str) -> Path:
        """Put a folder into the inbox; each of its files holds its own name."""
        target = self.spool.inbox / folder
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            (target / name).write_bytes(os.fsencode(name))
        return target

    def run_rounds(self, service: Service, seconds: float) -> None:
        """Let the loop run for so long."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            service.run_round()
            self.clock.now += 0.25

    def status(self) -> Status:
        status = read_status(self.spool.state / "status.json")
        assert status is not None
        return status

    def logged(self, text: str) -> int:
        """How many lines of the log hold ``text``."""
        return sum(text in line for line in self.log)

    def outbox(self) -> list[str]:
        return sorted(path.name for path in self.spool.outbox.iterdir())

    def failed(self) -> list[str]:
        return sorted(path.name for path in self.spool.failed.iterdir())

    def processing(self) -> int:
        return sum(1 for _ in self.spool.processing.iterdir())


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ServiceHarness]:
    lines: list[str] = []
    sink = logger.add(
        lambda message: lines.append(str(message)), format="{level} {message} {extra}"
    )
    clock = FakeClock()
    spool = Spool(tmp_path / "spool", clock.wall)
    settings = Settings.model_validate(
        {
            "spool": spool.root,
            "device": "auto",
            "max_attempts": 3,
            "settle_seconds": 5.0,
            "free_space_gib": 0,
        }
    )
    made = ServiceHarness(spool, clock, lines, settings)
    made.executor.now = clock.monotonic
    yield made
    logger.remove(sink)
