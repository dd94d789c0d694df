"""A service with several GPUs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.protocol import (
    Crashed,
    Deferred,
    MemoryUsage,
    Progress,
    Render,
    Unfit,
)
from heygem_daemon.service.loop import Service
from heygem_daemon.system.units import GIB
from heygem_daemon.worker.executor import WorkerDied
from tests.fakes.executor import Messages, keep_running, rendered
from tests.fakes.gpu import driver, gpu
from tests.fakes.service import ServiceHarness


@pytest.fixture
def gpus(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A harness with two GPUs, whose jobs run until a test ends them."""
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    harness.readings = driver(gpu(0), gpu(1))
    harness.executor.answer = keep_running
    return harness


def finish(harness: ServiceHarness, job_id: str) -> None:
    render = next(each for each in harness.executor.submitted if each.job_id == job_id)
    for message in rendered(render):
        harness.executor.emit_for_job(job_id, message)


def finish_all(harness: ServiceHarness, service: Service) -> None:
    harness.executor.answer = rendered
    for worker in list(harness.executor.workers.values()):
        if worker.job_id is not None:
            finish(harness, worker.job_id)
    harness.run_rounds(service, 20)


def drop(harness: ServiceHarness, *names: str, sidecar: str = "") -> None:
    for name in names:
        harness.drop(f"{name}.wav", f"{name}.mp4")
        if sidecar:
            (harness.spool.inbox / f"{name}.toml").write_text(sidecar)


def at_work(harness: ServiceHarness) -> dict[str, str | None]:
    """Which job runs on which device, as the status shows it."""
    return {job.name: job.device for job in harness.status().jobs if job.state == "running"}


def test_jobs_run_on_all_gpus_at_once_and_the_next_ones_are_claimed(gpus: ServiceHarness) -> None:
    service = gpus.service()
    drop(gpus, "a", "b", "c", "d", "e", "f", "g")
    gpus.run_rounds(service, 10)
    assert at_work(gpus) == {"a": "GPU 0 (L4)", "b": "GPU 1 (L4)"}
    queued = [job for job in gpus.status().jobs if job.state == "queued"]
    assert [job.name for job in queued] == ["c", "d", "e"]  # as many as GPUs, and one ahead
    reason = "GPU 0 (L4, GPU-0), GPU 1 (L4, GPU-1): busy with another job of this daemon."
    assert [job.reason for job in queued] == [reason, "waits for its turn", "waits for its turn"]
    assert len(gpus.status().inbox) == 2
    assert gpus.status().state == "working"
    assert gpus.logged("WARNING jobs wait") == 0
    finish(gpus, gpus.executor.busy["GPU-1"])
    gpus.run_rounds(service, 2)
    assert at_work(gpus) == {"a": "GPU 0 (L4)", "c": "GPU 1 (L4)"}
    finish_all(gpus, service)
    assert len(gpus.outbox()) == 21


def test_several_jobs_on_one_gpu_if_it_is_asked_for(gpus: ServiceHarness) -> None:
    gpus.configure(jobs_per_gpu=2)
    gpus.executor.jobs_per_gpu = 2
    gpus.readings = driver(gpu(0), gpu(1))
    service = gpus.service()
    drop(gpus, "a", "b", "c", "d", "e")
    gpus.run_rounds(service, 10)
    assert list(at_work(gpus).values()) == ["GPU 0 (L4)", "GPU 1 (L4)"] * 2
    assert len(gpus.executor.workers) == 4
    finish_all(gpus, service)
    assert len(gpus.outbox()) == 15
    assert len(gpus.executor.workers) == 4


def test_a_batch_is_spread_over_the_gpus_and_told_in_order(gpus: ServiceHarness) -> None:
    service = gpus.service()
    gpus.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4", "4.mp4")
    gpus.run_rounds(service, 10)
    assert at_work(gpus) == {"show/1": "GPU 0 (L4)", "show/2": "GPU 1 (L4)"}
    finish(gpus, gpus.executor.busy["GPU-0"])
    gpus.run_rounds(service, 2)
    finish(gpus, gpus.executor.busy["GPU-0"])
    gpus.run_rounds(service, 2)
    (batch,) = gpus.status().batches
    assert batch.now == ("2", "4")
    finish_all(gpus, service)
    summary = json.loads((gpus.spool.outbox / "show" / "batch.json").read_text())
    assert [job["name"] for job in summary["jobs"]] == ["1", "2", "3", "4"]
    assert {job["state"] for job in summary["jobs"]} == {"published"}


def test_a_batch_of_which_nothing_runs_says_what_it_waits_for(gpus: ServiceHarness) -> None:
    service = gpus.service()
    drop(gpus, "a", "b")
    gpus.run_rounds(service, 10)
    gpus.drop_batch("show", "talk.wav", "1.mp4", "2.mp4")
    gpus.run_rounds(service, 10)
    (batch,) = gpus.status().batches
    busy = "GPU 0 (L4, GPU-0), GPU 1 (L4, GPU-1): busy with another job of this daemon."
    assert batch.progress == f"0 of 2 done; {busy}"


def test_a_member_that_is_put_back_keeps_its_place_in_the_list(gpus: ServiceHarness) -> None:
    service = gpus.service()
    gpus.drop_batch("show", "talk.wav", "1.mp4", "2.mp4", "3.mp4")
    gpus.run_rounds(service, 10)
    first = gpus.executor.busy["GPU-0"]
    gpus.executor.emit_for_job(
        first, Deferred(job_id=first, reason="The GPU failed.", of_device=True)
    )
    finish(gpus, gpus.executor.busy["GPU-1"])
    gpus.run_rounds(service, 8)
    (batch,) = gpus.status().batches
    assert set(gpus.executor.busy) == {"GPU-0", "GPU-1"}
    assert batch.now == ("1", "3")


def test_a_gpu_that_appears_gets_the_next_job(gpus: ServiceHarness) -> None:
    gpus.readings = driver(gpu(0))
    service = gpus.service()
    drop(gpus, "a", "b")
    gpus.run_rounds(service, 10)
    assert at_work(gpus) == {"a": "GPU 0 (L4)"}
    gpus.readings = driver(gpu(0), gpu(1))
    gpus.run_rounds(service, 5)
    assert at_work(gpus) == {"a": "GPU 0 (L4)", "b": "GPU 1 (L4)"}


def test_a_gpu_that_breaks_is_set_aside_and_its_job_goes_on_elsewhere_at_once(
    gpus: ServiceHarness,
) -> None:
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 8)
    job_id = gpus.executor.busy["GPU-0"]
    reason = "The GPU failed: an illegal memory access."
    gpus.executor.emit_for_job(job_id, Deferred(job_id=job_id, reason=reason, of_device=True))
    gpus.run_rounds(service, 1)
    assert at_work(gpus) == {"a": "GPU 1 (L4)"}
    assert gpus.logged(f"ERROR GPU 0 (L4) gets no job for 5 s: {reason}") == 1
    drop(gpus, "b")
    gpus.run_rounds(service, 3)
    assert at_work(gpus) == {"a": "GPU 1 (L4)"}
    gpus.run_rounds(service, 12)
    assert at_work(gpus) == {"a": "GPU 1 (L4)", "b": "GPU 0 (L4)"}
    finish_all(gpus, service)
    assert json.loads((gpus.spool.outbox / "a.json").read_text())["attempts"] == 1


def test_an_engine_that_one_gpu_cannot_load_is_loaded_on_the_other(gpus: ServiceHarness) -> None:
    def answer(render: Render) -> Messages:
        on = gpus.executor.places[render.job_id].uuid
        return [Unfit(reason="CUDA shows no GPU")] if on == "GPU-0" else rendered(render)

    gpus.executor.answer = answer
    drop(gpus, "a", "b", "c")
    summary = gpus.service().run_once()
    assert (summary.published, summary.left, summary.hold) == (3, 0, None)


def test_when_all_gpus_are_set_aside_the_status_says_until_when(gpus: ServiceHarness) -> None:
    gpus.executor.answer = lambda render: [Unfit(reason="CUDA shows no GPU")]
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 7)
    hold = gpus.status().hold or ""
    assert "CUDA shows no GPU" in hold
    assert "next try at" in hold
    assert gpus.status().state == "holding"
    gpus.executor.answer = rendered
    gpus.run_rounds(service, 20)
    assert len(gpus.outbox()) == 3
    assert gpus.status().hold is None


def test_a_worker_that_dies_with_its_gpu_costs_its_job_no_attempt(gpus: ServiceHarness) -> None:
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 8)
    job_id = gpus.executor.busy["GPU-0"]
    gpus.readings = driver(gpu(0, fault="it fell off the bus"), gpu(1))
    gpus.run_rounds(service, 1)
    assert gpus.logged("WARNING GPU 0 (L4) is lost under the job: it fell off the bus") == 1
    gpus.executor.emit_for_job(job_id, WorkerDied("was killed by signal 6 (SIGABRT)", job_id))
    gpus.run_rounds(service, 1)
    assert at_work(gpus) == {"a": "GPU 1 (L4)"}
    finish_all(gpus, service)
    assert json.loads((gpus.spool.outbox / "a.json").read_text())["attempts"] == 1


@pytest.mark.parametrize("lost", [(gpu(0, fault="it fell off the bus"), gpu(1)), (gpu(1),)])
def test_a_worker_that_hangs_on_a_lost_gpu_is_ended(
    gpus: ServiceHarness, lost: tuple[GpuReading, ...]
) -> None:
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 8)
    job_id = gpus.executor.busy["GPU-0"]
    gpus.readings = driver(*lost)
    gpus.run_rounds(service, 50)
    gpus.executor.emit_for_job(job_id, Progress(job_id=job_id, stage="render", chunk=1, chunks=2))
    gpus.run_rounds(service, 50)
    assert gpus.executor.killed == []
    gpus.run_rounds(service, 20)
    assert gpus.executor.killed == [job_id]
    assert at_work(gpus) == {"a": "GPU 1 (L4)"}


def test_a_job_goes_on_while_the_driver_is_merely_at_fault(gpus: ServiceHarness) -> None:
    service = gpus.service()
    drop(gpus, "a", "b")
    gpus.run_rounds(service, 8)
    gpus.readings = Readings(fault="the driver and its library have different versions")
    gpus.run_rounds(service, 200)
    assert gpus.executor.killed == []
    assert len(at_work(gpus)) == 2


def test_a_crash_on_a_sound_gpu_is_the_jobs_own(gpus: ServiceHarness) -> None:
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 8)
    job_id = gpus.executor.busy["GPU-0"]
    gpus.executor.emit_for_job(job_id, Crashed(job_id=job_id, error="ValueError: x", traceback=""))
    gpus.run_rounds(service, 1)
    (job,) = gpus.status().jobs
    assert "attempt 1 of 3 crashed" in (job.reason or "")


def test_gpus_that_vanish_are_waited_for_before_the_cpu_takes_over(gpus: ServiceHarness) -> None:
    service = gpus.service()
    gpus.run_rounds(service, 2)
    gpus.readings = Readings(absence="the NVIDIA kernel driver is not loaded")
    drop(gpus, "a")
    gpus.run_rounds(service, 500)
    assert "the GPU that was here is gone: the NVIDIA kernel driver" in (gpus.status().hold or "")
    assert gpus.executor.submitted == []
    gpus.run_rounds(service, 110)
    assert at_work(gpus) == {"a": "CPU"}
    assert gpus.logged("rendering on the CPU, which is many times slower") == 1


def test_a_job_that_lacks_a_device_holds_up_no_other(
    gpus: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The large engine fits on no GPU while a tenant is there; the small one does."""
    needs_much(monkeypatch, "wav2lip", 18)
    gpus.readings = driver(gpu(0, 8), gpu(1, 9))
    service = gpus.service()
    drop(gpus, "big", sidecar='engine = "wav2lip"\npriority = 9')
    drop(gpus, "small", "tiny")
    gpus.run_rounds(service, 10)
    assert at_work(gpus) == {"small": "GPU 1 (L4)", "tiny": "GPU 0 (L4)"}
    (big,) = [job for job in gpus.status().jobs if job.name == "big"]
    assert "8.0 GiB free of 24.0, 18.0 GiB needed and 1.0 to stay free" in (big.reason or "")
    finish_all(gpus, service)
    gpus.executor.answer = keep_running
    gpus.readings = driver(gpu(0, 20), gpu(1, 9))
    gpus.run_rounds(service, 5)
    assert at_work(gpus) == {"big": "GPU 0 (L4)"}


def test_small_jobs_do_not_keep_a_large_one_out_for_ever(
    gpus: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs a GPU: each that ends leaves too little room, if the next small one takes it."""
    needs_much(monkeypatch, "wav2lip", 20)
    gpus.configure(jobs_per_gpu=2)
    gpus.executor.jobs_per_gpu = 2
    gpus.readings = driver(gpu(0, 23))
    service = gpus.service()
    drop(gpus, "1", "2")
    gpus.run_rounds(service, 8)
    for worker in gpus.executor.workers.values():
        gpus.executor.emit_for_job(str(worker.job_id), vitals(3))
    gpus.readings = driver(gpu(0, 16))
    drop(gpus, "big", sidecar='engine = "wav2lip"\npriority = 9')
    gpus.run_rounds(service, 8)
    drop(gpus, "3")
    gpus.run_rounds(service, 8)
    first, second = (str(worker.job_id) for worker in gpus.executor.workers.values())
    finish(gpus, first)
    gpus.run_rounds(service, 5)
    assert set(at_work(gpus)) == {"2"}
    (small,) = [job for job in gpus.status().jobs if job.name == "3"]
    assert "kept for a job that goes first" in (small.reason or "")
    finish(gpus, second)
    gpus.run_rounds(service, 2)
    gpus.readings = driver(gpu(0, 23))
    gpus.run_rounds(service, 5)
    assert "big" in at_work(gpus)


def test_an_idle_worker_gives_its_memory_back_after_a_while(gpus: ServiceHarness) -> None:
    gpus.configure(idle_unload_minutes=2)
    gpus.executor.answer = rendered
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 60)
    assert gpus.executor.retired == []
    gpus.run_rounds(service, 80)
    assert gpus.executor.retired == [1]
    assert gpus.executor.workers == {}
    assert gpus.logged("INFO the idle worker on GPU 0 (L4) ends: it has had no job for 2 min") == 1
    assert not any(device.resident for device in gpus.status().devices)
    drop(gpus, "b")
    gpus.run_rounds(service, 10)
    assert len(gpus.outbox()) == 6


def test_an_idle_worker_makes_way_for_others_if_it_may(gpus: ServiceHarness) -> None:
    gpus.configure(yield_vram=True)
    gpus.executor.answer = rendered
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 20)
    gpus.readings = driver(replace(gpu(0, 0.5), processes=2), gpu(1))
    gpus.run_rounds(service, 5)
    assert gpus.executor.retired == [1]
    assert gpus.logged("others need the GPU's memory, of which 0.5 GiB are free") == 1


def test_rule_24_a_gpu_goes_by_its_uuid_whatever_number_it_has(gpus: ServiceHarness) -> None:
    gpus.executor.answer = rendered
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 10)
    renumbered = replace(gpu(0), index=1), replace(gpu(1), index=0)
    gpus.readings = driver(*renumbered)
    drop(gpus, "b")
    gpus.run_rounds(service, 10)
    assert [each.uuid for each in gpus.executor.places.values()] == ["GPU-0", "GPU-0"]
    assert len(gpus.executor.workers) == 1


def test_rule_26_what_our_worker_has_cached_is_free_for_its_next_job(
    gpus: ServiceHarness,
) -> None:
    gpus.executor.answer = rendered
    gpus.readings = driver(gpu(0))
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 10)
    worker = gpus.executor.workers[1]
    worker.reserved_bytes, worker.active_bytes = 5 * GIB, GIB
    gpus.readings = driver(gpu(0, 0.1))
    drop(gpus, "b")
    gpus.run_rounds(service, 10)
    assert len(gpus.outbox()) == 6


def test_rule_27_a_gpu_that_was_free_a_moment_ago_may_be_full_for_the_worker(
    gpus: ServiceHarness,
) -> None:
    """The check is no lock: the worker's out-of-memory puts the job back, at no cost."""
    full = iter([True])

    def answer(render: Render) -> Messages:
        if next(full, False):
            reason = "The GPU ran out of memory."
            return [Deferred(job_id=render.job_id, reason=reason, of_memory=True)]
        return rendered(render)

    gpus.executor.answer = answer
    service = gpus.service()
    drop(gpus, "a")
    gpus.run_rounds(service, 8)
    (job,) = gpus.status().jobs
    assert (job.state, job.reason) == ("deferred", "The GPU ran out of memory.")
    gpus.run_rounds(service, 10)
    assert json.loads((gpus.spool.outbox / "a.json").read_text())["attempts"] == 1


def vitals(gib: float) -> MemoryUsage:
    held = int(gib * GIB)
    return MemoryUsage(rss_bytes=1, vram_reserved_bytes=held, vram_active_bytes=held)


def needs_much(monkeypatch: pytest.MonkeyPatch, engine: str, gib: float) -> None:
    """Let an engine need so much of a GPU, and all others 3 GiB."""
    from heygem_daemon.gpu.needs import Need  # noqa: PLC0415

    def need_of(_cache: Path, requested: str, _stamp: str, _device: str) -> Need:
        needed = gib if requested == engine else 3
        return Need(resident_bytes=int(needed * GIB), per_frame_bytes=0)

    monkeypatch.setattr("heygem_daemon.service.devices.load_need", need_of)
