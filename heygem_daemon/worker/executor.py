"""The seam between the service and whatever runs its jobs.

The pool of local processes is one implementation; a pool on several machines can be another.
Everything here is plain data and calls that return at once.
"""

from dataclasses import dataclass
from typing import Protocol

from heygem_daemon.gpu.placement import DeviceChoice, Held
from heygem_daemon.protocol import FromWorker, Render


@dataclass(frozen=True, slots=True)
class Died:
    """A worker ended without having been asked to. ``reason`` completes 'the worker …', as in
    'was killed by signal 11 (SIGSEGV)'. ``job_id`` is the job it had, None if it was idle.
    ``stderr`` holds its last lines of output."""

    reason: str
    job_id: str | None
    stderr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """What a worker said, or that it is gone. One device has one worker at most."""

    device: DeviceChoice
    message: FromWorker | Died


class Executor(Protocol):
    """Runs jobs on devices; never blocks its caller, except in ``close``."""

    def held(self) -> tuple[Held, ...]:
        """What our own workers hold, as of the last ``poll``; one entry a worker."""

    def submit(self, device: DeviceChoice, render: Render) -> None:
        """Render a job on ``device``, whose worker is started where none is resident.

        Raises ValueError where the device's worker has a job already (place by ``held``), and
        OSError where a process cannot be started. Every submitted job ends with exactly one of
        the events Rendered, Refused, Deferred, Crashed, Halted, Unfit or Died; the worker of the
        last four is gone by then, and its device free.
        """

    def poll(self) -> list[Event]:
        """What happened since the last call, oldest first; never waits."""

    def halt(self) -> None:
        """Ask all workers to stop after the chunk at hand; they answer Halted and exit."""

    def close(self, grace_seconds: float) -> None:
        """Halt, wait so long for the workers to exit, kill the rest. Their last events can
        still be polled."""
