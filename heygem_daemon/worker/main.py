"""The worker process, ``python -m heygem_daemon.worker.main``, which the pool starts.

It owns one device, keeps engines loaded, and renders one job after another. Every exception becomes
a message, which decides what happens to the job. After a bug the worker answers and exits, so that
the next job gets a process with intact memory. After a GPU failure it exits too: CUDA's errors stay
with a process until it ends.
"""

import faulthandler
import gc
import os
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heygem_daemon.device import torch_errors
from heygem_daemon.device.torch_errors import classify_torch_error
from heygem_daemon.errors import BadInput, EnvironmentFault, Interrupted, WeightsUnavailable
from heygem_daemon.protocol import (
    Assisted,
    Crashed,
    Deferred,
    Halt,
    Halted,
    Load,
    LogMessage,
    Message,
    Paused,
    Progress,
    Refused,
    Render,
    Rendered,
    ToWorker,
    Unfit,
)
from heygem_daemon.system.memory_limit import limit_data
from heygem_daemon.system.os_errors import MEDIA_ERRNOS, describe_os_error
from heygem_daemon.system.priority import lower_priority
from heygem_daemon.worker.confinement import (
    OFF,
    OUTDATED,
    RenderJob,
    WorkerConfinement,
    confine_worker,
)
from heygem_daemon.worker.engine_cache import EngineCache, LoadEngine, ReadStamp
from heygem_daemon.worker.loading import Loader, ResolveNeed, read_weights_stamp, ready_message
from heygem_daemon.worker.wire import (
    MessageReceiver,
    MessageSender,
    die_with_parent,
    end_unless_stopped,
    isolate_stdio,
    measure_vitals,
    read_message,
    report_vitals,
)

if TYPE_CHECKING:
    from heygem_daemon.engines.base import Engine
    from heygem_daemon.render.speech_cache import SpeechCache


Send = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class WorkerDependencies:
    """The functions that a worker uses; tests replace them."""

    load: LoadEngine
    read_stamp: ReadStamp
    """Returns the state of the engine's files; if it changes, the engine is loaded again."""
    resolve_need: ResolveNeed
    """Checks that a loaded engine is on its device, and returns what it needs there."""
    record_peak: Callable[["Engine[Any]", Load], None]
    """Stores the memory that a job took."""
    render: RenderJob
    release_cached_memory: Callable[[], None]
    """Releases cached GPU memory after an out-of-memory error."""
    is_outdated: Callable[[], bool] = lambda: False
    """Whether this process can no longer reach the folders of its jobs, and a new one could."""
    end_process: Callable[[], None] = lambda: os._exit(0)
    """Ends the process at once, in the middle of a job: what it has on disk is whole."""


class Session:
    """Answers the messages of one supervisor."""

    def __init__(
        self,
        dependencies: WorkerDependencies,
        send: Send,
        halted: Callable[[], bool],
        paused: Callable[[str], bool] = lambda _job_id: False,
    ) -> None:
        """``halted``: whether the worker was asked to leave; ``paused``: whether a job was asked
        to make room for another."""
        self._dependencies = dependencies
        self._send = send
        self._halted = halted
        self._paused = paused
        self._load: Load | None = None
        self._engines = EngineCache(dependencies.load, dependencies.read_stamp)

    def serve(self, messages: Iterable[ToWorker]) -> None:
        """Answer messages until one ends the worker, or an answer does."""
        for message in messages:
            if not self._handle_in_time(message):
                return

    def _handle_in_time(self, message: ToWorker) -> bool:
        """Handle one message, but for no more than a few seconds after a stop or a pause."""
        job_id = message.job_id if isinstance(message, Render) else None

        def end() -> None:
            self._send(Halted(job_id=job_id))
            self._dependencies.end_process()

        with end_unless_stopped(lambda: self._must_stop(job_id), end):
            return self._handle(message)

    def _must_stop(self, job_id: str | None) -> bool:
        return self._halted() or (job_id is not None and self._paused(job_id))

    def _handle(self, message: ToWorker) -> bool:
        """Handle one message; return whether the worker goes on."""
        if isinstance(message, Halt):
            self._send(Halted())
            return False
        if isinstance(message, Load):
            self._load = message
            return self._load_default_engine(message) is not None
        if self._load is None:
            raise RuntimeError("a Render came before a Load")
        if not isinstance(message, Render):
            return True
        return self._handle_render(self._load, message)

    def _load_default_engine(self, load: Load) -> "Engine[Any] | None":
        """Load the default engine and send Ready; on failure send Unfit and return None."""
        try:
            return self._load_engine(load)
        except ImportError as error:
            self._send(Unfit(reason=f"The installation is broken: {error}"))
        except Exception as error:
            reason = environment_reason(error)
            if reason is None:
                raise
            self._send(Unfit(reason=reason, of_device=is_of_device(error)))
        return None

    def _load_engine(self, load: Load) -> "Engine[Any]":
        started = time.monotonic()
        engine = self._engines.load(load)
        need = self._dependencies.resolve_need(engine, load)
        self._send(ready_message(engine, need, time.monotonic() - started))
        for warning in engine.warnings:
            self._send(LogMessage(level="WARNING", text=warning))
        return engine

    def _handle_render(self, default: Load, render: Render) -> bool:
        if self._halted():
            self._send(Halted(job_id=render.job_id))
            return False
        if self._paused(render.job_id):
            self._send(Paused(job_id=render.job_id))
            return True
        if self._dependencies.is_outdated():
            self._send(LogMessage(level="INFO", text=OUTDATED, job_id=render.job_id))
            self._send(Halted(job_id=render.job_id))
            return False
        load = default.model_copy(update={"engine": render.engine or default.engine})
        engine = self._engines.get(load)
        if engine is None and load == default:
            engine = self._load_default_engine(default)
            if engine is None:
                return False
        with report_vitals(lambda: measure_vitals(default.device != "cpu"), self._send):
            answer = self._render(engine, load, render)
        self._send(answer)
        if not isinstance(answer, Rendered | Assisted):
            # Decoders and encoders of a job that broke off are held by the cycles of its traceback.
            gc.collect()
        broken = isinstance(answer, Deferred) and answer.of_device
        return not (broken or isinstance(answer, (Crashed, Halted)))

    def _render(self, engine: "Engine[Any] | None", load: Load, render: Render) -> Message:
        """Render a job; whatever is raised becomes its answer.

        ``engine`` is None where it is the job's own choice and not loaded yet. If loading it fails,
        only this job waits.
        """
        try:
            loaded = engine or self._load_engine(load)
            rendered = self._dependencies.render(
                loaded,
                render,
                Path(load.cache),
                self._send,
                lambda: self._must_stop(render.job_id),
            )
            self._dependencies.record_peak(loaded, load)
        except Interrupted:
            if not self._halted() and self._paused(render.job_id):
                return Paused(job_id=render.job_id)
            return Halted(job_id=render.job_id)
        except Exception as error:  # noqa: BLE001 - bugs travel as Crashed, with their traceback
            answer, fault = failure_message(render.job_id, error), classify_torch_error(error)
        else:
            return rendered
        # Not in the except block: there the exception still holds references to what was in use.
        if fault == "gpu memory":
            self._dependencies.release_cached_memory()
        return answer


class Renderer:
    """Renders jobs with ``render.pipeline``, which it imports at the first job.

    It caches the analysed speech of the last audio files.
    """

    def __init__(self) -> None:
        self._speech_cache: SpeechCache | None = None

    def __call__(
        self,
        engine: "Engine[Any]",
        render: Render,
        cache: Path,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Rendered | Assisted:
        """Render a job, or draw chunks of it; see ``render.pipeline`` and ``render.assistance``."""
        import torch  # noqa: PLC0415

        from heygem_daemon.device.memory import device_memory  # noqa: PLC0415
        from heygem_daemon.render.assistance import assist_job  # noqa: PLC0415
        from heygem_daemon.render.pipeline import render_job  # noqa: PLC0415
        from heygem_daemon.render.speech_cache import SpeechCache  # noqa: PLC0415

        self._speech_cache = self._speech_cache or SpeechCache()
        device_memory(engine.device.torch_device).reset_peak()  # the report is of this job
        torch.set_num_threads(engine.threads)
        if render.cores:
            engine.use_cores(render.cores)
        limit_data(render.memory_bytes)
        work = assist_job if render.assistant else render_job
        return work(engine, render, cache, on_progress, should_stop, self._speech_cache)


def failure_message(job_id: str, error: Exception) -> Refused | Deferred | Halted | Crashed:
    """Return the answer to a Render that raised ``error``."""
    if isinstance(error, BadInput):
        return Refused(job_id=job_id, reason=error.reason, remedy=error.remedy)
    if isinstance(error, Interrupted):
        return Halted(job_id=job_id)
    reason = environment_reason(error)
    if reason is not None:
        return Deferred(
            job_id=job_id,
            reason=reason,
            of_memory=torch_errors.is_out_of_memory(error),
            of_device=is_of_device(error),
            of_weights=isinstance(error, WeightsUnavailable),
        )
    return Crashed(
        job_id=job_id,
        error=one_line(error),
        traceback="".join(traceback.format_exception(error)),
    )


def environment_reason(error: Exception) -> str | None:
    """Return what is wrong with the job's environment, as a sentence; None for other errors."""
    if isinstance(error, EnvironmentFault):
        return str(error)
    if isinstance(error, OSError) and error.errno in MEDIA_ERRNOS:
        return describe_os_error(error)
    return torch_errors.describe_torch_error(error)


def is_of_device(error: Exception) -> bool:
    """Return whether the GPU is at fault.

    If so, this process must not go on, and no other job should start there for a while.
    """
    return torch_errors.classify_torch_error(error) == "device"


def one_line(error: Exception) -> str:
    """Return the type and the first line of an exception."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _release_cached_memory() -> None:
    import torch  # noqa: PLC0415

    torch.cuda.empty_cache()


def main() -> None:
    """Serve the supervisor at the other end of stdin and stdout."""
    die_with_parent()
    incoming, outgoing = isolate_stdio()
    faulthandler.enable()
    first = read_message(incoming)
    if first is None:
        return
    confinement, send = WorkerConfinement(OFF), MessageSender(outgoing)
    if isinstance(first, Load):
        # Before any thread starts: those that run already would stay as they are.
        try:
            lower_priority(first.nice, first.io_priority)
        except OSError as error:
            text = f"the priority of the worker stays as it is: {error.strerror or error}"
            send(LogMessage(level="WARNING", text=text))
        confinement = confine_worker(first)
        send(LogMessage(level="INFO", text=confinement.description))
    inbox = MessageReceiver(incoming, on_end=lambda: os._exit(0), first=first)
    loader = Loader()
    dependencies = WorkerDependencies(
        loader.load,
        read_weights_stamp,
        loader.resolve_need,
        loader.record_peak,
        confinement.confined(Renderer()),
        _release_cached_memory,
        confinement.is_outdated,
    )
    Session(dependencies, send, inbox.halted, inbox.paused).serve(inbox)
    # Without the interpreter's shutdown, which would wait for the reading thread and for CUDA.
    os._exit(0)


if __name__ == "__main__":
    main()
