"""``jobs_per_gpu = "auto"``: a service whose GPU and processors are more or less busy."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from heygem_daemon.gpu.placement import device_choice
from heygem_daemon.protocol import Deferred, Progress
from heygem_daemon.service.gpu_capacity import REST_SECONDS, GpuCapacity
from heygem_daemon.service.gpu_slots import WINDOW_SECONDS
from heygem_daemon.service.loop import Service
from heygem_daemon.system.processor_times import ProcessorTimes
from heygem_daemon.system.processors import Processors
from tests.fakes.executor import keep_running
from tests.fakes.gpu import driver, gpu
from tests.fakes.service import ServiceHarness

DRAWING = Progress(job_id="a", stage="render", frames=1, total_frames=9)
NODES = (replace(gpu(0), utilisation=40), replace(gpu(1), utilisation=40, node="anna"))


class AutoGpu:
    """A service with one GPU whose utilisation depends on how many jobs draw on it."""

    def __init__(self, harness: ServiceHarness, percent_of_jobs: tuple[int, ...]) -> None:
        """``percent_of_jobs``: the GPU's utilisation with no job, with one, two …"""
        self.harness = harness
        self._percent_of_jobs = percent_of_jobs
        self.service: Service = harness.service()
        harness.drop(*(f"{number:02}.{end}" for number in range(12) for end in ("wav", "mp4")))

    @property
    def jobs(self) -> list[str]:
        """The ids of the jobs that run."""
        return [each.job_id for each in self.harness.executor.workers.values() if each.job_id]

    def go_on(self, seconds: float = WINDOW_SECONDS + 12) -> int:
        """Let the jobs draw for some seconds; return how many run then."""
        for _ in range(round(seconds)):
            for job_id in self.jobs:
                drawing = Progress(job_id=job_id, stage="render", frames=1, total_frames=9)
                self.harness.executor.emit_for_job(job_id, drawing)
            percent = self._percent_of_jobs[len(self.jobs)]
            self.harness.readings = driver(replace(gpu(0), utilisation=percent))
            self.harness.run_rounds(self.service, 1, every=0.5)
        return len(self.jobs)


@pytest.fixture
def harness_with_gpu(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    harness.readings = driver(gpu(0))
    harness.processors = Processors(16, 8)
    harness.executor.answer = keep_running
    harness.executor.jobs_per_gpu = 16
    harness.configure(jobs_per_gpu="auto")
    return harness


def test_jobs_are_added_until_the_gpu_is_busy(harness_with_gpu: ServiceHarness) -> None:
    auto = AutoGpu(harness_with_gpu, (0, 40, 75, 95, 99))
    assert auto.go_on(10) == 1
    assert [auto.go_on() for _ in range(4)] == [2, 3, 3, 3]
    assert harness_with_gpu.logged("jobs at a time on GPU 0 (L4): 3; it computed 75 % of the time")


def test_one_that_brings_nothing_goes_again_and_is_tried_later(
    harness_with_gpu: ServiceHarness,
) -> None:
    auto = AutoGpu(harness_with_gpu, (0, 40, 41, 41))
    assert auto.go_on() == 2
    assert auto.go_on() == 2  # no job is ended for it
    assert harness_with_gpu.logged("2 kept it computing 41 % of the time, one less 40 %")
    ended = auto.jobs[0]
    harness_with_gpu.executor.emit_for_job(ended, Deferred(job_id=ended, reason="x"))
    assert auto.go_on() == 1
    assert auto.go_on(REST_SECONDS) == 2


def test_busy_processors_keep_the_jobs_few(harness_with_gpu: ServiceHarness) -> None:
    harness_with_gpu.busy_percent = 85
    auto = AutoGpu(harness_with_gpu, (0, 40, 75, 80))
    assert auto.go_on() == 1
    harness_with_gpu.busy_percent = 50
    assert auto.go_on() == 2
    harness_with_gpu.busy_percent = 99
    auto.go_on(3 * WINDOW_SECONDS)
    assert harness_with_gpu.logged("jobs at a time on GPU 0 (L4): 2; the processors are")


def test_a_job_that_runs_out_of_memory_takes_a_place_away(harness_with_gpu: ServiceHarness) -> None:
    auto = AutoGpu(harness_with_gpu, (0, 40, 75, 95))
    assert auto.go_on() == 2
    ended = auto.jobs[1]
    full = Deferred(job_id=ended, reason="no memory", of_memory=True)
    harness_with_gpu.executor.emit_for_job(ended, full)
    assert auto.go_on() == 1
    assert harness_with_gpu.logged("jobs at a time on GPU 0 (L4): 1; a job ran out of its memory")


def test_no_more_jobs_than_cores(harness_with_gpu: ServiceHarness) -> None:
    harness_with_gpu.processors = Processors(4, 2)
    auto = AutoGpu(harness_with_gpu, (0, 20, 40, 60))
    assert [auto.go_on() for _ in range(4)] == [2, 2, 2, 2]


def test_a_gpu_that_reports_no_utilisation_renders_one_job(
    harness_with_gpu: ServiceHarness,
) -> None:
    auto = AutoGpu(harness_with_gpu, (0, 20, 40))
    auto.go_on(3)
    harness_with_gpu.readings = driver(gpu(0))
    harness_with_gpu.run_rounds(auto.service, 3 * WINDOW_SECONDS)
    assert len(auto.jobs) == 1


def test_a_gpu_of_another_machine_renders_one_job(harness_with_gpu: ServiceHarness) -> None:
    """How busy its processors are is not known here."""
    capacity = GpuCapacity(
        harness_with_gpu.settings,
        harness_with_gpu.clock,
        lambda: Processors(16, 8),
        lambda: ProcessorTimes(0, round(harness_with_gpu.clock.now * 1000)),
    )
    running = [SimpleNamespace(device=device_choice(each), progress=DRAWING) for each in NODES]
    for _ in range(round(2 * WINDOW_SECONDS)):
        capacity.want({each.uuid for each in NODES})
        harness_with_gpu.clock.now += 1
        capacity.sample(driver(*NODES), running)  # type: ignore[arg-type]
    assert [capacity.slots(each.uuid) for each in NODES] == [2, 1]
