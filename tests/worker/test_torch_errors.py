"""Errors of a GPU in the real worker process, as its pool sees them."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.protocol import Deferred, FromWorker, LogMessage, Ready, Render, Rendered, Unfit
from heygem_daemon.worker.executor import WorkerDied
from heygem_daemon.worker.pool import WorkerPool

FAILING = (sys.executable, "-m", "tests.worker.failing_worker")
GPU = DeviceChoice("cpu", "GPU-aaaa", "NVIDIA L4")
"""A GPU to the pool; the made-up engine computes nothing."""


class Desk:
    """Submits one job after the other to one worker."""

    def __init__(self, engine: str = "fake") -> None:
        self.heard = threading.Event()
        self.pool = WorkerPool(
            engine, Path("w"), Path("c"), on_event=self.heard.set, command=FAILING
        )

    def ends(self, job: str) -> FromWorker | WorkerDied:
        """How ``job`` ends."""
        self.pool.submit(GPU, Render(job_id=job, audio="a", video="v", workspace="w"))
        while True:
            for event in self.pool.poll():
                if isinstance(event.message, Deferred | Rendered | Unfit | WorkerDied):
                    return event.message
                assert (
                    isinstance(event.message, LogMessage | Ready) or event.message.kind == "vitals"
                )
            assert self.heard.wait(120)
            self.heard.clear()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.pool.close(0)


def test_a_broken_gpu_defers_the_job_and_ends_the_worker(desk: Desk) -> None:
    end = desk.ends("illegal access")
    assert isinstance(end, Deferred)
    assert end.of_device
    assert not end.of_memory
    assert end.reason == (
        "The GPU failed: a computation on it touched memory that is not its own "
        "(CUDA error: an illegal memory access was encountered)"
    )
    assert desk.pool.occupancies() == ()
    assert isinstance(desk.ends("good"), Rendered)


@pytest.mark.parametrize("job", ["out of memory", "out of host memory"])
def test_rule_27_too_little_memory_defers_the_job_and_keeps_the_worker(
    desk: Desk, job: str
) -> None:
    end = desk.ends(job)
    assert isinstance(end, Deferred)
    assert end.of_memory
    assert not end.of_device
    assert len(desk.pool.occupancies()) == 1
    assert isinstance(desk.ends("good"), Rendered)


def test_a_gpu_that_is_broken_at_the_load_makes_the_worker_unfit() -> None:
    desk = Desk("illegal access")
    end = desk.ends("good")
    desk.pool.close(0)
    assert isinstance(end, Unfit)
    assert end.of_device
    assert end.reason.startswith("The GPU failed: ")
