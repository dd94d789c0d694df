"""The pool with a fake worker that dies, hangs or writes garbage on demand."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.config.stall_limits import StallLimits
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import CPU, DeviceChoice
from heygem_daemon.protocol import (
    Crashed,
    FromWorker,
    Halted,
    LogMessage,
    Paused,
    Progress,
    Ready,
    Render,
    Rendered,
    Unfit,
)
from heygem_daemon.worker.executor import Executor, WorkerDied, WorkerEvent
from heygem_daemon.worker.handle import WorkerHandle, describe_exit
from heygem_daemon.worker.pool import MAX_MESSAGES, WorkerPool, worker_environment
from heygem_daemon.worker.process import ProcessExited
from tests.fakes.clock import FakeClock
from tests.worker.fake_worker import REPORTS

FAKE = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))
GPU = DeviceChoice("cuda:0", "GPU-aaaa", "NVIDIA L4")
PATIENCE = 60.0
"""Seconds until a test gives up; nothing is expected to take them."""
LOOK_SECONDS = 0.2
"""Seconds until a service looks what has happened, where nothing wakes it."""


class Desk:
    """A minimal service: it submits jobs, and collects events until the one it waits for."""

    def __init__(self, engine: str = "fake") -> None:
        self.woken = threading.Event()
        self.wakes = 0
        """How often it has been woken."""
        self.clock = FakeClock(0.0)
        self.pool = WorkerPool(
            engine,
            Path("weights"),
            Path("cache"),
            stall_limits=StallLimits(900, {"render": 100}),
            on_event=self._wake,
            command=FAKE,
            clock=self.clock,
        )
        self.events: list[WorkerEvent] = []

    def submit(
        self, job: str, device: DeviceChoice = CPU, need_bytes: int = 0, engine: str | None = None
    ) -> None:
        render = Render(job_id=job, audio="a", video="v", workspace="w", engine=engine)
        self.pool.submit(device, render, need_bytes)

    def wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, self.events
            self.woken.wait(LOOK_SECONDS)
            self.look()

    def _wake(self) -> None:
        self.wakes += 1
        self.woken.set()

    def look(self) -> None:
        """Collect what has happened."""
        self.woken.clear()
        self.events += self.pool.poll()

    def wait_for(self, kind: type, count: int = 1) -> None:
        self.wait(lambda: len(self.messages(kind)) >= count)

    def wait_until_empty(self) -> None:
        self.wait(lambda: not self.pool.occupancies())

    def messages(self, kind: type) -> list[object]:
        return [event.message for event in self.events if isinstance(event.message, kind)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.pool.close(0)


def pid_of(ready: object) -> int:
    """Return a worker's process id, which the fake worker sends as its memory."""
    assert isinstance(ready, Ready)
    return ready.rss_bytes


def is_running(pid: int) -> bool:
    """Return whether there is such a process, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_pool_is_an_executor() -> None:
    pool: Executor = WorkerPool("fake", Path("w"), Path("c"), command=FAKE)
    assert pool.occupancies() == ()
    assert pool.poll() == []


def test_progress_wakes_nobody(desk: Desk) -> None:
    desk.submit("chunked")
    desk.wait_for(Progress)
    time.sleep(LOOK_SECONDS)
    assert desk.wakes == len(desk.messages(Ready)) == 1


def test_a_worker_with_much_progress_does_not_wait_for_the_next_look(desk: Desk) -> None:
    desk.submit("many reports")
    while not desk.messages(Rendered):
        assert desk.woken.wait(PATIENCE)
        desk.look()
    assert len(desk.messages(Progress)) == 1 + REPORTS


def test_each_slot_of_the_cpu_has_a_worker_of_its_own(desk: Desk) -> None:
    first, second = (replace(CPU, slot=slot, slots=2) for slot in (1, 2))
    desk.submit("1", first)
    desk.submit("2", second)
    desk.wait_for(Rendered, 2)
    desk.submit("3", replace(CPU, slot=2))
    desk.wait_for(Rendered, 3)
    assert len({pid_of(each) for each in desk.messages(Ready)}) == 2
    assert {each.slot: each.worker_number for each in desk.pool.occupancies()} == {1: 1, 2: 2}
    ended = [each for each in desk.events if isinstance(each.message, Rendered)]
    assert ended[-1].worker_number == 2
    assert ended[-1].device.label == "CPU", "as the device is called now"


def test_the_engine_is_loaded_once_for_two_jobs(desk: Desk) -> None:
    desk.submit("one")
    desk.wait_for(Rendered)
    desk.submit("two")
    desk.wait_for(Rendered, 2)
    assert len(desk.messages(Ready)) == 1
    assert [type(event.message).__name__ for event in desk.events] == [
        "Ready",
        *("Progress", "MemoryUsage", "Rendered"),
        *("Progress", "MemoryUsage", "Rendered"),
    ]
    assert {event.device for event in desk.events} == {CPU}


def test_each_device_has_a_worker_of_its_own(desk: Desk) -> None:
    desk.submit("one", CPU)
    desk.submit("two", GPU)
    desk.wait_for(Rendered, 2)
    assert len({pid_of(ready) for ready in desk.messages(Ready)}) == 2
    assert {event.device for event in desk.events} == {CPU, GPU}


def test_what_is_held_follows_the_worker_s_own_measurements(desk: Desk) -> None:
    desk.submit("hang", GPU, need_bytes=5000)
    assert desk.pool.occupancies() == (
        WorkerOccupancy("GPU-aaaa", 1, idle=False, committed_bytes=5000),
    )
    desk.wait_for(Ready)
    loaded = WorkerOccupancy(
        "GPU-aaaa",
        worker_number=1,
        idle=False,
        reserved_bytes=1000,
        active_bytes=1000,
        committed_bytes=5000,
        engines=frozenset({"fake"}),
    )
    assert desk.pool.occupancies() == (loaded,)
    desk.submit("one", CPU)
    desk.wait_for(Rendered)
    desk.clock.now = 7.0
    assert desk.pool.occupancies()[1] == WorkerOccupancy(
        None,
        worker_number=2,
        idle=True,
        reserved_bytes=3000,
        active_bytes=2000,
        engines=frozenset({"fake"}),
        idle_seconds=7.0,
    )


def test_a_second_job_on_a_busy_device_gets_a_worker_of_its_own(desk: Desk) -> None:
    desk.submit("hang", GPU)
    desk.submit("one", GPU)
    desk.wait_for(Rendered)
    assert [(worker.worker_number, worker.idle) for worker in desk.pool.occupancies()] == [
        (1, False),
        (2, True),
    ]
    desk.submit("two", GPU)
    desk.wait_for(Rendered, 2)
    desk.wait_for(Progress, 3)
    assert len(desk.messages(Ready)) == 2
    assert {(event.worker_number, event.job_id) for event in desk.events} == {
        (1, "hang"),
        (2, "one"),
        (2, "two"),
    }


def test_a_job_goes_to_the_idle_worker_that_has_its_engine(desk: Desk) -> None:
    desk.submit("one", GPU)
    desk.submit("two", GPU, engine="other")
    desk.wait_for(Rendered, 2)
    assert [worker.engines for worker in desk.pool.occupancies()] == [{"fake"}, {"fake", "other"}]
    desk.submit("three", GPU, engine="other")
    desk.wait_for(Rendered, 3)
    assert desk.events[-1].worker_number == 2


def test_an_idle_worker_is_retired_and_gives_its_memory_back(desk: Desk) -> None:
    desk.submit("one", GPU)
    desk.wait_for(Rendered)
    desk.pool.retire(1)
    (worker,) = desk.pool.occupancies()
    assert (worker.idle, worker.leaving) == (False, True)
    desk.wait_until_empty()
    assert [(event.message, event.worker_number) for event in desk.events][-1] == (Halted(), 1)
    desk.pool.retire(1)  # it is gone
    desk.submit("two", GPU)
    desk.wait_for(Rendered, 2)
    assert desk.events[-1].worker_number == 2


def test_a_worker_with_a_job_is_not_retired(desk: Desk) -> None:
    desk.submit("hang", GPU)
    desk.pool.retire(1)
    assert not desk.pool.occupancies()[0].leaving


def test_a_job_s_worker_is_killed_on_demand(desk: Desk) -> None:
    desk.submit("hang", GPU)
    desk.wait_for(Progress)
    desk.pool.kill("another", "was not meant")
    desk.pool.kill("hang", "lost its GPU")
    desk.wait_for(WorkerDied)
    assert desk.messages(WorkerDied) == [WorkerDied("lost its GPU", "hang")]


def test_a_worker_that_dies_is_reported_with_its_last_lines_and_replaced(desk: Desk) -> None:
    desk.submit("segfault")
    desk.wait_for(WorkerDied)
    (died,) = desk.messages(WorkerDied)
    assert died == WorkerDied(
        "was killed by signal 11 (SIGSEGV)", "segfault", ("decoding", "about to break")
    )
    assert desk.pool.occupancies() == ()
    desk.submit("one")
    desk.wait_for(Rendered)
    assert len({pid_of(ready) for ready in desk.messages(Ready)}) == 2


def test_sigkill_is_attributed_to_memory(desk: Desk) -> None:
    desk.submit("killed")
    desk.wait_for(WorkerDied)
    (died,) = desk.messages(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert "signal 9 (SIGKILL), as the kernel does when memory runs out" in died.reason


@pytest.mark.parametrize("job", ["hang", "hang with vitals"])
def test_a_worker_without_progress_is_killed(desk: Desk, job: str) -> None:
    desk.submit(job)
    desk.wait_for(Progress)
    desk.clock.now = 99.0
    desk.events += desk.pool.poll()
    assert not desk.messages(WorkerDied)
    desk.clock.now = 101.0
    desk.events += desk.pool.poll()
    desk.wait_for(WorkerDied)
    assert desk.messages(WorkerDied) == [
        WorkerDied("made no progress for 100 s in the stage render and was killed", job)
    ]


def test_an_idle_worker_may_be_silent_for_ever(desk: Desk) -> None:
    desk.submit("one")
    desk.wait_for(Rendered)
    desk.clock.now = 1e6
    desk.pool.poll()
    desk.submit("two")
    desk.wait_for(Rendered, 2)
    assert len(desk.messages(Ready)) == 1


def test_what_is_no_message_is_reported_and_does_no_harm(desk: Desk) -> None:
    desk.submit("garbage")
    desk.wait_for(Rendered)
    notes = [note for note in desk.messages(LogMessage) if isinstance(note, LogMessage)]
    assert [note.level for note in notes] == ["WARNING"] * 3
    assert "Downloading 50%" in notes[0].text


def test_a_worker_that_met_a_bug_leaves_without_another_report(desk: Desk) -> None:
    desk.submit("crash")
    desk.wait_for(Crashed)
    assert desk.pool.occupancies() == ()
    assert not desk.messages(WorkerDied)
    desk.submit("one")
    desk.wait_for(Rendered)


def test_a_worker_that_cannot_load_says_why_and_leaves() -> None:
    desk = Desk(engine="unfit")
    desk.submit("one")
    desk.wait_until_empty()
    assert [event.message for event in desk.events] == [Unfit(reason="no weights")]


def test_a_worker_that_dies_while_loading_is_no_fault_of_its_job() -> None:
    desk = Desk(engine="broken")
    desk.submit("one")
    desk.wait_until_empty()
    assert desk.messages(Unfit) == [
        Unfit(
            reason="the worker exited with status 1 while loading:"
            " OSError: libcublas.so.12: cannot open"
        )
    ]
    assert not desk.messages(WorkerDied)


def test_halt_ends_the_job_at_its_chunk_and_the_worker_with_it(desk: Desk) -> None:
    desk.submit("chunked")
    desk.submit("one", GPU)
    desk.wait_for(Progress, 2)
    desk.wait_for(Rendered)
    desk.pool.halt()
    desk.wait_until_empty()
    assert desk.messages(Halted) == [Halted(job_id="chunked"), Halted()] or (
        desk.messages(Halted) == [Halted(), Halted(job_id="chunked")]
    )
    assert not desk.messages(WorkerDied)


def test_a_pause_keeps_the_worker_and_its_engine(desk: Desk) -> None:
    desk.submit("chunked")
    desk.wait_for(Progress)
    desk.pool.pause("another")
    desk.pool.pause("chunked")
    desk.wait_for(Paused)
    desk.submit("one")
    desk.wait_for(Rendered)
    assert desk.messages(Paused) == [Paused(job_id="chunked")]
    assert len(desk.messages(Ready)) == 1, "the engine stays loaded"
    assert {event.worker_number for event in desk.events} == {1}
    assert not desk.messages(Halted)


def test_close_leaves_time_for_the_chunk(desk: Desk) -> None:
    desk.submit("chunked")
    desk.wait_for(Progress)
    desk.pool.close(PATIENCE)
    assert Halted(job_id="chunked") in [event.message for event in desk.pool.poll()]


def test_close_kills_the_worker_and_what_it_started(desk: Desk) -> None:
    desk.submit("hang with a child")
    desk.wait_for(LogMessage)
    worker = pid_of(desk.messages(Ready)[0])
    (note,) = desk.messages(LogMessage)
    assert isinstance(note, LogMessage)
    desk.pool.close(0)
    assert not is_running(worker)
    died = [event.message for event in desk.pool.poll()][-1]
    assert isinstance(died, WorkerDied)
    assert died.job_id == "hang with a child"
    assert "had not finished" in died.reason
    # The grandchild is reaped by init, in its own time.
    deadline = time.monotonic() + PATIENCE
    while _state(int(note.text)) not in ("Z", None):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _state(pid: int) -> str | None:
    """A process' state letter (proc(5)), None where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def test_no_descriptor_thread_or_zombie_is_left_behind() -> None:
    def resources() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = resources()
    for job in ("one", "segfault", "crash", "hang"):
        desk = Desk()
        desk.submit(job)
        desk.wait_for(Progress)
        desk.pool.close(0)
        assert not is_running(pid_of(desk.messages(Ready)[0]))
    assert resources() == before


def test_a_worker_that_cannot_be_started_is_an_error_of_the_caller() -> None:
    pool = WorkerPool("fake", Path("w"), Path("c"), command=("/nowhere/python",))
    with pytest.raises(OSError, match="nowhere"):
        pool.submit(CPU, Render(job_id="one", audio="a", video="v", workspace="w"))
    assert pool.occupancies() == ()


def test_rule_24_a_worker_sees_its_gpu_alone_and_cannot_speak_to_systemd(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    desk.submit("environment", GPU)
    desk.wait_for(Rendered)
    (note,) = desk.messages(LogMessage)
    assert isinstance(note, LogMessage)
    environment = json.loads(note.text)
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-aaaa"
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(environment)


def test_a_worker_on_the_cpu_sees_no_gpu() -> None:
    assert worker_environment({"PATH": "/bin"}, CPU) == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "1",
        "OMP_WAIT_POLICY": "passive",
        "OPENBLAS_NUM_THREADS": "1",
    }


@pytest.mark.parametrize(
    ("returncode", "text"),
    [(0, "status 0"), (3, "status 3"), (-6, "signal 6 (SIGABRT)"), (-200, "signal 200 (unknown)")],
)
def test_an_exit_is_described(returncode: int, text: str) -> None:
    assert text in describe_exit(returncode)


def test_rule_19_the_supervisor_s_side_imports_no_heavy_library() -> None:
    program = (
        "import sys, heygem_daemon.worker.pool, heygem_daemon.gpu.nvml;"
        " import heygem_daemon.doctor.examination;"
        " assert not {'torch', 'av', 'numpy'} & set(sys.modules)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program]) == 0


def test_a_message_that_raises_ends_its_worker_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = WorkerHandle.handle_message

    def broken(self: WorkerHandle, message: FromWorker, now: float) -> list[WorkerEvent]:
        if isinstance(message, Progress) and message.job_id == "evil":
            raise RecursionError
        return real(self, message, now)

    monkeypatch.setattr(WorkerHandle, "handle_message", broken)
    desk.submit("evil")
    desk.submit("talk", GPU)
    desk.wait_for(Rendered)
    desk.wait_for(WorkerDied)
    (died,) = desk.messages(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert died.job_id == "evil"
    assert "could not handle (RecursionError)" in died.reason


def test_the_end_of_a_worker_is_told_whatever_it_raises(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: WorkerHandle, _exited: ProcessExited) -> list[WorkerEvent]:
        raise MemoryError

    monkeypatch.setattr(WorkerHandle, "final_events", broken)
    desk.submit("killed")
    desk.wait_for(WorkerDied)
    (died,) = desk.messages(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert died.job_id == "killed"
    assert not desk.pool.occupancies()


def test_a_worker_cannot_end_the_job_of_another(desk: Desk) -> None:
    desk.submit("chunked")
    desk.submit("usurper", GPU)
    desk.wait_for(WorkerDied)
    (died,) = desk.messages(WorkerDied)
    assert isinstance(died, WorkerDied)
    assert died.job_id == "usurper"
    assert "does not have" in died.reason
    assert desk.messages(Rendered) == []


def test_a_worker_that_floods_the_wire_holds_nobody(desk: Desk) -> None:
    desk.submit("flood")
    desk.submit("talk", GPU)
    desk.wait_for(Rendered)
    events = desk.pool.poll()
    assert len(events) <= MAX_MESSAGES
    assert desk.pool._queue.qsize() <= MAX_MESSAGES
