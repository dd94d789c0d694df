"""Evidence of the GPUs, collected by the whole service while its jobs run."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from heygem_daemon.gpu.placement import DeviceChoice
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.protocol import MemoryUsage, Progress, Render, Rendered
from heygem_daemon.service.loop import Service
from heygem_daemon.worker.executor import WorkerDied
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness

MIB = 1 << 20
H200 = GpuReading(
    "GPU-1",
    0,
    "H200",
    total=140 << 30,
    free=120 << 30,
    used=20 << 30,
    utilisation=80,
    temperature=60,
    power=400.0,
    processes=1,
)
DEVICE = DeviceChoice("cuda:0", "GPU-1", "H200")


@dataclass
class GpuHarness:
    """A service with one GPU, whose jobs run until a test ends them."""

    harness: ServiceHarness
    service: Service

    def gpu(self, **figures: Any) -> None:
        """Set what the driver reports from now on."""
        self.harness.readings = Readings(gpus=(replace(H200, **figures),))

    def start(self, name: str, stage: str = "render") -> Render:
        """Drop a pair and let it run until the worker reports ``stage``."""
        self.harness.drop(f"{name}.wav", f"{name}.mp4")
        self.harness.run_rounds(self.service, 8)
        render = self.harness.executor.submitted[-1]
        self.emit(Progress.model_validate({"job_id": render.job_id, "stage": stage}))
        return render

    def emit(self, message: Any) -> None:
        self.harness.executor.emit(DEVICE, message)
        self.harness.run_rounds(self.service, 1.5)

    def finish(self, render: Render, active: int | None = None) -> dict[str, Any]:
        """Let the job succeed, and return its report."""
        *_, answer = rendered(render)
        assert isinstance(answer, Rendered)
        self.emit(MemoryUsage(rss_bytes=1, vram_reserved_bytes=active, vram_active_bytes=active))
        self.emit(answer)
        reports = self.harness.spool.outbox.glob("*.json")
        newest = max(reports, key=lambda path: path.stat().st_mtime_ns)
        report: dict[str, Any] = json.loads(newest.read_text())
        return report

    def metrics(self) -> str:
        return (self.harness.spool.state / "metrics.prom").read_text()


@pytest.fixture
def bench(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> GpuHarness:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    harness.executor.answer = keep_running
    made = GpuHarness(harness, harness.service())
    made.gpu()
    return made


def test_a_busy_gpu_is_in_the_report_by_mean_and_peak(bench: GpuHarness) -> None:
    render = bench.start("talk")
    bench.harness.run_rounds(bench.service, 10)
    bench.gpu(utilisation=100, temperature=70, used=30 << 30, power=600.0)
    bench.harness.run_rounds(bench.service, 10)
    report = bench.finish(render)
    evidence = report["evidence"]
    assert evidence["note"] is None
    assert evidence["seconds_sampled"] == pytest.approx(report["seconds"], abs=2)
    assert 85 < evidence["inference"]["utilisation_percent"]["mean"] < 95
    assert evidence["inference"]["utilisation_percent"]["peak"] == 100
    assert evidence["memory_bytes"]["peak"] == 30 << 30
    assert evidence["temperature_celsius"]["peak"] == 70
    assert evidence["power_watts"]["peak"] == 600
    assert set(evidence["stages"]) == {"load", "render"}
    assert report["warnings"] == ["Teeth are painted."]
    assert bench.harness.status().warnings == ()
    assert "heygem_last_job_gpu_utilization_ratio 0." in bench.metrics()


def test_a_gpu_that_sleeps_is_told_once_in_log_status_metrics_and_report(bench: GpuHarness) -> None:
    render = bench.start("talk")
    bench.gpu(utilisation=0)
    bench.harness.run_rounds(bench.service, 200)
    assert bench.harness.logged("WARNING GPU asleep") == 1
    (warning,) = bench.harness.status().warnings
    assert (warning.kind, warning.job, warning.uuid) == ("asleep", "talk", "GPU-1")
    report = bench.finish(render)
    assert bench.harness.logged("WARNING GPU asleep") == 1
    assert [text.split(":")[0] for text in report["warnings"]] == [
        "Teeth are painted.",
        "GPU asleep",
    ]
    assert 'heygem_gpu_warnings_total{kind="asleep"} 1' in bench.metrics()
    assert 'heygem_gpu_warning{kind="asleep",uuid="GPU-1"} 1.0' in bench.metrics()


def test_a_later_job_that_is_well_takes_the_warning_back(bench: GpuHarness) -> None:
    bench.gpu(utilisation=0)
    render = bench.start("first")
    bench.harness.run_rounds(bench.service, 10)
    assert bench.harness.logged("WARNING GPU asleep") == 0
    bench.finish(render)
    assert bench.harness.logged("WARNING GPU asleep") == 1
    bench.gpu(utilisation=80)
    render = bench.start("second")
    bench.harness.run_rounds(bench.service, 10)
    bench.finish(render)
    assert bench.harness.status().warnings == ()
    assert 'heygem_gpu_warnings_total{kind="asleep"} 1' in bench.metrics()


def test_heat_and_throttling_are_told_while_the_job_runs(bench: GpuHarness) -> None:
    bench.start("talk")
    bench.gpu(temperature=91, throttled=("too hot",))
    bench.harness.run_rounds(bench.service, 70)
    assert bench.harness.logged("WARNING GPU too hot") == 1
    assert bench.harness.logged("WARNING GPU throttled") == 1
    assert {warning.kind for warning in bench.harness.status().warnings} == {"hot", "throttled"}
    (device,) = bench.harness.status().devices
    assert device.throttled == ("too hot",)


def test_memory_that_creeps_from_job_to_job_is_told(bench: GpuHarness) -> None:
    for number in range(6):
        render = bench.start(f"job{number}")
        report = bench.finish(render, active=(1000 + 100 * number) * MIB)
    assert bench.harness.logged("WARNING GPU memory creeps: 500 MiB more") == 1
    assert "GPU memory creeps" in report["warnings"][-1]
    assert [warning.kind for warning in bench.harness.status().warnings] == ["creep"]
    render = bench.start("job7")
    bench.emit(WorkerDied("was killed by signal 11 (SIGSEGV)", render.job_id))
    assert bench.harness.status().warnings == ()


def test_a_driver_that_says_nothing_is_no_sleeping_gpu(bench: GpuHarness) -> None:
    render = bench.start("talk")
    bench.harness.readings = Readings(fault="the NVIDIA driver does not answer")
    bench.harness.run_rounds(bench.service, 30)
    report = bench.finish(render)
    assert report["evidence"]["inference"]["seconds_silent"] == pytest.approx(30, abs=2)
    assert bench.harness.logged("GPU asleep") == 0


def test_a_job_on_the_cpu_says_so_and_nobody_asks_the_driver(harness: ServiceHarness) -> None:
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 10)
    report = json.loads((harness.spool.outbox / "talk.json").read_text())
    assert report["evidence"] == {
        "note": "Computed on the CPU: no GPU was used.",
        "seconds_sampled": 0,
        "host": {"cpu_seconds": None, "cores_busy": None, "peak_rss_bytes": None},
    }
    assert (
        'heygem_jobs_total{outcome="published"} 1'
        in (harness.spool.state / "metrics.prom").read_text()
    )


def test_zero_turns_a_warning_off(bench: GpuHarness) -> None:
    bench.harness.configure(asleep_percent=0, hot_celsius=0)
    bench.service = bench.harness.service()
    bench.gpu(utilisation=0, temperature=99)
    render = bench.start("talk")
    bench.harness.run_rounds(bench.service, 100)
    bench.finish(render)
    assert bench.harness.status().warnings == ()
    assert bench.harness.logged("WARNING GPU") == 0
