"""Jobs that wait for a device, or are rendered without a GPU."""

import json

import pytest

from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.protocol import Unfit
from tests.fakes.executor import rendered
from tests.fakes.service import ServiceHarness


def test_no_gpu_is_said_once_and_in_each_report(harness: ServiceHarness) -> None:
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    harness.service().run_once()
    assert harness.logged("WARNING there is no GPU") == 1
    for name in ("a", "b"):
        report = json.loads((harness.spool.outbox / f"{name}.json").read_text())
        assert "there is no GPU" in report["device_notice"]


def test_device_cuda_without_a_gpu_holds_the_queue_and_says_why(harness: ServiceHarness) -> None:
    harness.configure(device="cuda")
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    harness.run_rounds(service, 60)
    assert harness.executor.submitted == []
    assert "there is no GPU" in (harness.status().hold or "")
    assert harness.logged("WARNING jobs wait for a device") == 1
    summary = service.run_once()
    assert (summary.published, summary.left) == (0, 1)


def test_a_full_gpu_is_waited_for(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)

    def gpu(free_gib: float) -> Readings:
        return Readings(
            gpus=(GpuReading("GPU-1", 0, "H200", total=140 << 30, free=int(free_gib * 2**30)),)
        )

    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    for free in (1.0, 1.5, 0.5):
        harness.readings = gpu(free)
        harness.run_rounds(service, 10)
    assert harness.executor.submitted == []
    assert harness.logged("WARNING jobs wait for a device") == 1
    assert "GiB free" in (harness.status().hold or "")
    harness.readings = gpu(100)
    harness.run_rounds(service, 10)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.logged("INFO the queue goes on: GPU 0 (H200) can take a job") == 1
    assert harness.status().devices[0].name == "H200"


def test_an_engine_that_cannot_be_loaded_holds_the_queue_loudly(harness: ServiceHarness) -> None:
    harness.executor.answer = lambda render: [Unfit(reason="The weights are missing.")]
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
    service = harness.service()
    harness.run_rounds(service, 9)
    assert len(harness.executor.submitted) == 1
    assert "The weights are missing" in (harness.status().hold or "")
    assert harness.status().state == "holding"
    assert harness.logged("ERROR CPU gets no job for 5 s: the engine could not be loaded: The") == 1
    harness.executor.answer = rendered
    harness.run_rounds(service, 30)
    assert harness.status().hold is None
    assert len(harness.outbox()) == 6
