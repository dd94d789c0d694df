"""Jobs on other machines: what the service shows of them, and what it does when one is lost."""

from heygem_daemon.gpu.placement import CPU
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.protocol import Deferred, MemoryUsage
from heygem_daemon.report.metrics import format_prometheus
from tests.fakes.executor import keep_running, rendered
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
