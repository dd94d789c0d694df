"""Jobs on other machines: what the service shows of them, and what it does when one is lost."""

from dataclasses import replace

import pytest

from heygem_daemon.cluster.start import merge
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.gpu.reading import Readings
from heygem_daemon.protocol import Deferred, MemoryUsage
from heygem_daemon.report.metrics import format_prometheus
from tests.fakes.executor import keep_running, rendered
from tests.fakes.gpu import NO_GPU, driver, gpu
from tests.fakes.service import ServiceHarness


def drop_two(harness: ServiceHarness) -> None:
    """Drop a job for this machine and one for the node."""
    harness.nodes = (NodeCpu("anna", 1),)
    harness.executor.answer = keep_running
    harness.drop("one.wav", "one.mp4", "two.wav", "two.mp4")


def test_status_log_and_metrics_name_the_node(harness: ServiceHarness) -> None:
    drop_two(harness)
    service = harness.service()
    harness.run_rounds(service, 20)
    for worker in list(harness.executor.workers.values()):
        harness.executor.emit_for_job(worker.job_id or "", MemoryUsage(rss_bytes=5))
    harness.run_rounds(service, 3)
    status = harness.status()
    assert {each.node: each.device for each in status.jobs} == {
        "": "CPU",
        "anna": "CPU (node anna)",
    }
    assert {each.node: each.label for each in status.devices} == {
        "": "CPU",
        "anna": "CPU (node anna)",
    }
    assert harness.logged("job started on CPU (node anna)") == 1
    lines = format_prometheus(status).splitlines()
    series = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series)), "Prometheus refuses a series that is there twice"
    assert any('heygem_running_stage{device="cpu@anna",slot="1"' in each for each in series)


def test_a_job_of_a_lost_node_starts_elsewhere_at_once(harness: ServiceHarness) -> None:
    drop_two(harness)
    service = harness.service()
    harness.run_rounds(service, 20)
    places = harness.executor.places
    here = next(job for job, device in places.items() if not device.node)
    lost = next(job for job, device in places.items() if device.node)
    before = next(each for each in harness.executor.submitted if each.job_id == lost)
    harness.nodes = (NodeCpu("bert", 1),)
    harness.executor.answer = rendered
    reason = "the node anna is lost: it has not answered"
    harness.executor.emit_for_job(lost, Deferred(job_id=lost, reason=reason, of_device=True))
    harness.run_rounds(service, 3)
    assert places[lost].node == "bert"
    assert places[here] == CPU
    after = harness.executor.submitted[-1]
    assert after.workspace != before.workspace, "the lost node knows the workspace"
    assert len(harness.outbox()) >= 1
    assert harness.status().counts.published == 1


def test_a_job_that_loses_node_after_node_starts_elsewhere_within_15_s_three_times(
    harness: ServiceHarness,
) -> None:
    """Each loss is known after up to 6 s."""
    harness.executor.answer = keep_running
    harness.configure(cpu_workers=1)
    service = harness.service()
    harness.drop("here.wav", "here.mp4")
    harness.run_rounds(service, 20)
    harness.nodes = tuple(NodeCpu(name, 1) for name in ("anna", "bert", "carl", "dora"))
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    waits = []
    for _ in range(4):
        lost = harness.executor.submitted[-1].job_id
        node, orders = harness.executor.places[lost].node, len(harness.executor.submitted)
        assert node
        harness.nodes = tuple(each for each in harness.nodes if each.node != node)
        reason = f"the node {node} is lost: it has not answered"
        harness.executor.emit_for_job(
            lost, Deferred(job_id=lost, reason=reason, of_device=True, of_node=True)
        )
        if not harness.nodes:
            harness.nodes = (NodeCpu("emil", 1),)
        began = harness.clock.monotonic()
        while len(harness.executor.submitted) == orders:
            harness.run_rounds(service, 1)
        waits.append(harness.clock.monotonic() - began)
    assert all(each < 15.0 - 6.0 for each in waits[:3])
    assert waits[3] > 15.0, "the job may be to blame"


def test_the_gpu_of_a_lost_node_keeps_no_job_from_the_cpu(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    harness.readings = driver(replace(gpu(0), node="anna"))
    service = harness.service()
    harness.run_rounds(service, 5)
    harness.readings = NO_GPU
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    assert "talk.mp4" in harness.outbox()


def test_a_silent_driver_here_takes_no_gpu_away_because_a_node_has_one(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    there = (replace(gpu(1), node="anna"),)
    harness.readings = merge(driver(gpu(0)), there, cuda_here=True)
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    harness.readings = merge(Readings(fault="the driver does not answer"), there, cuda_here=True)
    harness.run_rounds(service, 60)
    assert [each.state for each in harness.status().jobs] == ["running"]
    assert harness.logged("is lost under the job") == 0
