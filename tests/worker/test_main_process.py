"""The worker's conversation, in this process with hand-made jobs, and as a real process."""

import subprocess
import sys
import threading
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
    """As much of an engine as the conversation looks at."""

    device = Device()
    precision, precision_reason = "float32", ""
    weights_sha256 = "00"
    networks = ()
    batch = 8

    def __init__(self, name: str = "fake", warnings: tuple[str, ...] = ()) -> None:
        self.name = name
        self.warnings = warnings


class Workshop:
    """Counts what is asked of it; each job does what its id is mapped to."""

    def __init__(self, *, load_error: Exception | None = None, **errors: Exception) -> None:
        self.loads = 0
        self.relieved = 0
        self.errors = errors
        self.load_error = load_error
        self.said: list[Message] = []
        self.halted = False
        self.files = 0
        self.warnings: tuple[str, ...] = ()
        self.used: list[str] = []
        self.learned: list[str] = []

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
        self.learned.append(load.engine)

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
        self.relieved += 1

    def converse(self, *messages: ToWorker) -> list[str]:
        return self.answer(messages)

    def answer(self, messages: Iterable[ToWorker]) -> list[str]:
        """The kinds of the answers, vitals left out."""
        session = Session(
            WorkerDependencies(
                self.load,
                self.read_stamp,
                self.resolve_need,
                self.record_peak,
                self.render,
                self.release_cached_memory,
            ),
            self.said.append,
            lambda: self.halted,
        )
        session.serve(messages)
        return [type(m).__name__ for m in self.said if not isinstance(m, MemoryUsage)]


def job(name: str, engine: str | None = None) -> Render:
    return Render(job_id=name, audio="a", video="v", workspace="w", engine=engine)


def test_one_load_serves_many_jobs() -> None:
    workshop = Workshop()
    kinds = workshop.converse(LOAD, job("one"), job("two"))
    assert kinds == ["Ready", "Progress", "Rendered", "Progress", "Rendered"]
    assert workshop.loads == 1


def test_an_engine_whose_files_have_changed_is_loaded_again() -> None:
    workshop = Workshop()

    def orders() -> Iterator[ToWorker]:
        yield LOAD
        yield job("one")
        workshop.files += 1
        yield job("two")
        yield job("three")

    kinds = workshop.answer(orders())
    assert kinds == ["Ready", *JOB, "Ready", *JOB, *JOB]
    assert workshop.loads == 2


def test_a_job_may_choose_another_engine_which_stays_loaded_beside_the_usual_one() -> None:
    workshop = Workshop()
    workshop.converse(LOAD, job("one", "other"), job("two"), job("three", "other"))
    assert workshop.used == ["other", "fake", "other"]
    assert workshop.learned == workshop.used
    assert workshop.loads == 2


def test_a_job_whose_own_engine_cannot_be_loaded_waits_and_no_other() -> None:
    workshop = Workshop(other=WeightsUnavailable("no checkpoint"))
    kinds = workshop.converse(LOAD, job("one", "other"), job("two"))
    assert kinds == ["Ready", "Deferred", "Progress", "Rendered"]
    assert Deferred(job_id="one", reason="no checkpoint") in workshop.said


def test_what_an_engine_says_of_its_loading_reaches_the_log() -> None:
    workshop = Workshop()
    workshop.warnings = ("a.pth cannot be read",)
    assert workshop.converse(LOAD) == ["Ready", "Note"]
    assert workshop.said[-1] == LogMessage(level="WARNING", text="a.pth cannot be read")


def test_ready_tells_what_is_resident_and_where() -> None:
    workshop = Workshop()
    workshop.converse(LOAD)
    (ready,) = workshop.said
    assert isinstance(ready, Ready)
    assert (ready.engine, ready.device, ready.device_name) == ("fake", "cpu", "CPU")
    assert ready.vram_bytes is None
    assert ready.rss_bytes > 0
    assert ready.seconds >= 0


def test_vitals_are_sent_before_the_answer_of_a_job() -> None:
    workshop = Workshop()
    workshop.converse(LOAD, job("one"))
    assert [type(message).__name__ for message in workshop.said[-2:]] == ["Vitals", "Rendered"]


def test_the_next_job_is_taken_after_bad_input_and_after_a_fault_of_the_environment() -> None:
    workshop = Workshop(
        bad=BadInput("No face.", "Another video."), full=DeviceUnavailable("The GPU is full.")
    )
    workshop.converse(LOAD, job("bad"), job("full"), job("one"))
    assert Refused(job_id="bad", reason="No face.", remedy="Another video.") in workshop.said
    assert Deferred(job_id="full", reason="The GPU is full.") in workshop.said
    assert isinstance(workshop.said[-1], Rendered)


def test_an_out_of_memory_of_the_gpu_gives_cached_memory_back() -> None:
    workshop = Workshop(big=torch.OutOfMemoryError("CUDA out of memory."))
    assert workshop.converse(LOAD, job("big"))[-1] == "Deferred"
    assert workshop.relieved == 1


def test_a_bug_is_answered_and_ends_the_worker() -> None:
    workshop = Workshop(odd=ZeroDivisionError("division by zero"))
    assert workshop.converse(LOAD, job("odd"), job("one"))[-1] == "Crashed"
    crashed = workshop.said[-1]
    assert isinstance(crashed, Crashed)
    assert crashed.error == "ZeroDivisionError: division by zero"
    assert "test_main_process.py" in crashed.traceback


def test_halt_between_jobs_ends_the_worker() -> None:
    workshop = Workshop()
    assert workshop.converse(LOAD, job("one"), Halt(), job("two"))[-2:] == ["Rendered", "Halted"]
    assert workshop.said[-1] == Halted()


def test_halt_during_a_job_ends_it_at_its_next_chunk() -> None:
    workshop = Workshop(one=Interrupted("stopping"))
    workshop.converse(LOAD, job("one"), Halt())
    assert workshop.said[-1] == Halted(job_id="one")


def test_a_job_that_was_halted_before_it_began_is_not_begun() -> None:
    workshop = Workshop()
    workshop.halted = True
    assert workshop.converse(LOAD, job("one"), Halt()) == ["Ready", "Halted"]
    assert workshop.said[-1] == Halted(job_id="one")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WeightsUnavailable("mesh.safetensors is missing."), "mesh.safetensors is missing."),
        (DeviceUnavailable("No GPU."), "No GPU."),
        (ImportError("libcudart.so"), "The installation is broken: libcudart.so"),
        (MemoryError(), "The worker ran out of memory."),
    ],
)
def test_an_engine_that_cannot_be_loaded_here_makes_the_worker_unfit(
    error: Exception, said: str
) -> None:
    workshop = Workshop(load_error=error)
    assert workshop.converse(LOAD, job("one")) == ["Unfit"]
    assert workshop.said == [Unfit(reason=said)]


def test_a_bug_in_loading_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        Workshop(load_error=ZeroDivisionError()).converse(LOAD)


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


def test_the_process_halts_when_asked() -> None:
    with real_process() as child:
        write(child, Halt())
        assert answer(child) == Halted()
        assert child.wait(60) == 0


def test_the_process_ends_with_its_supervisor() -> None:
    with real_process() as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) == 0


def test_the_process_tells_its_pool_what_it_cannot_load(tmp_path: Path) -> None:
    heard = threading.Event()
    pool = WorkerPool("no such engine", tmp_path, tmp_path, on_event=heard.set)
    pool.submit(CPU, job("one"))
    events: list[WorkerEvent] = []
    while pool.occupancies():
        assert heard.wait(120)
        heard.clear()
        events += pool.poll()
    (unfit,) = [event.message for event in events if not isinstance(event.message, LogMessage)]
    assert isinstance(unfit, Unfit)
    assert "no such engine" in unfit.reason
