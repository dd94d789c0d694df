"""The worker's session, in this process with fake functions, and as a real process."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from heygem_daemon.engines.base import Device
from heygem_daemon.errors import (
    BadInput,
    DeviceUnavailable,
    Interrupted,
    WeightsUnavailable,
)
from heygem_daemon.gpu.needs import ESTIMATE, Need
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import (
    FROM_WORKER,
    Crashed,
    Deferred,
    Halt,
    Halted,
    Load,
    LogMessage,
    MemoryUsage,
    Message,
    Paused,
    Progress,
    Ready,
    Refused,
    Render,
    Rendered,
    ToWorker,
    Unfit,
    encode_message,
)
from heygem_daemon.worker import main
from heygem_daemon.worker.executor import WorkerEvent
from heygem_daemon.worker.main import Session, WorkerDependencies
from heygem_daemon.worker.pool import WorkerPool

JOB = ("Progress", "Rendered")
LOAD = Load(engine="fake", device="cpu", weights="weights", cache="cache")


class FakeEngine:
    """As much of an engine as a Session uses."""

    device = Device()
    precision, precision_reason = "float32", ""
    weights_sha256 = "00"
    networks = ()
    batch = 8

    def __init__(self, name: str = "fake", warnings: tuple[str, ...] = ()) -> None:
        self.name = name
        self.warnings = warnings


class FakeWorker:
    """Runs a Session with fake functions, counts their calls and keeps the answers.

    A job raises the error that its id is mapped to, if there is one.
    """

    def __init__(self, *, load_error: Exception | None = None, **errors: Exception) -> None:
        self.loads = 0
        self.releases = 0
        self.errors = errors
        self.load_error = load_error
        self.sent: list[Message] = []
        self.halted = False
        self.paused: str | None = None
        self.files = 0
        self.warnings: tuple[str, ...] = ()
        self.used: list[str] = []
        self.recorded: list[str] = []

    def load(self, load: Load) -> Any:
        self.loads += 1
        if self.load_error is not None:
            raise self.load_error
        if load.engine in self.errors:
            raise self.errors[load.engine]
        return FakeEngine(load.engine, self.warnings)

    def read_stamp(self, load: Load) -> object:
        return self.files

    def resolve_need(self, engine: Any, load: Load) -> Need:
        return ESTIMATE

    def record_peak(self, engine: Any, load: Load) -> None:
        self.recorded.append(load.engine)

    def render(
        self,
        engine: Any,
        render: Render,
        cache: Path,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> Rendered:
        assert isinstance(engine, FakeEngine)
        self.used.append(engine.name)
        assert cache == Path("cache")
        on_progress(Progress(job_id=render.job_id, stage="render"))
        if render.job_id in self.errors:
            raise self.errors[render.job_id]
        if should_stop():
            raise Interrupted("stopping")
        return Rendered(job_id=render.job_id, result="r", report="j")

    def release_cached_memory(self) -> None:
        self.releases += 1

    def answer(self, messages: Iterable[ToWorker]) -> list[str]:
        """Serve ``messages``; return the types of the answers, without MemoryUsage."""
        session = Session(
            WorkerDependencies(
                self.load,
                self.read_stamp,
                self.resolve_need,
                self.record_peak,
                self.render,
                self.release_cached_memory,
            ),
            self.sent.append,
            lambda: self.halted,
            lambda job_id: self.paused == job_id,
        )
        session.serve(messages)
        return [type(m).__name__ for m in self.sent if not isinstance(m, MemoryUsage)]


def job(name: str, engine: str | None = None) -> Render:
    return Render(job_id=name, audio="a", video="v", workspace="w", engine=engine)


def test_one_load_serves_many_jobs() -> None:
    worker = FakeWorker()
    kinds = worker.answer([LOAD, job("one"), job("two")])
    assert kinds == ["Ready", "Progress", "Rendered", "Progress", "Rendered"]
    assert worker.loads == 1


def test_an_engine_whose_files_have_changed_is_loaded_again() -> None:
    worker = FakeWorker()

    def messages() -> Iterator[ToWorker]:
        yield LOAD
        yield job("one")
        worker.files += 1
        yield job("two")
        yield job("three")

    kinds = worker.answer(messages())
    assert kinds == ["Ready", *JOB, "Ready", *JOB, *JOB]
    assert worker.loads == 2


def test_a_job_may_choose_another_engine_which_stays_loaded_beside_the_usual_one() -> None:
    worker = FakeWorker()
    worker.answer([LOAD, job("one", "other"), job("two"), job("three", "other")])
    assert worker.used == ["other", "fake", "other"]
    assert worker.recorded == worker.used
    assert worker.loads == 2


def test_a_job_whose_own_engine_cannot_be_loaded_waits_and_no_other() -> None:
    worker = FakeWorker(other=WeightsUnavailable("no checkpoint"))
    kinds = worker.answer([LOAD, job("one", "other"), job("two")])
    assert kinds == ["Ready", "Deferred", "Progress", "Rendered"]
    deferred = Deferred(job_id="one", reason="no checkpoint", of_weights=True)
    assert deferred in worker.sent


def test_an_engine_s_warnings_reach_the_log() -> None:
    worker = FakeWorker()
    worker.warnings = ("a.pth cannot be read",)
    assert worker.answer([LOAD]) == ["Ready", "LogMessage"]
    assert worker.sent[-1] == LogMessage(level="WARNING", text="a.pth cannot be read")


def test_ready_says_what_is_resident_and_where() -> None:
    worker = FakeWorker()
    worker.answer([LOAD])
    (ready,) = worker.sent
    assert isinstance(ready, Ready)
    assert (ready.engine, ready.device, ready.device_name) == ("fake", "cpu", "CPU")
    assert ready.vram_bytes is None
    assert ready.rss_bytes > 0
    assert ready.seconds >= 0


def test_vitals_are_sent_before_the_answer_of_a_job() -> None:
    worker = FakeWorker()
    worker.answer([LOAD, job("one")])
    assert [type(message).__name__ for message in worker.sent[-2:]] == ["MemoryUsage", "Rendered"]


def test_the_next_job_is_taken_after_bad_input_and_after_a_fault_of_the_environment() -> None:
    worker = FakeWorker(
        bad=BadInput("No face.", "Another video."), full=DeviceUnavailable("The GPU is full.")
    )
    worker.answer([LOAD, job("bad"), job("full"), job("one")])
    assert Refused(job_id="bad", reason="No face.", remedy="Another video.") in worker.sent
    assert Deferred(job_id="full", reason="The GPU is full.") in worker.sent
    assert isinstance(worker.sent[-1], Rendered)


def test_what_a_failed_job_had_open_is_closed_before_the_next_one() -> None:
    """A full disk left a decoder with its threads open until garbage was next collected."""

    class Decoder:
        own: "Decoder"

    class Opening(FakeWorker):
        decoder: "weakref.ref[Decoder] | None" = None

        def render(self, *_: object) -> Rendered:
            decoder = Decoder()
            decoder.own = decoder
            self.decoder = weakref.ref(decoder)
            raise DeviceUnavailable("The disk is full.")

    worker = Opening()

    def messages() -> Iterator[ToWorker]:
        yield LOAD
        yield job("full")
        assert worker.decoder is not None
        assert worker.decoder() is None

    gc.disable()
    try:
        worker.answer(messages())
    finally:
        gc.enable()
    assert worker.decoder is not None


def test_an_out_of_memory_of_the_gpu_releases_cached_memory() -> None:
    worker = FakeWorker(big=torch.OutOfMemoryError("CUDA out of memory."))
    assert worker.answer([LOAD, job("big")])[-1] == "Deferred"
    assert worker.releases == 1


def test_a_bug_is_answered_and_ends_the_worker() -> None:
    worker = FakeWorker(odd=ZeroDivisionError("division by zero"))
    assert worker.answer([LOAD, job("odd"), job("one")])[-1] == "Crashed"
    crashed = worker.sent[-1]
    assert isinstance(crashed, Crashed)
    assert crashed.error == "ZeroDivisionError: division by zero"
    assert "test_main_process.py" in crashed.traceback


def test_halt_between_jobs_ends_the_worker() -> None:
    worker = FakeWorker()
    assert worker.answer([LOAD, job("one"), Halt(), job("two")])[-2:] == ["Rendered", "Halted"]
    assert worker.sent[-1] == Halted()


def test_halt_during_a_job_ends_it_at_its_next_chunk() -> None:
    worker = FakeWorker(one=Interrupted("stopping"))
    worker.answer([LOAD, job("one"), Halt()])
    assert worker.sent[-1] == Halted(job_id="one")


def test_a_job_that_was_halted_before_it_began_is_not_begun() -> None:
    worker = FakeWorker()
    worker.halted = True
    assert worker.answer([LOAD, job("one"), Halt()]) == ["Ready", "Halted"]
    assert worker.sent[-1] == Halted(job_id="one")


def test_a_pause_ends_the_job_and_keeps_the_worker() -> None:
    worker = FakeWorker(one=Interrupted("pausing"))
    worker.paused = "one"
    assert worker.answer([LOAD, job("one"), job("two")])[-1] == "Rendered"
    assert Paused(job_id="one") in worker.sent
    assert worker.loads == 1


def test_a_job_that_was_paused_before_it_began_is_not_begun() -> None:
    worker = FakeWorker()
    worker.paused = "one"
    assert worker.answer([LOAD, job("one")]) == ["Ready", "Paused"]
    assert worker.used == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WeightsUnavailable("mesh.safetensors is missing."), "mesh.safetensors is missing."),
        (DeviceUnavailable("No GPU."), "No GPU."),
        (ImportError("libcudart.so"), "The installation is broken: libcudart.so"),
        (MemoryError(), "The worker ran out of memory."),
    ],
)
def test_an_engine_that_cannot_be_loaded_here_makes_the_worker_unfit(
    error: Exception, reason: str
) -> None:
    worker = FakeWorker(load_error=error)
    assert worker.answer([LOAD, job("one")]) == ["Unfit"]
    assert worker.sent == [Unfit(reason=reason)]


def test_a_bug_in_loading_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        FakeWorker(load_error=ZeroDivisionError()).answer([LOAD])


@contextmanager
def real_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-m", main.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def write(child: subprocess.Popen[bytes], message: Message) -> None:
    assert child.stdin is not None
    child.stdin.write(encode_message(message))
    child.stdin.flush()


def answer(child: subprocess.Popen[bytes]) -> Message:
    assert child.stdout is not None
    return FROM_WORKER.validate_json(child.stdout.readline())


def test_the_process_halts_on_request() -> None:
    with real_process() as child:
        write(child, Halt())
        assert answer(child) == Halted()
        assert child.wait(60) == 0


def test_the_process_ends_with_its_supervisor() -> None:
    with real_process() as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) == 0


def test_the_process_lowers_its_priority_before_it_loads(tmp_path: Path) -> None:
    nice = min(19, os.nice(0) + 2)
    folder = str(tmp_path)
    load = Load(
        engine="no such engine",
        device="cpu",
        weights=folder,
        cache=folder,
        nice=nice,
        io_priority="idle",
    )
    with real_process() as child:
        write(child, load)
        assert isinstance(answer(child), LogMessage)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == nice


def test_the_process_reports_to_its_pool_what_it_cannot_load(tmp_path: Path) -> None:
    woken = threading.Event()
    pool = WorkerPool("no such engine", tmp_path, tmp_path, on_event=woken.set)
    pool.submit(CPU, job("one"))
    events: list[WorkerEvent] = []
    while pool.occupancies():
        assert woken.wait(120)
        woken.clear()
        events += pool.poll()
    (unfit,) = [event.message for event in events if not isinstance(event.message, LogMessage)]
    assert isinstance(unfit, Unfit)
    assert "no such engine" in unfit.reason
