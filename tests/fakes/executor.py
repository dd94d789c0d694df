"""An executor without processes: its workers answer as a test says."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import (
    Assisted,
    Crashed,
    Deferred,
    FromWorker,
    Halted,
    MemoryUsage,
    Paused,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
)
from heygem_daemon.service.running_jobs import Verdict
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent, is_final

Messages = list[FromWorker | WorkerDied]
Answer = Callable[[Render], Messages]


@dataclass
class FakeWorker:
    """A worker without a process."""

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
            slot=self.device.slot,
            node=self.device.node,
        )


@dataclass
class FakeExecutor:
    """Workers that answer each Render by ``answer`` at the next poll. An empty answer leaves the
    job running; ``emit`` or ``emit_for_job`` ends it later."""

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
    paused: list[str] = field(default_factory=list)
    started: int = 0
    """How many workers there were; their numbers are never used twice."""

    halted: bool = False
    closed: bool = False

    @property
    def busy(self) -> dict[str | None, str]:
        """The ids of the running jobs, by their device's UUID."""
        return {
            each.device.uuid: each.job_id
            for each in self.workers.values()
            if each.job_id is not None
        }

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        return tuple(worker.occupancy(self.now()) for worker in self.workers.values())

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        on_device = [each for each in self.occupancies() if each.place == device.place]
        idle = [each for each in on_device if each.idle]
        best = choose_idle_worker(idle, render.engine or "auto")
        if best is None and len(on_device) >= (self.jobs_per_gpu if device.uuid else 1):
            raise ValueError(f"{device.label} has no free place")
        if best is None:
            self.started += 1
        number = best.worker_number if best else self.started
        worker = self.workers.setdefault(number, FakeWorker(number, device))
        worker.device, worker.job_id, worker.need_bytes = device, render.job_id, need_bytes
        self.submitted.append(render)
        self.places[render.job_id] = device
        for message in self.answer(render):
            self._emit(worker, message)

    def emit(self, device: DeviceChoice, message: FromWorker | WorkerDied) -> None:
        """Emit a message of the last worker on ``device``."""
        workers = [each for each in self.workers.values() if each.device.uuid == device.uuid]
        self._emit(workers[-1] if workers else FakeWorker(0, device), message)

    def emit_for_job(self, job_id: str, message: FromWorker | WorkerDied) -> None:
        """Emit a message of the worker that has a job."""
        worker = next(each for each in self.workers.values() if each.job_id == job_id)
        self._emit(worker, message)

    def _emit(self, worker: FakeWorker, message: FromWorker | WorkerDied) -> None:
        self.events.append(WorkerEvent(worker.device, message, worker.number, worker.job_id))

    def retire(self, worker_number: int) -> None:
        self.retired.append(worker_number)
        self._emit(self.workers[worker_number], Halted())

    def pause(self, job_id: str) -> None:
        self.paused.append(job_id)
        self.emit_for_job(job_id, Paused(job_id=job_id))

    def kill(self, job_id: str, reason: str) -> None:
        self.killed.append(job_id)
        self.emit_for_job(job_id, WorkerDied(reason, job_id))

    def poll(self) -> list[WorkerEvent]:
        events, self.events = self.events, []
        for event in events:
            self._apply(event)
        return events

    def _apply(self, event: WorkerEvent) -> None:
        worker = self.workers.get(event.worker_number)
        if worker is not None and isinstance(event.message, MemoryUsage):
            worker.reserved_bytes = event.message.vram_reserved_bytes or worker.reserved_bytes
            worker.active_bytes = event.message.vram_active_bytes or worker.active_bytes
        if worker is None or not isinstance(event.message, Verdict | Assisted):
            return
        worker.job_id, worker.idle_since = None, self.now()
        if is_final(event.message):
            del self.workers[event.worker_number]

    def halt(self) -> None:
        self.halted = True
        for worker in self.workers.values():
            if worker.job_id is not None:
                self._emit(worker, Halted(job_id=worker.job_id))

    def close(self, grace_seconds: float) -> None:
        self.closed = True


def rendered(render: Render) -> Messages:
    """Write a result, and return the messages of a worker that renders it without trouble."""
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


def crash(render: Render) -> Messages:
    return [Crashed(job_id=render.job_id, error="KeyError: 7", traceback="Traceback …\n  here")]


def die(render: Render) -> Messages:
    return [WorkerDied("was killed by signal 11 (SIGSEGV)", render.job_id, ("last words",))]


def refuse(render: Render) -> Messages:
    return [Refused(job_id=render.job_id, reason="No face was found.", remedy="Show one.")]


def refuse_bad(render: Render) -> Messages:
    """Refuse a job whose sound holds the word "bad"; render any other."""
    is_bad = b"bad" in Path(render.audio).read_bytes()
    return refuse(render) if is_bad else rendered(render)


def defer(render: Render) -> Messages:
    return [Deferred(job_id=render.job_id, reason="The disk is full.")]


def keep_running(_render: Render) -> Messages:
    return []


def ready() -> Ready:
    """Return the message of a worker that has loaded its model on the CPU."""
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
