"""The worker pool: processes on devices, each with its engine resident across jobs.

The pool's state changes in ``submit`` and ``poll`` only, both called by the supervisor's loop;
the listening threads merely queue what they hear and wake that loop.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue

from heygem_daemon.gpu.occupancy import WorkerOccupancy, choose_idle_worker
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import FromWorker, Load, Render
from heygem_daemon.worker.executor import WorkerEvent
from heygem_daemon.worker.handle import WorkerHandle
from heygem_daemon.worker.process import ProcessExited, WorkerProcess

WORKER_COMMAND = (sys.executable, "-m", "heygem_daemon.worker.main")
KILL_WAIT_SECONDS = 5.0
"""How long to wait for a killed process to be gone; one that hangs in the kernel may stay."""


class WorkerPool:
    """Workers on this machine; an ``Executor``.

    ``on_event`` is called from other threads whenever ``poll`` has something new: it may only
    set a flag or the like. ``stall_seconds``: a worker with a job that reports no progress for
    so long is killed; its vitals and notes are no progress. Submit from a thread that lives as
    long as the pool: the kernel kills a worker with the thread that started it.
    """

    def __init__(
        self,
        engine: str,
        weights: Path,
        cache: Path,
        *,
        threads: int = 0,
        stall_seconds: float = 600.0,
        on_event: Callable[[], None] = lambda: None,
        command: Sequence[str] = WORKER_COMMAND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._weights = weights
        self._cache = cache
        self._threads = threads
        self._stall_seconds = stall_seconds
        self._on_event = on_event
        self._command = tuple(command)
        self._clock = clock
        self._numbers = count(1)
        self._workers: dict[int, WorkerHandle] = {}
        self._queue: SimpleQueue[tuple[WorkerProcess, FromWorker | ProcessExited]] = SimpleQueue()

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """What our own workers hold, as of the last ``poll``; one entry a worker."""
        now = self._clock()
        return tuple(seat.occupancy(now) for seat in self._workers.values())

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        """Render a job on ``device``, in a new worker where none is idle there.

        Raises OSError where a process cannot be started.
        """
        idle = [each for each in self.occupancies() if each.uuid == device.uuid and each.idle]
        best = choose_idle_worker(idle, render.engine or self._engine)
        seat = self._start(device) if best is None else self._workers[best.worker_number]
        seat.assign(render, need_bytes, self._clock())

    def retire(self, worker_number: int) -> None:
        """Ask an idle worker to end, which frees what it holds."""
        seat = self._workers.get(worker_number)
        if seat is not None and seat.idle:
            seat.halt(self._clock())

    def kill(self, job_id: str, reason: str) -> None:
        """End the worker that has this job at once; ``verdict`` completes 'the worker …'."""
        for seat in self._workers.values():
            if seat.job is not None and seat.job.job_id == job_id:
                seat.kill(reason)

    def poll(self) -> list[WorkerEvent]:
        """What happened since the last call, oldest first; never waits."""
        events: list[WorkerEvent] = []
        while True:
            try:
                worker, message = self._queue.get_nowait()
            except Empty:
                break
            seat = next(s for s in self._workers.values() if s.process is worker)
            if isinstance(message, ProcessExited):
                del self._workers[seat.number]
                events.extend(seat.final_events(message))
            else:
                events.extend(seat.handle_message(message, self._clock()))
        for seat in self._workers.values():
            seat.kill_if_silent(self._stall_seconds, self._clock())
        return events

    def halt(self) -> None:
        """Ask all workers to stop after the chunk at hand; they answer Halted and exit."""
        for seat in self._workers.values():
            seat.halt(self._clock())

    def close(self, grace_seconds: float) -> None:
        """Halt, wait so long for the workers to exit, kill the rest.

        Blocks; what the workers said last can still be polled.
        """
        self.halt()
        deadline = time.monotonic() + grace_seconds
        for seat in self._workers.values():
            if not seat.process.join(deadline - time.monotonic()):
                seat.kill(f"was stopped: it had not finished within {grace_seconds:g} s")
        for seat in self._workers.values():
            seat.process.join(KILL_WAIT_SECONDS)

    def _start(self, device: DeviceChoice) -> WorkerHandle:
        worker = WorkerProcess(
            self._command, worker_environment(os.environ, device), self._on_message
        )
        seat = WorkerHandle(
            next(self._numbers), device, worker, self._engine, last_progress_at=self._clock()
        )
        self._workers[seat.number] = seat
        worker.send(
            Load(
                engine=self._engine,
                device=device.torch_device,
                device_name=device.name,
                uuid=device.uuid,
                weights=str(self._weights),
                cache=str(self._cache),
                threads=self._threads,
            )
        )
        return seat

    def _on_message(self, worker: WorkerProcess, message: FromWorker | ProcessExited) -> None:
        """Called by the listening threads."""
        self._queue.put((worker, message))
        self._on_event()


def worker_environment(inherited: Mapping[str, str], device: DeviceChoice) -> dict[str, str]:
    """The environment of a worker: its one GPU or none, and no way to speak to systemd."""
    environment = {
        name: value
        for name, value in inherited.items()
        if name != "NOTIFY_SOCKET" and not name.startswith("WATCHDOG_")
    }
    environment["CUDA_VISIBLE_DEVICES"] = device.uuid or ""
    environment["PYTHONUNBUFFERED"] = "1"
    # One heap for all threads: pictures that one thread takes and another gives back would leave
    # holes in a heap for each (1080p: a quarter less peak memory, and no slower).
    environment.setdefault("MALLOC_ARENA_MAX", "1")
    return environment
