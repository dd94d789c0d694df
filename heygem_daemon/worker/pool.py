"""The worker pool: one process a device, each with its engine resident across jobs.

The pool's state changes in ``submit`` and ``poll`` only, both called by the supervisor's loop;
the listening threads merely queue what they hear and wake that loop.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from heygem_daemon.gpu.placement import DeviceChoice, Held
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    FromWorker,
    Halt,
    Halted,
    Load,
    Note,
    Ready,
    Refused,
    Render,
    Rendered,
    Unfit,
    Vitals,
)
from heygem_daemon.worker.executor import Died, Event
from heygem_daemon.worker.resident import Ended, Resident

WORKER_COMMAND = (sys.executable, "-m", "heygem_daemon.worker.process")
LAST_WORDS = (Unfit, Halted, Crashed)
"""After these a worker exits of its own accord: a bug may have left its process in any state."""
BURIAL_SECONDS = 5.0
"""How long to wait for a killed process to be gone; one that hangs in the kernel may stay."""
OUTCOMES = (Rendered, Refused, Deferred, *LAST_WORDS)
"""What ends a job."""


@dataclass(slots=True)
class _Seat:
    """A device's worker and what the pool knows of it, as of the last poll."""

    device: DeviceChoice
    worker: Resident
    job_id: str | None
    heard: float
    """When it last got on with something, on the pool's clock."""
    vram_bytes: int = 0
    loaded: bool = False
    halted: bool = False
    last_words: FromWorker | None = None
    """Kept back until the process is gone: whoever hears them finds the device free."""
    verdict: str | None = None
    """Why we killed it, if we did."""

    @property
    def idle(self) -> bool:
        return self.job_id is None and not self.halted and self.last_words is None


class Pool:
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
        self._seats: dict[str | None, _Seat] = {}
        self._queue: SimpleQueue[tuple[Resident, FromWorker | Ended]] = SimpleQueue()

    def held(self) -> tuple[Held, ...]:
        """What our own workers hold, as of the last ``poll``; one entry a worker."""
        return tuple(
            Held(seat.device.uuid, seat.vram_bytes, seat.idle) for seat in self._seats.values()
        )

    def submit(self, device: DeviceChoice, render: Render) -> None:
        """Render a job on ``device``, whose worker is started where none is resident.

        Raises ValueError where the device's worker has a job already, and OSError where a
        process cannot be started.
        """
        seat = self._seats.get(device.uuid)
        if seat is None:
            seat = self._start(device)
        elif not seat.idle:
            raise ValueError(f"the worker on {device.name} is busy; place jobs by held()")
        seat.job_id = render.job_id
        seat.heard = self._clock()
        seat.worker.send(render)

    def poll(self) -> list[Event]:
        """What happened since the last call, oldest first; never waits."""
        events: list[Event] = []
        while True:
            try:
                worker, message = self._queue.get_nowait()
            except Empty:
                break
            seat = next(s for s in self._seats.values() if s.worker is worker)
            events.extend(self._heard(seat, message))
        self._kill_stalled()
        return events

    def halt(self) -> None:
        """Ask all workers to stop after the chunk at hand; they answer Halted and exit."""
        for seat in self._seats.values():
            seat.worker.send(Halt())
            seat.halted = True

    def close(self, grace_seconds: float) -> None:
        """Halt, wait so long for the workers to exit, kill the rest.

        Blocks; what the workers said last can still be polled.
        """
        self.halt()
        deadline = time.monotonic() + grace_seconds
        for seat in self._seats.values():
            if not seat.worker.join(deadline - time.monotonic()):
                seat.verdict = f"was stopped: it had not finished within {grace_seconds:g} s"
                seat.worker.kill()
        for seat in self._seats.values():
            seat.worker.join(BURIAL_SECONDS)

    def _start(self, device: DeviceChoice) -> _Seat:
        worker = Resident(self._command, worker_environment(os.environ, device), self._hear)
        seat = _Seat(device, worker, job_id=None, heard=self._clock())
        self._seats[device.uuid] = seat
        worker.send(
            Load(
                engine=self._engine,
                device=device.torch_device,
                uuid=device.uuid,
                weights=str(self._weights),
                cache=str(self._cache),
                threads=self._threads,
            )
        )
        return seat

    def _hear(self, worker: Resident, message: FromWorker | Ended) -> None:
        """Called by the listening threads."""
        self._queue.put((worker, message))
        self._on_event()

    def _heard(self, seat: _Seat, message: FromWorker | Ended) -> list[Event]:
        """Take a message into account, and say what the service shall know of it."""
        if isinstance(message, Ended):
            del self._seats[seat.device.uuid]
            return self._farewell(seat, message)
        if not isinstance(message, (Vitals, Note)):
            seat.heard = self._clock()
        if isinstance(message, Vitals):
            seat.vram_bytes = message.vram_reserved_bytes or 0
        if isinstance(message, Ready):
            seat.loaded = True
            seat.vram_bytes = message.vram_bytes or 0
        if isinstance(message, OUTCOMES):
            seat.job_id = None
        if is_last(message):
            seat.last_words = message
            return []
        return [Event(seat.device, message)]

    def _farewell(self, seat: _Seat, ended: Ended) -> list[Event]:
        """What the worker said last, or why it said nothing."""
        if seat.last_words is not None:
            return [Event(seat.device, seat.last_words)]
        if seat.halted and seat.job_id is None:
            return []
        reason = seat.verdict or describe_exit(ended.returncode)
        if not seat.loaded and not seat.halted:
            # It had not looked at its job yet: that job, and all after it, must not pay for a
            # broken installation with their attempts.
            words = "".join(f": {line}" for line in ended.stderr[-1:])
            return [Event(seat.device, Unfit(reason=f"the worker {reason} while loading{words}"))]
        return [Event(seat.device, Died(reason, seat.job_id, ended.stderr))]

    def _kill_stalled(self) -> None:
        for seat in self._seats.values():
            silent = self._clock() - seat.heard > self._stall_seconds
            if silent and not seat.idle and seat.verdict is None:
                seat.verdict = f"made no progress for {self._stall_seconds:g} s and was killed"
                seat.worker.kill()


def is_last(message: FromWorker) -> bool:
    """Whether a worker exits after ``message``."""
    return isinstance(message, LAST_WORDS) or (isinstance(message, Deferred) and message.of_device)


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


def describe_exit(returncode: int) -> str:
    """What a return code says, as the rest of a sentence that begins 'the worker'."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "unknown"
    # Nobody of ours sends SIGKILL without a verdict: that is how the kernel frees memory.
    hint = ", as the kernel does when memory runs out" if -returncode == signal.SIGKILL else ""
    return f"was killed by signal {-returncode} ({name}){hint}"
