"""One worker as its pool knows it: what it has, what it does, and what its messages change."""

import signal
from dataclasses import dataclass, field

from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    FromWorker,
    Halt,
    Halted,
    LogMessage,
    MemoryUsage,
    Ready,
    Refused,
    Render,
    Rendered,
    Unfit,
)
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent, is_final
from heygem_daemon.worker.process import ProcessExited, WorkerProcess

JOB_OUTCOMES = (Rendered, Refused, Deferred, Unfit, Halted, Crashed)
"""What ends a job."""
RETIRE_SECONDS = 30.0
"""How long a worker that was asked to leave may take: what it holds is wanted."""


@dataclass(slots=True)
class WorkerHandle:
    """A worker on ``device``, told to load the engine ``usual``; all times by the pool's clock."""

    number: int
    device: DeviceChoice
    process: WorkerProcess
    default_engine: str
    last_progress_at: float
    """When it last got on with something."""
    job: Render | None = None
    need_bytes: int = 0
    """What the job may take of the GPU in all."""
    reserved_bytes: int = 0
    active_bytes: int = 0
    engines: set[str] = field(default_factory=set)
    """The loaded ones, under their own names and under those they were asked for by."""
    halted: bool = False
    final_event: WorkerEvent | None = None
    """Kept back until the process is gone: whoever hears them finds the device free."""
    kill_reason: str | None = None
    """Why we killed it, if we did."""

    @property
    def leaving(self) -> bool:
        """Whether it will take no more jobs."""
        return self.halted or self.final_event is not None

    @property
    def idle(self) -> bool:
        """Whether it could take a job."""
        return self.job is None and not self.leaving

    def occupancy(self, now: float) -> WorkerOccupancy:
        """What it holds, as of the last message."""
        return WorkerOccupancy(
            uuid=self.device.uuid,
            worker_number=self.number,
            idle=self.idle,
            leaving=self.leaving,
            reserved_bytes=self.reserved_bytes,
            active_bytes=self.active_bytes,
            committed_bytes=self.need_bytes if self.job else 0,
            engines=frozenset(self.engines),
            idle_seconds=now - self.last_progress_at if self.idle else 0.0,
        )

    def assign(self, render: Render, need_bytes: int, now: float) -> None:
        """Give it a job."""
        self.job, self.need_bytes, self.last_progress_at = render, need_bytes, now
        self.process.send(render)

    def halt(self, now: float) -> None:
        """Ask it to leave, after the chunk at hand if it has a job."""
        self.process.send(Halt())
        if not self.halted:
            self.halted, self.last_progress_at = True, now

    def kill(self, reason: str) -> None:
        """End it now; ``verdict`` completes 'the worker …'."""
        if self.kill_reason is None:
            self.kill_reason = reason
            self.process.kill()

    def kill_if_silent(self, stall_seconds: float, now: float) -> None:
        """End it if it should be getting on with something and has not for so long."""
        retiring = self.halted and self.job is None
        patience = min(RETIRE_SECONDS, stall_seconds) if retiring else stall_seconds
        if not self.idle and now - self.last_progress_at > patience:
            self.kill(f"made no progress for {patience:g} s and was killed")

    def handle_message(self, message: FromWorker, now: float) -> list[WorkerEvent]:
        """Take a message into account, and say what the service shall know of it."""
        event = self._event(message)
        if not isinstance(message, (MemoryUsage, LogMessage)):
            self.last_progress_at = now
        if isinstance(message, MemoryUsage):
            self.reserved_bytes = message.vram_reserved_bytes or 0
            self.active_bytes = message.vram_active_bytes or 0
        if isinstance(message, Ready):
            self._handle_ready(message)
        if isinstance(message, JOB_OUTCOMES):
            self.job = None
        if is_final(message):
            self.final_event = event
            return []
        return [event]

    def final_events(self, exited: ProcessExited) -> list[WorkerEvent]:
        """What it said last, or why it said nothing."""
        if self.final_event is not None:
            return [self.final_event]
        if self.halted and self.job is None:
            return [self._event(Halted())]
        reason = self.kill_reason or describe_exit(exited.returncode)
        if not self.engines and not self.halted:
            # It had not looked at its job yet: that job, and all after it, must not pay for a
            # broken installation with their attempts.
            words = "".join(f": {line}" for line in exited.stderr[-1:])
            return [self._event(Unfit(reason=f"the worker {reason} while loading{words}"))]
        job_id = self.job.job_id if self.job else None
        return [self._event(WorkerDied(reason, job_id, exited.stderr))]

    def _handle_ready(self, ready: Ready) -> None:
        # The first is what every worker loads; then what the job at hand asks for.
        asked = self.job.engine if self.engines and self.job else None
        self.engines |= {asked or self.default_engine, ready.engine}
        self.reserved_bytes = self.active_bytes = ready.vram_bytes or 0

    def _event(self, message: FromWorker | WorkerDied) -> WorkerEvent:
        return WorkerEvent(self.device, message, self.number, self.job.job_id if self.job else None)


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
