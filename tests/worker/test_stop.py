"""A worker ends within ten seconds of a stop, whatever it does and whether it listens or not."""

import sys
import threading
import time
from pathlib import Path

import pytest

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Halted, LogMessage, Progress, Render
from heygem_daemon.worker.executor import WorkerEvent
from heygem_daemon.worker.pool import WorkerPool
from heygem_daemon.worker.wire import STOP_SECONDS, end_unless_stopped

DEAF = (sys.executable, "-m", "tests.worker.deaf_worker")
PATIENCE = 240.0
"""Seconds until a test gives up; nothing is expected to take them."""
STAGES = ("probe", "listen", "track", "render", "join", "review")


def test_a_block_that_ends_in_time_is_left_alone() -> None:
    ended: list[str] = []
    halted = threading.Event()
    with end_unless_stopped(halted.is_set, lambda: ended.append("x"), 2.0, 0.01):
        (watch,) = (thread for thread in threading.enumerate() if thread.name == "stop")
        halted.set()
    watch.join(PATIENCE)
    assert not watch.is_alive()
    assert ended == []


def test_a_block_that_goes_on_after_a_stop_is_ended() -> None:
    ended = threading.Event()
    halted = threading.Event()
    with end_unless_stopped(halted.is_set, ended.set, 0.05, 0.01):
        assert not ended.wait(0.2)  # without a stop it may take as long as it likes
        halted.set()
        assert ended.wait(PATIENCE)


def test_a_stop_is_answered_within_ten_seconds() -> None:
    assert STOP_SECONDS < 10


@pytest.mark.slow
def test_a_worker_that_hears_nothing_ends_in_each_stage(tmp_path: Path) -> None:
    woken = threading.Event()
    pools = {
        stage: WorkerPool("fake", tmp_path, tmp_path, on_event=woken.set, command=DEAF)
        for stage in STAGES
    }
    pools["load"] = WorkerPool("deaf", tmp_path, tmp_path, on_event=woken.set, command=DEAF)
    events: dict[str, list[WorkerEvent]] = {stage: [] for stage in pools}
    try:
        for stage, pool in pools.items():
            pool.submit(CPU, Render(job_id=stage, audio="a", video="v", workspace="w"))
        _poll_until(pools, events, woken, (Progress, LogMessage))
        for pool in pools.values():
            pool.halt()
        _poll_until(pools, events, woken, (Halted,))
    finally:
        for pool in pools.values():
            pool.close(0.0)
    for stage, seen in events.items():
        last = seen[-1]
        assert isinstance(last.message, Halted), seen
        assert last.job_id == stage


def _poll_until(
    pools: dict[str, WorkerPool],
    events: dict[str, list[WorkerEvent]],
    woken: threading.Event,
    kinds: tuple[type, ...],
) -> None:
    """Collect events until each pool had one of ``kinds``."""
    deadline = time.monotonic() + PATIENCE
    while not all(any(isinstance(e.message, kinds) for e in seen) for seen in events.values()):
        assert time.monotonic() < deadline, events
        woken.wait(1.0)
        woken.clear()
        for stage, pool in pools.items():
            events[stage] += pool.poll()
