"""The interface between the service and whatever runs its jobs.

The pool of local processes is one implementation; a pool on several machines could be another.
Everything here is plain data, and calls that return at once.
"""

from dataclasses import dataclass
from typing import Protocol

from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Crashed, Deferred, FromWorker, Halted, Render, Unfit


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker ended unexpectedly."""

    reason: str
    """Completes 'the worker …', as in 'was killed by signal 11 (SIGSEGV)'."""
    job_id: str | None
    """The job that it had; None if it was idle."""
    stderr: tuple[str, ...] = ()
    """The last lines that it wrote to stderr."""


@dataclass(frozen=True, slots=True)
class WorkerEvent:
    """A message of a worker, or its death."""

    device: DeviceChoice
    message: FromWorker | WorkerDied
    worker_number: int
    """Number of the worker, never used twice. A device may have several workers."""
    job_id: str | None = None
    """The job that it had when it sent the message."""


def is_final(message: FromWorker | WorkerDied) -> bool:
    """Return whether the worker exits after ``message``, or is gone.

    It exits after a bug or a GPU failure, which may have left its process in any state.
    """
    if isinstance(message, Deferred):
        return message.of_device
    return isinstance(message, Unfit | Halted | Crashed | WorkerDied)


class Executor(Protocol):
    """Runs jobs on devices; never blocks its caller, except in ``close``."""

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """Return what each of our own workers holds, as of the last ``poll``."""

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        """Render a job on ``device``.

        It runs in the worker that ``occupancy.choose_idle_worker`` returns or, where none is idle,
        in a new one. ``need_bytes`` is the GPU memory that the job may take in all. The caller
        decides how many workers a device may have. Raises OSError where a process cannot be
        started.

        Every submitted job ends with exactly one of the events Rendered, Refused, Deferred,
        Crashed, Paused, Halted, Unfit or WorkerDied. When an event for which ``is_final`` is true
        arrives, the worker is gone, and what it held is free.
        """

    def retire(self, worker_number: int) -> None:
        """Ask an idle worker to end, which frees what it holds; Halted follows.

        Has no effect on a worker that has a job or is gone.
        """

    def pause(self, job_id: str) -> None:
        """Ask the worker that has this job to stop it after the current chunk. Paused follows, and
        the worker is idle with its engines loaded; or Halted, and the worker is gone, where the
        job did not stop in time.

        Has no effect where the job has ended.
        """

    def kill(self, job_id: str, reason: str) -> None:
        """Kill the worker that has this job; WorkerDied follows.

        ``reason`` completes 'the worker …'.
        """

    def poll(self) -> list[WorkerEvent]:
        """Return the events since the last call, oldest first; never waits."""

    def halt(self) -> None:
        """Ask all workers to stop after the current chunk; they answer Halted and exit."""

    def close(self, grace_seconds: float) -> None:
        """Halt, wait ``grace_seconds`` for the workers to exit, and kill the rest.

        Their last events can still be polled.
        """
