"""A worker's measurements of itself."""

import mmap
import threading

import pytest

from heygem_daemon.protocol import MemoryUsage
from heygem_daemon.system.host_memory import resident_bytes
from heygem_daemon.worker.wire import measure_vitals, report_vitals

BALLAST = 64 << 20


def test_resident_memory_grows_with_what_is_touched() -> None:
    before = resident_bytes()
    # From the system and not from the heap, which may have room that is resident already.
    with mmap.mmap(-1, BALLAST) as ballast:
        for page in range(0, BALLAST, mmap.PAGESIZE):
            ballast[page] = 1
        assert resident_bytes() - before > BALLAST // 2


def test_a_worker_on_the_cpu_has_no_video_memory() -> None:
    vitals = measure_vitals(on_gpu=False)
    assert vitals.rss_bytes > 0
    assert vitals.vram_reserved_bytes is None
    assert vitals.vram_active_bytes is None


def test_vitals_are_sent_during_the_block_and_once_at_its_end() -> None:
    sent: list[MemoryUsage] = []
    twice = threading.Event()

    def send(vitals: MemoryUsage) -> None:
        sent.append(vitals)
        if len(sent) == 2:
            twice.set()

    with report_vitals(lambda: MemoryUsage(rss_bytes=1), send, every_seconds=0.001):
        assert twice.wait(60)
    count = len(sent)
    assert count >= 3
    assert "vitals" not in {thread.name for thread in threading.enumerate()}


def test_vitals_are_sent_at_the_end_of_a_block_that_fails() -> None:
    sent: list[MemoryUsage] = []

    def fail() -> None:
        with report_vitals(lambda: MemoryUsage(rss_bytes=1), sent.append, every_seconds=600):
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        fail()
    assert len(sent) == 1
