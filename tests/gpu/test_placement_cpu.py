"""The CPU as a device with slots: which slot the next job gets."""

from dataclasses import replace

import pytest

from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.placement import CPU, Placed, Waiting, cpu_key, device_choice, place
from heygem_daemon.gpu.placement_request import NodeCpu, PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings

REQUEST = PlacementRequest("builtin", lambda _name: Need(resident_bytes=0, per_frame_bytes=0))


def busy(slot: int) -> WorkerOccupancy:
    return WorkerOccupancy(None, 10 + slot, idle=False, slot=slot)


def idle(slot: int, engine: str = "builtin") -> WorkerOccupancy:
    return WorkerOccupancy(None, 10 + slot, True, engines=frozenset({engine}), slot=slot)


@pytest.mark.parametrize(
    ("slots", "workers", "slot"),
    [
        pytest.param(1, [], 1, id="the only one"),
        pytest.param(1, [idle(1)], 1, id="the only one has a worker already"),
        pytest.param(4, [], 1, id="the first"),
        pytest.param(4, [busy(1), busy(2)], 3, id="the next"),
        pytest.param(4, [busy(1), busy(3)], 2, id="the one between"),
        pytest.param(4, [busy(1), idle(4)], 4, id="where a worker is, not a new one"),
        pytest.param(4, [idle(2, "wav2lip"), idle(4)], 4, id="where the engine is loaded"),
        pytest.param(2, [busy(1), idle(2), idle(3)], 2, id="not a slot that is no more"),
        pytest.param(2, [busy(3)], 1, id="beside a job in a slot that is no more"),
        pytest.param(2, [WorkerOccupancy("GPU-0", 1, False), busy(1)], 2, id="beside a GPU's"),
    ],
)
def test_a_job_gets_a_free_slot(slots: int, workers: list[WorkerOccupancy], slot: int) -> None:
    answer = place(Readings(), Policy("cpu"), REQUEST, PlacementContext(workers, cpu_slots=slots))
    assert answer == Placed(replace(CPU, slot=slot, slots=slots))


@pytest.mark.parametrize(
    ("slots", "workers", "reason"),
    [
        (1, [busy(1)], "The CPU's worker is busy with another job."),
        (2, [busy(1), busy(2), idle(3)], "The CPU's 2 workers are busy with other jobs."),
        (1, [busy(2), idle(1)], "The CPU's worker is busy with another job."),
    ],
)
def test_a_job_waits_while_no_slot_is_free(
    slots: int, workers: list[WorkerOccupancy], reason: str
) -> None:
    answer = place(Readings(), Policy("cpu"), REQUEST, PlacementContext(workers, cpu_slots=slots))
    assert answer == Waiting(reason)


def test_a_worker_that_leaves_has_its_slot_until_it_is_gone() -> None:
    leaving = WorkerOccupancy(None, 1, idle=False, leaving=True, slot=1)
    context = PlacementContext([leaving], cpu_slots=2)
    answer = place(Readings(), Policy("cpu"), REQUEST, context)
    assert answer == Placed(replace(CPU, slot=2, slots=2))


def test_the_slot_is_named_where_there_are_several() -> None:
    assert CPU.label == "CPU"
    assert replace(CPU, slot=2, slots=4).label == "CPU, worker 2"


def on_node(worker: WorkerOccupancy, node: str = "anna") -> WorkerOccupancy:
    return replace(worker, node=node)


@pytest.mark.parametrize(
    ("workers", "node", "slot"),
    [
        pytest.param([], "", 1, id="the daemon's machine first"),
        pytest.param([busy(1)], "anna", 1, id="where fewer slots are taken"),
        pytest.param([on_node(busy(1))], "", 1, id="jobs of a node take no slot here"),
        pytest.param([busy(1), on_node(busy(1))], "anna", 2, id="the node's next slot"),
        pytest.param([on_node(idle(2))], "anna", 2, id="where the engine is loaded"),
        pytest.param([on_node(idle(1), "gone")], "", 1, id="not on a node that is gone"),
    ],
)
def test_a_job_gets_a_slot_of_any_machine(
    workers: list[WorkerOccupancy], node: str, slot: int
) -> None:
    context = PlacementContext(workers, cpu_slots=1, nodes=[NodeCpu("anna", 2)])
    answer = place(Readings(), Policy("cpu"), REQUEST, context)
    assert isinstance(answer, Placed)
    assert (answer.device.node, answer.device.slot) == (node, slot)


def test_a_node_that_failed_gets_no_job_for_a_while() -> None:
    context = PlacementContext(
        [busy(1)], {cpu_key("anna"): "cut off"}, cpu_slots=1, nodes=[NodeCpu("anna", 2)]
    )
    assert place(Readings(), Policy("cpu"), REQUEST, context) == Waiting("CPU: cut off.")


def test_the_node_is_named_where_it_is_not_the_daemons_machine() -> None:
    assert replace(CPU, slot=2, slots=4, node="anna").label == "CPU, worker 2 (node anna)"
    gpu = GpuReading("GPU-1", 0, "NVIDIA L4", node="anna")
    assert device_choice(gpu).label == "GPU 0 (NVIDIA L4) (node anna)"
    assert device_choice(gpu).place == ("GPU-1", 1, "anna")
