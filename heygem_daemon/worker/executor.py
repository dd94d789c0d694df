"""The seam between the service and whatever runs its jobs.

The pool of local processes is one implementation; a pool on several machines can be another.
Everything here is plain data and calls that return at once.
"""

from dataclasses import dataclass
from typing import Protocol

from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Crashed, Deferred, FromWorker, Halted, Render, Unfit


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A worker ended without having been asked to. ``reason`` completes 'the worker …', as in
    'was killed by signal 11 (SIGSEGV)'. ``job_id`` is the job it had, None if it was idle.
    ``stderr`` holds its last lines of output."""

    reason: str
    job_id: str | None
    stderr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerEvent:
    """What a worker said, or that it is gone. ``worker`` is its number, never given twice: a device
    may have several. ``job_id``: the job that it had in its hands as it said so."""

    device: DeviceChoice
    message: FromWorker | WorkerDied
    worker_number: int
    job_id: str | None = None


def is_final(message: FromWorker | WorkerDied) -> bool:
    """Whether a worker exits after ``message``, or is gone: a bug or a broken GPU may have left its
    process in any state."""
    if isinstance(message, Deferred):
        return message.of_device
    return isinstance(message, Unfit | Halted | Crashed | WorkerDied)


class Executor(Protocol):
    """Runs jobs on devices; never blocks its caller, except in ``close``."""

    def occupancies(self) -> tuple[WorkerOccupancy, ...]:
        """What our own workers hold, as of the last ``poll``; one entry a worker."""

    def submit(self, device: DeviceChoice, render: Render, need_bytes: int = 0) -> None:
        """Render a job on ``device``, in the worker that ``tenancy.best_idle`` names or, where none
        is idle, in a new one. ``need_bytes``: what the job may take of the GPU's memory in all.

        How many a device may have is for its caller to decide. Raises OSError where a process
        cannot be started. Every submitted job ends with exactly one of the events Rendered,
        Refused, Deferred, Crashed, Halted, Unfit or Died; by those of which ``is_last`` is true the
        worker is gone, and what it held is free.
        """

    def retire(self, worker_number: int) -> None:
        """Ask an idle worker to end, which frees what it holds; Halted follows. No effect on one
        that has a job or is gone."""

    def kill(self, job_id: str, reason: str) -> None:
        """End the worker that has this job at once; Died follows. ``verdict`` completes 'the worker
        …'."""

    def poll(self) -> list[WorkerEvent]:
        """What happened since the last call, oldest first; never waits."""

    def halt(self) -> None:
        """Ask all workers to stop after the chunk at hand; they answer Halted and exit."""

    def close(self, grace_seconds: float) -> None:
        """Halt, wait so long for the workers to exit, kill the rest. Their last events can
        still be polled."""
