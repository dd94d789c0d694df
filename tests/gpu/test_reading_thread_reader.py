"""The thread that reads the GPUs, with a fake source."""

import threading
from collections.abc import Iterator
from queue import Queue

import pytest
from loguru import logger

from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.reading_thread import GpuReader, retry_pause_seconds

PATIENCE = 30.0
FIRST = Readings(gpus=(GpuReading("GPU-a", 0, "NVIDIA L4"),))
SECOND = Readings(fault="the versions differ")


class FakeSource:
    """Waits for a test to put readings, or an exception to raise, into ``answers``."""

    def __init__(self) -> None:
        self.answers: Queue[Readings | Exception] = Queue()
        self.requested = threading.Semaphore(0)
        self.closed = threading.Event()

    def read(self) -> Readings:
        self.requested.release()
        answer = self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed.set()


class Bench:
    """A reader, its source, its clock and its log."""

    def __init__(self) -> None:
        self.source = FakeSource()
        self.now = 0.0
        self.log: list[str] = []
        self.reader = GpuReader(self.source, lambda: self.now)

    def answer(self, answer: Readings | Exception) -> None:
        """Give the reader an answer, and wait until it requests the next one."""
        self.source.answers.put(answer)
        assert self.source.requested.acquire(timeout=PATIENCE)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("heygem_daemon.gpu.reading_thread.READ_INTERVAL_SECONDS", 0.001)
    made = Bench()
    sink = logger.add(lambda line: made.log.append(str(line)), format="{level} {message}")
    made.reader.start(0.0)
    assert made.source.requested.acquire(timeout=PATIENCE)
    yield made
    made.source.answers.put(FIRST)
    made.reader.close()
    logger.remove(sink)


def test_before_the_first_answer_nothing_may_be_placed(bench: Bench) -> None:
    assert bench.reader.latest() == Readings(fault="the NVIDIA driver has not answered yet")


def test_the_latest_answer_is_given_again_until_there_is_a_newer_one(bench: Bench) -> None:
    bench.answer(FIRST)
    assert bench.reader.latest() is FIRST
    assert bench.reader.latest() is FIRST
    bench.answer(SECOND)
    assert bench.reader.latest() is SECOND


def test_a_driver_that_hangs_is_a_fault_that_says_for_how_long(bench: Bench) -> None:
    bench.answer(FIRST)
    bench.now += 9.0
    assert bench.reader.latest() is FIRST
    bench.now += 3.0
    assert bench.reader.latest().fault == "the NVIDIA driver has not answered for 12 s; see dmesg"
    assert bench.reader.latest().gpus == ()
    bench.answer(FIRST)
    assert bench.reader.latest() is FIRST
    assert "WARNING the NVIDIA driver answers again, after 12 s\n" in bench.log


def test_rule_29_after_an_unknown_error_the_driver_is_asked_again_ever_more_seldom() -> None:
    assert [retry_pause_seconds(failures) for failures in range(9)] == [
        1,
        1,
        2,
        4,
        8,
        16,
        30,
        30,
        30,
    ]
    assert retry_pause_seconds(100_000) == 30


def test_a_bug_in_reading_is_logged_and_ends_nothing(bench: Bench) -> None:
    bench.answer(ZeroDivisionError("division by zero"))
    assert "a bug of this program" in (bench.reader.latest().fault or "")
    assert any("ZeroDivisionError" in line for line in bench.log)
    bench.answer(FIRST)
    assert bench.reader.latest() is FIRST


def test_what_changes_is_said_in_the_log_once(bench: Bench) -> None:
    for answer in (FIRST, SECOND, SECOND, FIRST):
        bench.answer(answer)
    assert [line for line in bench.log if "versions differ" in line] == [
        "ERROR no GPU can be used: the versions differ\n"
    ]


def test_a_start_waits_for_the_first_answer_and_begins_once(bench: Bench) -> None:
    waiting = threading.Thread(target=bench.reader.start, args=[PATIENCE])
    waiting.start()
    bench.answer(FIRST)
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert sum(thread.name == "gpu-reader" for thread in threading.enumerate()) == 1


def test_the_source_is_closed_by_the_thread_that_used_it(bench: Bench) -> None:
    closing = threading.Thread(target=bench.reader.close)
    closing.start()
    bench.source.answers.put(FIRST)
    closing.join(PATIENCE)
    assert bench.source.closed.wait(PATIENCE)


def test_a_reader_that_was_never_started_can_be_closed() -> None:
    GpuReader(FakeSource()).close()


def test_a_reading_that_nobody_renews_is_not_trusted_for_ever(bench: Bench) -> None:
    """Also where the thread that should do so has ended."""
    bench.answer(FIRST)
    bench.source.answers.put(FIRST)
    bench.reader.close()
    bench.now += 60.0
    assert "has not answered" in (bench.reader.latest().fault or "")
