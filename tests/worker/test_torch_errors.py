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

pytestmark = pytest.mark.slow

FAILING = (sys.executable, "-m", "tests.worker.failing_worker")
GPU = DeviceChoice("cpu", "GPU-aaaa", "NVIDIA L4")
"""A GPU to the pool; the fake engine computes nothing."""


class Desk:
    """Submits one job after the other to one worker."""

    def __init__(self, engine: str = "fake") -> None:
        self.woken = threading.Event()
        self.pool = WorkerPool(
            engine, Path("w"), Path("c"), on_event=self.woken.set, command=FAILING
        )

    def outcome_of(self, job: str) -> FromWorker | WorkerDied:
        """Return how ``job`` ends."""
        self.pool.submit(GPU, Render(job_id=job, audio="a", video="v", workspace="w"))
        while True:
            for event in self.pool.poll():
                if isinstance(event.message, Deferred | Rendered | Unfit | WorkerDied):
                    return event.message
                assert (
                    isinstance(event.message, LogMessage | Ready) or event.message.kind == "vitals"
                )
            assert self.woken.wait(120)
            self.woken.clear()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.pool.close(0)


def test_a_broken_gpu_defers_the_job_and_ends_the_worker(desk: Desk) -> None:
    outcome = desk.outcome_of("illegal access")
    assert isinstance(outcome, Deferred)
    assert outcome.of_device
    assert not outcome.of_memory
    assert outcome.reason == (
        "The GPU failed: a computation on it touched memory that is not its own "
        "(CUDA error: an illegal memory access was encountered)"
    )
    assert desk.pool.occupancies() == ()
    assert isinstance(desk.outcome_of("good"), Rendered)


@pytest.mark.parametrize("job", ["out of memory", "out of host memory"])
def test_rule_27_too_little_memory_defers_the_job_and_keeps_the_worker(
    desk: Desk, job: str
) -> None:
    outcome = desk.outcome_of(job)
    assert isinstance(outcome, Deferred)
    assert outcome.of_memory
    assert not outcome.of_device
    assert len(desk.pool.occupancies()) == 1
    assert isinstance(desk.outcome_of("good"), Rendered)


def test_a_gpu_that_is_broken_at_the_load_makes_the_worker_unfit() -> None:
    desk = Desk("illegal access")
    outcome = desk.outcome_of("good")
    desk.pool.close(0)
    assert isinstance(outcome, Unfit)
    assert outcome.of_device
    assert outcome.reason.startswith("The GPU failed: ")
