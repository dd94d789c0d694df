"""A service with several workers on the CPU."""

from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.engines.checkpoints import weights_fingerprint
from heygem_daemon.gpu.needs import Need, save_need
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import MemoryUsage, Progress, Render
from heygem_daemon.report.metrics import format_prometheus
from heygem_daemon.system.installation import shipped_weights
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_gpus import at_work, drop, finish, finish_all
from tests.service.test_pauses import owners

__all__ = ["owners"]


@pytest.fixture
def cpu(harness: ServiceHarness) -> ServiceHarness:
    """A harness with three workers on the CPU, whose jobs run until a test ends them."""
    harness.configure(cpu_workers=3)
    harness.processors = Processors(8, 8)
    harness.executor.answer = keep_running
    return harness


def renders(harness: ServiceHarness) -> dict[str, Render]:
    """The orders to the workers, by the content of the audio."""
    return {Path(each.audio).read_text(): each for each in harness.executor.submitted}


def test_jobs_run_side_by_side_each_in_a_slot(cpu: ServiceHarness) -> None:
    service = cpu.service()
    drop(cpu, "a", "b", "c", "d", "e", "f")
    cpu.run_rounds(service, 10)
    assert at_work(cpu) == {"a": "CPU, worker 1", "b": "CPU, worker 2", "c": "CPU, worker 3"}
    queued = [job for job in cpu.status().jobs if job.state == "queued"]
    assert [job.name for job in queued] == ["d", "e", "f"][: len(queued)]
    assert queued[0].reason == "The CPU's 3 workers are busy with other jobs."
    assert cpu.logged("started on CPU, worker 2, attempt 1") == 1
    finish(cpu, renders(cpu)["b.wav"].job_id)
    cpu.run_rounds(service, 3)
    assert at_work(cpu)["d"] == "CPU, worker 2"
    finish_all(cpu, service)
    assert len([name for name in cpu.outbox() if name.endswith(".mp4")]) == 6
    assert len(cpu.executor.workers) == 3, "workers keep their engines for the next jobs"


def test_jobs_that_run_or_wait_share_cores_and_memory(cpu: ServiceHarness) -> None:
    service = cpu.service()
    drop(cpu, "alone")
    cpu.run_rounds(service, 8)
    drop(cpu, "b", "c", "d", "e")
    cpu.run_rounds(service, 8)
    orders = renders(cpu)
    assert orders["alone.wav"].cores == 8, "nobody else needs them"
    assert [orders[f"{name}.wav"].cores for name in "bc"] == [2, 2]
    assert {each.memory_bytes for each in orders.values()} == {16 * GIB}, "of 64, one part is left"
    assert cpu.logged("jobs that the CPU renders at a time: 3, threads for each: 2") == 1


def test_the_number_of_threads_that_an_operator_asks_for_counts(cpu: ServiceHarness) -> None:
    cpu.configure(threads=4)
    service = cpu.service()
    drop(cpu, "a", "b", "c")
    cpu.run_rounds(service, 8)
    assert {each.cores for each in renders(cpu).values()} == {4}


def test_auto_has_one_worker_until_the_engine_was_measured(harness: ServiceHarness) -> None:
    harness.processors = Processors(4, 4)
    harness.executor.answer = keep_running
    service = harness.service()
    drop(harness, "a", "b", "c", "d", "e")
    harness.run_rounds(service, 10)
    assert at_work(harness) == {"a": "CPU"}
    assert renders(harness)["a.wav"].memory_bytes == 0, "half of all, as ever"
    need = Need(resident_bytes=0, per_frame_bytes=0, host_bytes=GIB, measured=True)
    stamp = weights_fingerprint(shipped_weights(), harness.settings.checkpoints)
    save_need(harness.spool.cache, harness.settings.engine, stamp, CPU.name, need)
    harness.run_rounds(service, 10)
    assert set(at_work(harness)) == {"a", "b", "c", "d"}
    assert at_work(harness)["d"] == "CPU, worker 4"


def test_each_slot_is_seen_in_the_status_and_in_the_metrics(cpu: ServiceHarness) -> None:
    service = cpu.service()
    drop(cpu, "a", "b")
    cpu.run_rounds(service, 8)
    for render in renders(cpu).values():
        cpu.executor.emit_for_job(render.job_id, MemoryUsage(rss_bytes=5))
        cpu.executor.emit_for_job(render.job_id, Progress(job_id=render.job_id, stage="track"))
    cpu.run_rounds(service, 2)
    assert [(each.label, each.jobs) for each in cpu.status().devices] == [
        ("CPU, worker 1", ("a",)),
        ("CPU, worker 2", ("b",)),
    ]
    metrics = format_prometheus(cpu.status())
    assert 'heygem_worker_resident_bytes{device="cpu"} 10' in metrics
    assert metrics.count("heygem_worker_resident_bytes{") == 1
    finish(cpu, renders(cpu)["a.wav"].job_id)
    cpu.run_rounds(service, 2)
    assert 'heygem_running_stage{device="cpu",slot="2",stage="track"} 1' in format_prometheus(
        cpu.status()
    ), "the job keeps its slot when another ends"


def test_members_of_a_batch_leave_a_slot_to_single_jobs(cpu: ServiceHarness) -> None:
    service = cpu.service()
    cpu.drop_batch("show", "talk.wav", *(f"{number}.mp4" for number in range(1, 7)))
    drop(cpu, "single", "another")
    cpu.run_rounds(service, 10)
    running = at_work(cpu)
    assert len(running) == 3
    assert any(not name.startswith("show/") for name in running)
    finish_all(cpu, service)
    cpu.run_rounds(service, 20)
    assert {"single.mp4", "another.mp4", "show"} <= set(cpu.outbox())


def test_a_long_job_makes_room_though_memory_leaves_a_slot_empty(
    cpu: ServiceHarness, owners: None
) -> None:
    cpu.free_memory = 4 * GIB
    service = cpu.service()
    drop(cpu, "a-long")
    cpu.run_rounds(service, 60)
    long = renders(cpu)["a-long.wav"].job_id
    cpu.executor.answer = rendered
    drop(cpu, "b-short")
    cpu.run_rounds(service, 100)
    assert cpu.executor.paused == [long]
    assert "b-short.mp4" in cpu.outbox()


def test_fewer_workers_after_a_reload(cpu: ServiceHarness) -> None:
    service = cpu.service()
    drop(cpu, "a", "b", "c")
    cpu.run_rounds(service, 8)
    changed = Settings.model_validate({**cpu.settings.model_dump(), "cpu_workers": 1})
    cpu.reloaded = lambda: changed
    service.request_reload()
    cpu.run_rounds(service, 2)
    drop(cpu, "d")
    finish(cpu, renders(cpu)["b.wav"].job_id)
    cpu.run_rounds(service, 10)
    assert at_work(cpu) == {"a": "CPU, worker 1", "c": "CPU, worker 3"}, "who runs goes on"
    assert cpu.logged("the idle worker on CPU ends: the CPU has fewer workers now") == 1
    finish_all(cpu, service)
    assert {each.device.slot for each in cpu.executor.workers.values()} == {1}
    assert "d.mp4" in cpu.outbox()
