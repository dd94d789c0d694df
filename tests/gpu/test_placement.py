"""Placement as tables of cases: from readings and occupancies to a decision."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.occupancy import CONTEXT_BYTES, WorkerOccupancy
from heygem_daemon.gpu.placement import CPU, DeviceChoice, Placed, Waiting, permitted_gpus, place
from heygem_daemon.gpu.placement_request import PlacementContext, PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.system.units import GIB

NEED = Need(resident_bytes=3 * GIB, per_frame_bytes=GIB // 8, least_batch=8)
REQUEST = PlacementRequest("builtin", lambda _name: NEED)
NO_GPU = Readings(absence="no NVIDIA driver library, libnvidia-ml.so.1")
MISMATCH = Readings(fault="the NVIDIA driver and its library have different versions")


def gpu(
    index: int,
    free_gib: float | None,
    utilisation: int | None = 0,
    fault: str | None = None,
    processes: int | None = None,
) -> GpuReading:
    """A GPU of 24 GiB, its UUID after its index."""
    return GpuReading(
        uuid=f"GPU-{index}",
        index=index,
        name="NVIDIA L4",
        total=None if free_gib is None else 24 * GIB,
        free=None if free_gib is None else int(free_gib * GIB),
        utilisation=utilisation,
        processes=processes,
        fault=fault,
    )


def with_gpus(*gpus: GpuReading) -> Readings:
    return Readings(driver="580.65.06", cuda_version="13.0", gpus=gpus)


def mig(number: int, free_gib: float, parent: int = 0) -> GpuReading:
    """An instance of 10 GiB of a divided GPU."""
    return GpuReading(
        uuid=f"MIG-{number}",
        index=parent,
        name="NVIDIA H100 MIG 1g.10gb",
        total=10 * GIB,
        free=int(free_gib * GIB),
        mig_parent=f"GPU-{parent}",
    )


def on(index: int, need: Need = NEED) -> Placed:
    device = DeviceChoice("cuda:0", f"GPU-{index}", "NVIDIA L4", index)
    return Placed(device, need.vram_bytes)


def idle(index: int, gib: float = 2, active: float = 0.5, seconds: float = 60) -> WorkerOccupancy:
    """One of our idle workers on that GPU, with the engine loaded."""
    return WorkerOccupancy(
        f"GPU-{index}",
        worker_number=10 + index,
        idle=True,
        reserved_bytes=int(gib * GIB),
        active_bytes=int(active * GIB),
        engines=frozenset({"builtin"}),
        idle_seconds=seconds,
    )


def busy(
    index: int | None, gib: float = 0, committed: float = 4, worker: int = 20
) -> WorkerOccupancy:
    """One of our workers with a job that may take ``committed`` GiB in all."""
    uuid = None if index is None else f"GPU-{index}"
    return WorkerOccupancy(
        uuid, worker, False, reserved_bytes=int(gib * GIB), committed_bytes=int(committed * GIB)
    )


ROOM = with_gpus(gpu(0, 20))
FULL = with_gpus(gpu(0, 3.25, processes=2))
TWO = with_gpus(gpu(0, 20), gpu(1, 20))
LOST = "lost to the driver; it needs a reset or a reboot"
CPU_IDLE = WorkerOccupancy(None, 1, True)


@pytest.mark.parametrize(
    ("readings", "policy", "workers", "answer"),
    [
        pytest.param(ROOM, Policy(), [], on(0), id="auto takes the GPU"),
        pytest.param(ROOM, Policy("cuda"), [], on(0), id="cuda takes the GPU"),
        pytest.param(ROOM, Policy("GPU-0"), [], on(0), id="a UUID takes that GPU"),
        pytest.param(ROOM, Policy("gpu-0"), [], on(0), id="a UUID in other case"),
        pytest.param(ROOM, Policy("cpu"), [], Placed(CPU), id="cpu leaves the GPU alone"),
        pytest.param(MISMATCH, Policy("cpu"), [], Placed(CPU), id="cpu: no care for the driver"),
        pytest.param(with_gpus(gpu(0, 4)), Policy(), [], on(0), id="just enough is enough"),
        pytest.param(with_gpus(gpu(0, None)), Policy(), [], on(0), id="unknown memory is tried"),
        pytest.param(
            with_gpus(replace(gpu(0, None), unified=True)),
            Policy(margin_bytes=GIB),
            [],
            on(0),
            id="unified memory is unknown, and is tried",
        ),
        pytest.param(FULL, Policy(), [idle(0, 1)], on(0), id="what our idle worker holds is free"),
        pytest.param(
            with_gpus(gpu(0, 0.5)),
            Policy(),
            [idle(0, gib=3.3, active=3.2)],
            on(0),
            id="our own resident model does not count against us",
        ),
        pytest.param(ROOM, Policy(), [busy(None)], on(0), id="a busy CPU does not block the GPU"),
        pytest.param(
            ROOM, Policy("cpu"), [busy(0)], Placed(CPU), id="a busy GPU does not block the CPU"
        ),
        pytest.param(ROOM, Policy("cpu"), [CPU_IDLE], Placed(CPU), id="an idle CPU is re-used"),
        pytest.param(with_gpus(gpu(0, 8), gpu(1, 20)), Policy(), [], on(1), id="the emptier one"),
        pytest.param(
            with_gpus(gpu(0, 20, 95), gpu(1, 12, 5)), Policy(), [], on(1), id="the less busy one"
        ),
        pytest.param(with_gpus(gpu(0, 3), gpu(1, 5)), Policy(), [], on(1), id="the one with room"),
        pytest.param(with_gpus(gpu(0, 9), gpu(1, 9)), Policy(), [], on(0), id="a tie is stable"),
        pytest.param(TWO, Policy(), [idle(1)], on(1), id="where the engine is loaded already"),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 20, 80)),
            Policy(),
            [idle(1)],
            on(0),
            id="away from the loaded engine, where others compute",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 20, 99)),
            Policy(others_utilisation_percent=30),
            [idle(1, seconds=1)],
            on(1),
            id="our own job of a second ago is not others' work",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 8)), Policy(), [busy(0)], on(1), id="beside our busy one"
        ),
        pytest.param(
            TWO,
            Policy(jobs_per_gpu=2),
            [busy(0, 4), idle(0)],
            on(1),
            id="balanced: the GPU without one of our jobs goes first, loaded or not",
        ),
        pytest.param(
            ROOM, Policy(jobs_per_gpu=2), [busy(0, 4)], on(0), id="a second job on one GPU"
        ),
        pytest.param(
            with_gpus(gpu(0, 20, fault=LOST), gpu(1, 8)),
            Policy("cuda"),
            [],
            on(1),
            id="not the lost one",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 8)),
            Policy("GPU-1"),
            [],
            on(1),
            id="a UUID, though another is emptier",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 8), gpu(2, 9)),
            Policy(gpus=("GPU-1", "gpu-2")),
            [],
            on(2),
            id="the emptier of those that are allowed",
        ),
        pytest.param(
            with_gpus(gpu(0, 3.9), gpu(1, 3.9), gpu(2, 4.1)),
            Policy(),
            [],
            on(2),
            id="fragmentation: only what one GPU has free counts",
        ),
    ],
)
def test_a_job_is_placed_without_a_notice(
    readings: Readings, policy: Policy, workers: list[WorkerOccupancy], answer: Placed
) -> None:
    assert place(readings, policy, REQUEST, PlacementContext(workers)) == answer


@pytest.mark.parametrize(
    ("readings", "policy", "workers", "text"),
    [
        pytest.param(NO_GPU, Policy("cuda"), [], "there is no GPU (no NVIDIA", id="cuda, no GPU"),
        pytest.param(NO_GPU, Policy("GPU-0"), [], "there is no GPU", id="a UUID without a GPU"),
        pytest.param(
            ROOM, Policy("GPU-9"), [], "present: GPU 0 (NVIDIA L4, GPU-0)", id="another UUID"
        ),
        pytest.param(
            ROOM, Policy(gpus=("GPU-8", "GPU-9")), [], "has the UUID GPU-8, GPU-9", id="not allowed"
        ),
        pytest.param(
            ROOM,
            Policy("GPU-0", gpus=("GPU-1",)),
            [],
            "'GPU-0' is not among the GPUs that the setting gpus allows",
            id="two settings that exclude each other",
        ),
        pytest.param(FULL, Policy(), [], "3.2 GiB free of 24.0, 4.0 GiB needed", id="auto, full"),
        pytest.param(FULL, Policy(), [], "(2 other processes on it)", id="tenants are named"),
        pytest.param(FULL, Policy("cuda"), [], "3.2 GiB free", id="cuda, full"),
        pytest.param(
            with_gpus(gpu(0, 4.5)),
            Policy(margin_bytes=GIB),
            [],
            "4.5 GiB free of 24.0, 4.0 GiB needed and 1.0 to stay free",
            id="the margin",
        ),
        pytest.param(
            with_gpus(gpu(0, 20, 70)),
            Policy(others_utilisation_percent=50),
            [],
            "others use 70 % of it, at most 50 % allowed (others_utilisation_percent)",
            id="others are at work",
        ),
        pytest.param(MISMATCH, Policy(), [], "different versions", id="auto, driver at fault"),
        pytest.param(MISMATCH, Policy("cuda"), [], "different versions", id="cuda, at fault"),
        pytest.param(
            with_gpus(gpu(0, 20, fault=LOST)), Policy(), [], "lost to the driver", id="auto, lost"
        ),
        pytest.param(
            ROOM,
            Policy(),
            [busy(0)],
            "busy with another job of this daemon",
            id="our own worker is busy",
        ),
        pytest.param(
            TWO,
            Policy(),
            [busy(0), busy(1)],
            "GPU 0 (NVIDIA L4, GPU-0), GPU 1 (NVIDIA L4, GPU-1): busy with another job of this"
            " daemon.",
            id="what several lack is said once",
        ),
        pytest.param(
            ROOM,
            Policy(jobs_per_gpu=2),
            [busy(0), busy(0)],
            "busy with 2 jobs of this daemon",
            id="both places are taken",
        ),
        pytest.param(
            ROOM,
            Policy(),
            [replace(busy(0), leaving=True)],
            "our last worker there is ending",
            id="its memory is about to be free",
        ),
        pytest.param(
            with_gpus(gpu(0, 7)),
            Policy(jobs_per_gpu=2),
            [busy(0, gib=0, committed=4)],
            "3.0 GiB free of 24.0, 4.0 GiB needed",
            id="what a job that loads will take is not free",
        ),
        pytest.param(NO_GPU, Policy(), [busy(None)], "busy with another job", id="our CPU is busy"),
        pytest.param(
            with_gpus(gpu(0, 1), gpu(1, 2)),
            Policy(),
            [],
            "GPU 1 (NVIDIA L4, GPU-1): 2.0",
            id="each",
        ),
        pytest.param(
            with_gpus(gpu(0, 3.9), gpu(1, 3.9), gpu(2, 3.9)),
            Policy(),
            [],
            "3.9 GiB free of 24.0, 4.0 GiB needed",
            id="fragmentation: enough in all, on no GPU alone",
        ),
    ],
)
def test_a_job_waits_and_says_why(
    readings: Readings, policy: Policy, workers: list[WorkerOccupancy], text: str
) -> None:
    answer = place(readings, policy, REQUEST, PlacementContext(workers))
    assert isinstance(answer, Waiting)
    assert text in answer.reason


def test_rule_26_what_our_idle_worker_holds_counts_as_free_and_what_a_busy_one_holds_does_not() -> (
    None
):
    """NVML reports 3.2 GiB free, and 4 are needed. It does not see that 2 are our worker's."""
    assert isinstance(place(FULL, Policy(), REQUEST, PlacementContext()), Waiting)
    assert place(FULL, Policy(), REQUEST, PlacementContext([idle(0, 2)])) == on(0)
    assert isinstance(
        place(FULL, Policy(jobs_per_gpu=2), REQUEST, PlacementContext([busy(0, 2)])), Waiting
    )


def test_a_device_that_is_set_aside_gets_no_job() -> None:
    context = PlacementContext(
        quarantined={"GPU-0": "set aside until 14:03 after a failure", None: "broken"}
    )
    assert place(TWO, Policy(), REQUEST, context) == on(1)
    answer = place(ROOM, Policy(), REQUEST, context)
    assert isinstance(answer, Waiting)
    assert answer.reason == "GPU 0 (NVIDIA L4, GPU-0): set aside until 14:03 after a failure."
    answer = place(ROOM, Policy("cpu"), REQUEST, context)
    assert answer == Waiting("CPU: broken.")


def test_two_jobs_that_start_at_the_same_moment_do_not_count_the_same_memory() -> None:
    """Rule 27: what the driver calls free may be committed already."""
    policy, readings = Policy(jobs_per_gpu=2), with_gpus(gpu(0, 7.9))
    first = place(readings, policy, REQUEST, PlacementContext())
    assert first == on(0)
    begun = WorkerOccupancy("GPU-0", 1, False, committed_bytes=first.need_bytes)
    assert isinstance(place(readings, policy, REQUEST, PlacementContext([begun])), Waiting)
    grown = replace(begun, reserved_bytes=4 * GIB - CONTEXT_BYTES)
    later = with_gpus(gpu(0, 4))
    assert place(later, policy, REQUEST, PlacementContext([grown])) == on(0)


def test_the_engine_of_another_job_makes_room_where_it_stands_in_the_way() -> None:
    """A worker with the other engine loaded would have to hold both."""
    other = replace(idle(0, gib=3.5, active=3), engines=frozenset({"wav2lip"}))
    answer = place(with_gpus(gpu(0, 1)), Policy(), REQUEST, PlacementContext([other]))
    assert isinstance(answer, Waiting)
    assert answer.retire_workers == (10,)
    assert "our idle worker there is releasing its memory" in answer.reason
    assert place(with_gpus(gpu(0, 5)), Policy(), REQUEST, PlacementContext([other])) == on(0)


def test_idle_workers_that_would_free_too_little_are_left_alone() -> None:
    other = replace(idle(0, gib=2, active=1), engines=frozenset({"wav2lip"}))
    answer = place(with_gpus(gpu(0, 1)), Policy(), REQUEST, PlacementContext([other]))
    assert isinstance(answer, Waiting)
    assert answer.retire_workers == ()


def test_a_gpu_that_only_our_own_work_occupies_is_awaited() -> None:
    readings = with_gpus(gpu(0, 5), gpu(1, 2), gpu(2, 1), gpu(3, 20, fault=LOST))
    workers = [busy(0, 9), busy(2, 9)]
    answer = place(
        readings,
        Policy(jobs_per_gpu=2),
        PlacementRequest("big", _need(10)),
        PlacementContext(workers),
    )
    assert isinstance(answer, Waiting)
    assert answer.awaited_gpus == {"GPU-0", "GPU-2"}


def test_a_gpu_that_is_kept_for_a_job_gets_no_later_one() -> None:
    context = PlacementContext(reserved_gpus=frozenset({"GPU-0"}))
    assert place(TWO, Policy(), REQUEST, context) == on(1)
    answer = place(ROOM, Policy(), REQUEST, context)
    assert isinstance(answer, Waiting)
    assert "kept for a job that goes first" in answer.reason


def test_each_kind_of_gpu_has_needs_of_its_own() -> None:
    h100 = replace(gpu(1, 20), name="NVIDIA H100")
    needs = {"NVIDIA L4": _need(30)(""), "NVIDIA H100": _need(10)("")}
    answer = place(
        with_gpus(gpu(0, 24), h100),
        Policy(),
        PlacementRequest("big", needs.__getitem__),
        PlacementContext(),
    )
    assert isinstance(answer, Placed)
    assert (answer.device.label, answer.need_bytes) == ("GPU 1 (NVIDIA H100)", 10 * GIB)


def test_mig_instances_are_devices_of_their_own() -> None:
    divided = with_gpus(mig(1, 3), mig(2, 9), mig(3, 9.5))
    placed = place(divided, Policy(), REQUEST, PlacementContext())
    assert isinstance(placed, Placed)
    assert placed.device.uuid == "MIG-3"
    beside = place(divided, Policy(), REQUEST, PlacementContext([replace(busy(0), uuid="MIG-3")]))
    assert isinstance(beside, Placed)
    assert beside.device.uuid == "MIG-2"
    named = place(divided, Policy("MIG-2"), REQUEST, PlacementContext())
    assert isinstance(named, Placed)
    assert named.device.uuid == "MIG-2"


def test_a_divided_gpu_stands_for_its_instances() -> None:
    divided = with_gpus(mig(1, 9), mig(2, 9, parent=1))
    placed = place(divided, Policy(gpus=("GPU-1",)), REQUEST, PlacementContext())
    assert isinstance(placed, Placed)
    assert placed.device.uuid == "MIG-2"
    waiting = place(with_gpus(mig(1, 3), mig(2, 3.5)), Policy("GPU-0"), REQUEST, PlacementContext())
    assert isinstance(waiting, Waiting)
    assert "GPU 0 (NVIDIA H100 MIG 1g.10gb, MIG-2): 3.5 GiB free of 10.0" in waiting.reason


def test_auto_without_a_gpu_computes_on_the_cpu_and_says_so() -> None:
    answer = place(NO_GPU, Policy(), REQUEST, PlacementContext())
    assert isinstance(answer, Placed)
    assert answer.device == CPU
    assert answer.notice is not None
    assert "libnvidia-ml.so.1" in answer.notice


def test_auto_with_a_torch_that_has_no_cuda_names_the_gpu_that_lies_idle() -> None:
    answer = place(ROOM, Policy(), REQUEST, PlacementContext(cuda_usable=False))
    assert isinstance(answer, Placed)
    assert answer.device == CPU
    assert answer.notice is not None
    assert "without CUDA" in answer.notice
    assert "NVIDIA L4" in answer.notice


@pytest.mark.parametrize("wanted", ["cuda", "GPU-0"])
def test_a_gpu_demanded_of_a_torch_that_has_no_cuda_makes_the_job_wait(wanted: str) -> None:
    answer = place(ROOM, Policy(wanted), REQUEST, PlacementContext(cuda_usable=False))
    assert isinstance(answer, Waiting)
    assert "without CUDA" in answer.reason


def _need(gib: float) -> Callable[[str], Need]:
    return lambda _name: Need(resident_bytes=int(gib * GIB), per_frame_bytes=0)


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (Policy(), ["MIG-1", "MIG-2", "GPU-1"]),
        (Policy("MIG-2"), ["MIG-2"]),
        (Policy("mig-2", gpus=("gpu-0",)), ["MIG-2"]),
        (Policy("GPU-0", gpus=("MIG-2", "GPU-1")), ["MIG-2"]),
        (Policy("GPU-0"), ["MIG-1", "MIG-2"]),
        (Policy("MIG-2", gpus=("GPU-1",)), []),
    ],
)
def test_an_instance_is_allowed_by_its_own_name_or_its_gpu_s(
    policy: Policy, found: list[str]
) -> None:
    divided = [mig(1, 8), mig(2, 8), gpu(1, 20)]
    assert [each.uuid for each in permitted_gpus(divided, policy)] == found
