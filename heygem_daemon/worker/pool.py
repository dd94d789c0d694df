"""The worker pool: processes on devices, each of which keeps its engines loaded across jobs.

The pool's state changes only in calls from the supervisor's loop, such as ``submit`` and ``poll``.
The reading threads just queue messages and wake that loop, unless a message can wait until it
looks.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import Empty, Queue

from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.events.daemon import ItemSetAside
from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import FromWorker, Load, Progress, Render
from heygem_daemon.system.priority import IoPriority
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent
from heygem_daemon.worker.handle import WorkerHandle
from heygem_daemon.worker.process import ProcessExited, WorkerProcess

WORKER_COMMAND = (sys.executable, "-m", "heygem_daemon.worker.main")
KILL_WAIT_SECONDS = 5.0
"""How long to wait until a killed process is gone; one that hangs in the kernel may stay."""
MAX_MESSAGES = 200
"""How many messages wait for the loop at most, and how many one ``poll`` handles. A worker that
sends faster waits, so that it takes neither all of the loop's time nor its memory."""


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What each worker may use."""

    threads: int = 0
    """Compute threads on the CPU; 0: the engine chooses."""
    nice: int = 0
    """Niceness, 0 to 19, see ``system.priority``."""
    io_priority: IoPriority = "normal"
    """Priority of its reads and writes."""
    folder: Path | None = None
    """The folder of all jobs: on the CPU, a worker confines itself to it, its weights and its
    cache; None: it does not."""
    checkpoints: Path | None = None
    """The folder of the user's checkpoints; None: the folder of the weights."""


STALL_LIMITS = StallLimits(600.0)
NO_LIMITS = WorkerLimits()


class WorkerPool:
    """Workers on this machine; an ``Executor``.

    ``on_event`` is called from other threads whenever ``poll`` has something new, so it should do
    no more than set a flag. It is not called for reports of progress, unless many of them wait:
    call ``poll`` some times a second. A worker with a job that reports no progress for as long as
    ``stall_limits`` allow is killed; memory figures and log messages are no progress. Submit from
    a thread that lives as long as the pool: the kernel kills a worker with the thread that started
    it.
    """

    def __init__(
        self,
        engine: str,
        weights: Path,
        cache: Path,
        *,
        limits: WorkerLimits = NO_LIMITS,
        stall_limits: StallLimits = STALL_LIMITS,
        on_event: Callable[[], None] = lambda: None,
        command: Sequence[str] = WORKER_COMMAND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._weights = weights
        self._cache = cache
        self._limits = limits
        self._stall_limits = stall_limits
        self._on_event = on_event
        self._command = tuple(command)
        self._clock = clock
        self._numbers = count(1)
        self._workers: dict[int, WorkerHandle] = {}
        self._queue: Queue[tuple[WorkerProcess, FromWorker | ProcessExited]] = Queue(MAX_MESSAGES)

    def kill_silent_after(self, limits: StallLimits) -> None:
        """Change how long a worker with a job may report no progress."""
        self._stall_limits = limits

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """Return what each of our own workers holds, as of the last ``poll``."""
        now = self._clock()
        return tuple(worker.occupancy(now) for worker in self._workers.values())

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        """Render a job on ``device``, in a new worker where none is idle there.

        Raises OSError where a process cannot be started.
        """
        idle = [each for each in self.occupancies() if each.place == device.place and each.idle]
        best = choose_idle_worker(idle, render.engine or self._engine)
        worker = self._start(device) if best is None else self._workers[best.worker_number]
        worker.assign(device, render, need_bytes, self._clock())

    def retire(self, worker_number: int) -> None:
        """Ask an idle worker to end, which frees what it holds."""
        worker = self._workers.get(worker_number)
        if worker is not None and worker.idle:
            worker.halt(self._clock())

    def pause(self, job_id: str) -> None:
        """Ask the worker that has this job to stop it after the current chunk."""
        for worker in self._workers.values():
            if worker.job is not None and worker.job.job_id == job_id:
                worker.pause()

    def kill(self, job_id: str, reason: str) -> None:
        """Kill the worker that has this job; ``reason`` completes 'the worker …'."""
        for worker in self._workers.values():
            if worker.job is not None and worker.job.job_id == job_id:
                worker.kill(reason)

    def poll(self) -> list[WorkerEvent]:
        """Return the events since the last call, oldest first; never waits.

        A worker whose message raises anything is killed, and the others go on.
        """
        events: list[WorkerEvent] = []
        for process, message in self._take_messages():
            worker = next(each for each in self._workers.values() if each.process is process)
            try:
                events.extend(self._handle(worker, message))
            except Exception as error:  # noqa: BLE001 - concerns this worker alone
                events.extend(self._give_up(worker, message, error))
        for worker in self._workers.values():
            worker.kill_if_silent(self._stall_limits, self._clock())
        return events

    def _take_messages(self) -> Iterator[tuple[WorkerProcess, FromWorker | ProcessExited]]:
        """Yield what waits, but not all that a worker can send meanwhile."""
        with suppress(Empty):
            for _ in range(MAX_MESSAGES):
                yield self._queue.get_nowait()

    def _handle(
        self, worker: WorkerHandle, message: FromWorker | ProcessExited
    ) -> list[WorkerEvent]:
        if not isinstance(message, ProcessExited):
            return worker.handle_message(message, self._clock())
        del self._workers[worker.number]
        return worker.final_events(message)

    def _give_up(
        self, worker: WorkerHandle, message: FromWorker | ProcessExited, error: Exception
    ) -> list[WorkerEvent]:
        """End a worker whose message could not be handled, and return its last event if it is gone
        already."""
        ItemSetAside(f"a message of worker {worker.number}", type(error).__name__).log(error=error)
        reason = f"sent what the daemon could not handle ({type(error).__name__})"
        if not isinstance(message, ProcessExited):
            worker.distrust(reason)
            return []
        job_id = worker.job.job_id if worker.job else None
        died = WorkerDied(reason, job_id, message.stderr)
        return [WorkerEvent(worker.device, died, worker.number, job_id)]

    def halt(self) -> None:
        """Ask all workers to stop after the current chunk; they answer Halted and exit."""
        for worker in self._workers.values():
            worker.halt(self._clock())

    def close(self, grace_seconds: float) -> None:
        """Halt, wait ``grace_seconds`` for the workers to exit, and kill the rest.

        Blocks. The workers' last events can still be polled.
        """
        self.halt()
        deadline = time.monotonic() + grace_seconds
        for worker in self._workers.values():
            if not worker.process.join(deadline - time.monotonic()):
                worker.kill(f"was stopped: it had not finished within {grace_seconds:g} s")
        for worker in self._workers.values():
            worker.process.join(KILL_WAIT_SECONDS)

    def _start(self, device: DeviceChoice) -> WorkerHandle:
        process = WorkerProcess(
            self._command, worker_environment(os.environ, device), self._on_message
        )
        worker = WorkerHandle(
            next(self._numbers), device, process, self._engine, last_progress_at=self._clock()
        )
        self._workers[worker.number] = worker
        process.send(load_message(self._engine, device, self._weights, self._cache, self._limits))
        return worker

    def _on_message(self, process: WorkerProcess, message: FromWorker | ProcessExited) -> None:
        """Called by the reading threads, which wait here as long as too much waits for ``poll``."""
        self._queue.put((process, message))
        # Each worker reports each picture that it tracks: too many for a round of the loop each.
        if not isinstance(message, Progress) or self._queue.qsize() > MAX_MESSAGES // 2:
            self._on_event()


def load_message(
    engine: str, device: DeviceChoice, weights: Path, cache: Path, limits: WorkerLimits
) -> Load:
    """Return the message that makes a worker on ``device`` load an engine."""
    return Load(
        engine=engine,
        device=device.torch_device,
        device_name=device.name,
        uuid=device.uuid,
        weights=str(weights),
        checkpoints=None if limits.checkpoints is None else str(limits.checkpoints),
        cache=str(cache),
        threads=limits.threads,
        nice=limits.nice,
        io_priority=limits.io_priority,
        confine_to=None if limits.folder is None else str(limits.folder),
    )


def worker_environment(inherited: Mapping[str, str], device: DeviceChoice) -> dict[str, str]:
    """Return a worker's environment: it shows one GPU or none, and hides systemd's socket."""
    environment = {
        name: value
        for name, value in inherited.items()
        if name != "NOTIFY_SOCKET" and not name.startswith("WATCHDOG_")
    }
    environment["CUDA_VISIBLE_DEVICES"] = device.uuid or ""
    environment["PYTHONUNBUFFERED"] = "1"
    # One heap for all threads. With one for each thread, pictures that one thread allocates and
    # another frees leave holes (1080p: one heap has a quarter less peak memory, and is as fast).
    environment.setdefault("MALLOC_ARENA_MAX", "1")
    # A thread that waits for its next part must not keep a core busy that another worker needs.
    environment.setdefault("OMP_WAIT_POLICY", "passive")
    # NumPy's matrices here are too small to divide, but it would start a thread for each core.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return environment
