"""Workers of other machines draw chunks of a long job, and may be lost while they do."""

from pathlib import Path

import pytest

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.gpu.placement_request import NodeCpu
from heygem_daemon.protocol import Assisted, Crashed, Deferred, Render
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.assistants import AssistantFolders
from heygem_daemon.worker.executor import WorkerDied
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness
from tests.service.test_chunk_sharing import assistants, drawing, owner_of_chunks
from tests.service.test_gpus import at_work, drop, finish

LOST = "the node anna is lost: it has not answered for 6 s"
ANNA, BERT = NodeCpu("anna", 1), NodeCpu("bert", 1)


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A service with one worker, and a node whose worker draws chunks of its long job."""
    harness.executor.answer = keep_running
    harness.nodes = (ANNA,)
    service = harness.service()
    drop(harness, "long")
    harness.run_rounds(service, 8)
    job_id = owner_of_chunks(harness).job_id
    assert not harness.executor.places[job_id].node
    harness.executor.emit_for_job(job_id, drawing(job_id))
    harness.run_rounds(service, 8)
    assert len(assistants(harness)) == 1
    return service


def work_of(harness: ServiceHarness) -> Path:
    return Path(owner_of_chunks(harness).workspace)


def draw(order: Render, number: int) -> None:
    (Path(order.assistant) / f"segment-{number:05d}.mp4").write_bytes(b"chunk")


def lose(harness: ServiceHarness, order: Render) -> None:
    lost = Deferred(job_id=order.job_id, reason=LOST, of_device=True, of_node=True)
    harness.executor.emit_for_job(order.job_id, lost)


def test_a_worker_of_a_node_draws_chunks_and_all_say_so(
    harness: ServiceHarness, service: Service
) -> None:
    (order,) = assistants(harness)
    assert harness.executor.places[order.job_id].node == "anna"
    assert Path(order.assistant).parent == work_of(harness)
    assert Path(order.assistant).is_dir()
    assert at_work(harness) == {"long": "CPU; CPU (node anna)"}
    assert harness.logged("CPU (node anna) draws chunks of it too") == 1


def test_what_it_has_finished_is_taken_at_once(harness: ServiceHarness, service: Service) -> None:
    (order,) = assistants(harness)
    harness.executor.emit_for_job(order.job_id, drawing(order.job_id))
    harness.run_rounds(service, 2)
    draw(order, 4)
    (Path(order.assistant) / ".segment-00005.draft.mp4").write_bytes(b"half")
    harness.executor.emit_for_job(
        order.job_id, drawing(order.job_id).model_copy(update={"chunk": 6})
    )
    harness.run_rounds(service, 2)
    assert [path.name for path in work_of(harness).glob("*segment*")] == ["segment-00004.mp4"]


def test_a_lost_node_loses_its_chunk_and_its_folder(
    harness: ServiceHarness, service: Service
) -> None:
    (order,) = assistants(harness)
    draw(order, 3)
    harness.nodes = (BERT,)
    lose(harness, order)
    harness.run_rounds(service, 4)
    assert not Path(order.assistant).exists()
    assert (work_of(harness) / "segment-00003.mp4").exists()
    assert harness.logged(f"draws no more chunks of it: {LOST}") == 1
    (other,) = assistants(harness)
    assert harness.executor.places[other.job_id].node == "bert"
    (job,) = harness.status().jobs
    assert (job.state, job.attempt) == ("running", 1)
    finish(harness, owner_of_chunks(harness).job_id)
    harness.run_rounds(service, 8)
    assert "long.mp4" in harness.outbox()


def test_a_node_that_is_back_helps_again_but_not_for_ever(
    harness: ServiceHarness, service: Service
) -> None:
    for _ in range(2):
        (order,) = assistants(harness)
        lose(harness, order)
        harness.run_rounds(service, 4)
    assert assistants(harness) == [], "the job may be to blame"


@pytest.mark.parametrize("end", ["nothing left", "a crash", "a death"])
def test_what_fails_on_a_node_may_succeed_on_another(
    harness: ServiceHarness, service: Service, end: str
) -> None:
    (order,) = assistants(harness)
    messages = {
        "nothing left": Assisted(job_id=order.job_id, chunks=0),
        "a crash": Crashed(job_id=order.job_id, error="KeyError: 7", traceback=""),
        "a death": WorkerDied("was killed by signal 9 (SIGKILL)", order.job_id),
    }
    harness.nodes = (ANNA, BERT)
    harness.executor.emit_for_job(order.job_id, messages[end])  # type: ignore[arg-type]
    harness.run_rounds(service, 8)
    (other,) = assistants(harness)
    assert harness.executor.places[other.job_id].node == "bert"


def test_workers_here_draw_chunks_of_a_job_on_a_node(harness: ServiceHarness) -> None:
    harness.executor.answer = keep_running
    harness.nodes = (NodeCpu("anna", 2),)
    service = harness.service()
    drop(harness, "here", "there")
    harness.run_rounds(service, 12)
    places = harness.executor.places
    here = next(job for job, device in places.items() if not device.node)
    there = next(job for job, device in places.items() if device.node)
    finish(harness, here)
    harness.executor.emit_for_job(there, drawing(there))
    harness.run_rounds(service, 8)
    assert {harness.executor.places[each.job_id].label for each in assistants(harness)} == {
        "CPU",
        "CPU, worker 2 (node anna)",
    }
    assert list(at_work(harness).values()) == ["CPU, workers 1, 2 (node anna); CPU"]


def test_without_memory_here_a_node_helps(harness: ServiceHarness) -> None:
    harness.configure(cpu_workers=2)
    harness.executor.answer = keep_running
    service = harness.service()
    drop(harness, "long")
    harness.run_rounds(service, 8)
    harness.nodes, harness.free_memory = (ANNA,), 0
    job_id = owner_of_chunks(harness).job_id
    harness.executor.emit_for_job(job_id, drawing(job_id))
    harness.run_rounds(service, 8)
    assert [harness.executor.places[each.job_id].node for each in assistants(harness)] == ["anna"]


def test_a_hanging_one_can_write_nothing_when_its_job_has_ended(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.executor, "pause", lambda _id: None)
    (order,) = assistants(harness)
    draw(order, 2)
    owner = owner_of_chunks(harness)
    harness.executor.emit_for_job(owner.job_id, WorkerDied("died", owner.job_id))
    harness.run_rounds(service, 2)
    assert (work_of(harness) / "segment-00002.mp4").exists(), "the next attempt goes on with it"
    assert not Path(order.assistant).exists()


def test_a_folder_that_cannot_be_taken_is_taken_later(
    harness: ServiceHarness, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = assistants(harness)
    harness.nodes = ()

    def fail(_self: AssistantFolders, _folder: Path) -> None:
        raise SpoolUnavailable("the share hangs")

    with monkeypatch.context() as patched:
        patched.setattr(AssistantFolders, "close", fail)
        lose(harness, order)
        harness.run_rounds(service, 4)
        assert Path(order.assistant).exists()
    harness.run_rounds(service, 8)
    assert not Path(order.assistant).exists()
