"""The pool's record of one worker: what it holds, what it does, and what its messages change."""

import signal
from dataclasses import dataclass, field

from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import (
    Assisted,
    Crashed,
    Deferred,
    FromWorker,
    Halt,
    Halted,
    LogMessage,
    MemoryUsage,
    Pause,
    Paused,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
    Unfit,
)
from heygem_daemon.worker.executor import WorkerDied, WorkerEvent, is_final
from heygem_daemon.worker.process import ProcessExited, WorkerProcess

JOB_OUTCOMES = (Rendered, Assisted, Refused, Deferred, Unfit, Paused, Halted, Crashed)
"""The messages that end a job."""
RETIRE_SECONDS = 30.0
"""How long a worker may take to leave: another job waits for what it holds."""


@dataclass(slots=True)
class WorkerHandle:
    """A worker; all times are of the pool's clock, in seconds."""

    number: int
    device: DeviceChoice
    process: WorkerProcess
    default_engine: str
    """The engine that it loads at its start; may be 'auto'."""
    last_progress_at: float
    """When it last made progress."""
    progress: Progress | None = None
    """The last report of progress of its job."""
    job: Render | None = None
    need_bytes: int = 0
    """GPU memory that the job may take in all."""
    reserved_bytes: int = 0
    """GPU memory that torch's allocator has reserved, by the last message."""
    active_bytes: int = 0
    """The part of it that is in use."""
    engines: set[str] = field(default_factory=set)
    """The loaded engines, under their own names and the names in the requests ('auto')."""
    halted: bool = False
    """Whether it was asked to leave."""
    final_event: WorkerEvent | None = None
    """Its last event, held back until the process is gone, so that the device is free by then."""
    distrusted: bool = False
    """Whether it sent what no worker sends, so that nothing that it sends counts any more."""
    kill_reason: str | None = None
    """Why the pool killed it; None if it did not."""

    @property
    def leaving(self) -> bool:
        """Whether it takes no more jobs."""
        return self.halted or self.final_event is not None

    @property
    def idle(self) -> bool:
        """Whether it could take a job."""
        return self.job is None and not self.leaving

    def occupancy(self, now: float) -> WorkerOccupancy:
        """Return what it holds, as of the last message."""
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
            slot=self.device.slot,
            node=self.device.node,
        )

    def assign(self, device: DeviceChoice, render: Render, need_bytes: int, now: float) -> None:
        """Give it a job. ``device``: its own, as it is called now."""
        self.device = device
        self.job, self.need_bytes, self.last_progress_at = render, need_bytes, now
        self.progress = None
        self.process.send(render)

    def halt(self, now: float) -> None:
        """Ask it to leave, after the current chunk if it has a job."""
        self.process.send(Halt())
        if not self.halted:
            self.halted, self.last_progress_at = True, now

    def pause(self) -> None:
        """Ask it to stop its job after the current chunk, and to wait for another one."""
        if self.job is not None and not self.leaving:
            self.process.send(Pause(job_id=self.job.job_id))

    def kill(self, reason: str) -> None:
        """Kill it; ``reason`` completes 'the worker …'."""
        if self.kill_reason is None:
            self.kill_reason = reason
            self.process.kill()

    def distrust(self, reason: str) -> None:
        """Kill it, and believe no message of it any more; ``reason`` completes 'the worker …'."""
        self.distrusted = True
        self.kill(reason)

    def kill_if_silent(self, limits: StallLimits, now: float) -> None:
        """Kill it if it is busy or leaving, and has made no progress for as long as ``limits``
        allow where it is."""
        limit = limits.seconds(self.progress.stage if self.progress and self.job else None)
        if self.halted and self.job is None:
            limit = min(RETIRE_SECONDS, limit)
        if not self.idle and now - self.last_progress_at > limit:
            stage = f" in the stage {self.progress.stage}" if self.progress and self.job else ""
            self.kill(f"made no progress for {limit:g} s{stage} and was killed")

    def handle_message(self, message: FromWorker, now: float) -> list[WorkerEvent]:
        """Take a message into account, and return the events for the service."""
        if self.distrusted:
            return []
        if self._is_about_another_job(message):
            if isinstance(message, JOB_OUTCOMES):
                self.distrust("ended a job that it does not have")
            return []
        event = self._event(message)
        if self._is_progress(message):
            self.last_progress_at = now
        if isinstance(message, Progress):
            self.progress = message
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

    def _is_about_another_job(self, message: FromWorker) -> bool:
        """Whether a message names a job that this worker was not given: whoever took the worker
        over must not direct the jobs of others."""
        job_id = getattr(message, "job_id", None)
        return job_id is not None and (self.job is None or self.job.job_id != job_id)

    def _is_progress(self, message: FromWorker) -> bool:
        """Whether the job goes on: memory figures, log lines and a report that repeats the last
        one show only that the process lives."""
        if isinstance(message, Progress):
            return message != self.progress
        return not isinstance(message, (MemoryUsage, LogMessage))

    def final_events(self, exited: ProcessExited) -> list[WorkerEvent]:
        """Return the last events of a worker whose process is gone: its message, or the cause."""
        if self.final_event is not None:
            return [self.final_event]
        if self.halted and self.job is None:
            return [self._event(Halted())]
        reason = self.kill_reason or describe_exit(exited.returncode)
        if not self.engines and not self.halted:
            # It had not begun its job: neither that job nor a later one must lose an attempt
            # because of a broken installation.
            last_line = "".join(f": {line}" for line in exited.stderr[-1:])
            return [self._event(Unfit(reason=f"the worker {reason} while loading{last_line}"))]
        job_id = self.job.job_id if self.job else None
        return [self._event(WorkerDied(reason, job_id, exited.stderr))]

    def _handle_ready(self, ready: Ready) -> None:
        # First comes the default engine, later the engine that the current job requests.
        requested = self.job.engine if self.engines and self.job else None
        self.engines |= {requested or self.default_engine, ready.engine}
        self.reserved_bytes = self.active_bytes = ready.vram_bytes or 0

    def _event(self, message: FromWorker | WorkerDied) -> WorkerEvent:
        return WorkerEvent(self.device, message, self.number, self.job.job_id if self.job else None)


def describe_exit(returncode: int) -> str:
    """Describe a return code, to complete 'the worker …'."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "unknown"
    # The pool never sends SIGKILL without a reason of its own; the kernel does, to free memory.
    hint = ", as the kernel does when memory runs out" if -returncode == signal.SIGKILL else ""
    return f"was killed by signal {-returncode} ({name}){hint}"
