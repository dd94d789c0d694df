"""A machine of any number of cores on which the real service schedules jobs that only take time.

Spool, scans, claims, turns, placement and publishing are the daemon's own; the workers and the
clock are simulated, so that an hour takes seconds.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heygem_daemon.config.settings import Settings
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.protocol import FromWorker, MemoryUsage, Progress, Render, Rendered
from heygem_daemon.service.admission import MemoryCheck
from heygem_daemon.service.loop import ROUND_SECONDS, Service
from heygem_daemon.service.runtime import Clock, Dependencies
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB, MIB
from heygem_daemon.worker.executor import WorkerEvent

WORKER_BYTES = 800 * MIB
"""What a worker holds, as measured with 1080p."""
ALLOWED_SECONDS = 86_400.0
"""Of the simulated clock, for all jobs."""


class SimulatedClock(Clock):
    """Time that passes only where somebody lets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


@dataclass(slots=True)
class SimulatedWorker:
    """A worker without a process."""

    number: int
    device: DeviceChoice
    job: Render | None = None
    ends_at: float = 0.0

    def occupancy(self) -> WorkerOccupancy:
        return WorkerOccupancy(
            self.device.uuid,
            self.number,
            idle=self.job is None,
            engines=frozenset({"auto", "builtin"}),
            slot=self.device.slot,
        )


@dataclass
class SimulatedExecutor:
    """Workers that end each job after the time that it takes."""

    clock: SimulatedClock
    seconds_of: Callable[[Render], float]
    """How long a job takes."""
    load_seconds: float
    """How long a new worker loads its engine."""
    workers: list[SimulatedWorker] = field(default_factory=list)
    busy_seconds: float = 0.0
    """Of all workers, with jobs that have ended."""

    @property
    def busy(self) -> int:
        """How many workers have a job."""
        return sum(worker.job is not None for worker in self.workers)

    @property
    def next_end(self) -> float | None:
        """When the next job ends; None: none runs."""
        return min((each.ends_at for each in self.workers if each.job is not None), default=None)

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        return tuple(worker.occupancy() for worker in self.workers)

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:  # noqa: ARG002
        there = [each for each in self.workers if each.device.place == device.place]
        seconds = self.seconds_of(render)
        if not there:
            there = [SimulatedWorker(len(self.workers) + 1, device)]
            self.workers += there
            seconds += self.load_seconds
        (worker,) = there
        if worker.job is not None:
            raise ValueError(f"{device.label} has a job already")
        worker.job, worker.ends_at = render, self.clock.now + seconds
        self.busy_seconds += seconds

    def poll(self) -> list[WorkerEvent]:
        events = []
        for worker in self.workers:
            if worker.job is not None and worker.ends_at <= self.clock.now:
                messages, job_id = _result(worker.job), worker.job.job_id
                events += [WorkerEvent(worker.device, m, worker.number, job_id) for m in messages]
                worker.job = None
        return events

    def retire(self, worker_number: int) -> None:
        raise NotImplementedError

    def pause(self, job_id: str) -> None:
        """Nobody else waits."""

    def kill(self, job_id: str, reason: str) -> None:
        raise NotImplementedError

    def halt(self) -> None:
        """Nothing runs at the end."""

    def close(self, grace_seconds: float) -> None:
        """There are no processes."""


def _result(render: Render) -> list[FromWorker]:
    workspace = Path(render.workspace)
    workspace.mkdir(exist_ok=True)
    result, report = workspace / "result.mp4", workspace / "report.json"
    result.write_bytes(b"video")
    report.write_text(json.dumps({"coverage": 1.0, "output": {"seconds": 10.0}}))
    return [
        Progress(job_id=render.job_id, stage="render", chunk=1, chunks=1, frames=1, fps=1.0),
        MemoryUsage(rss_bytes=WORKER_BYTES),
        Rendered(job_id=render.job_id, result=str(result), report=str(report)),
    ]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the service used a simulated machine."""

    cores: int
    seconds: float
    """From the first start of a job to the end of the last one."""
    ideal_seconds: float
    """The same if no core ever waited for a job, and the last jobs ended together."""
    busy_while_waiting: float
    """Share of the cores that were busy while a job waited, 0-1."""

    @property
    def share_of_ideal(self) -> float:
        """How near to the ideal it came, 0-1."""
        return self.ideal_seconds / self.seconds


def simulate(
    root: Path, cores: int, durations: Sequence[float], load_seconds: float = 0.0
) -> Schedule:
    """Let the service work off one job for each of ``durations``, in seconds, on ``cores`` cores.

    All of them are in the inbox at the start. ``root``: an empty folder for the spool. Raises
    SystemExit where they do not end.
    """
    clock = SimulatedClock()
    spool = Spool(root, clock.wall)
    values = {"spool": root, "device": "cpu", "cpu_workers": cores, "free_space_gib": 0}
    seconds = {f"{number:04d}": duration for number, duration in enumerate(durations)}
    spool.prepare()
    for name in seconds:
        (spool.inbox / f"{name}.wav").write_text(name)
        (spool.inbox / f"{name}.mp4").write_text(name)
    executor = SimulatedExecutor(
        clock, lambda render: seconds[Path(render.audio).read_text()], load_seconds
    )
    dependencies = Dependencies(
        read_gpus=Readings,
        clock=clock,
        memory=MemoryCheck(lambda: 4 * cores * GIB, lambda: 4 * cores * GIB),
        read_processors=lambda: Processors(cores, cores),
    )
    service = Service(Settings.model_validate(values), spool, executor, dependencies)
    return _run(service, spool, executor, len(durations))


def _run(service: Service, spool: Spool, executor: SimulatedExecutor, jobs: int) -> Schedule:
    clock, given_up_at = executor.clock, executor.clock.now + ALLOWED_SECONDS
    began, waiting_seconds, busy_seconds = None, 0.0, 0.0
    cores = 0
    while (ended := len(list(spool.done.iterdir()))) < jobs:
        if clock.now > given_up_at:
            raise SystemExit(f"only {ended} of {jobs} jobs have ended")
        service.run_round()
        cores = max(cores, executor.busy)
        before, next_end = clock.now, executor.next_end
        clock.now = min(before + ROUND_SECONDS, next_end or before + ROUND_SECONDS)
        began = before if began is None and executor.busy else began
        if began is not None and ended + executor.busy < jobs:
            waiting_seconds += clock.now - before
            busy_seconds += executor.busy * (clock.now - before)
    seconds = clock.now - (began or clock.now)
    share = busy_seconds / (waiting_seconds * cores) if waiting_seconds else 1.0
    return Schedule(cores, seconds, executor.busy_seconds / cores, share)
