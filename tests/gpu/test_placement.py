"""Placement as tables of cases: readings and holdings in, a decision out."""

import pytest

from heygem_daemon.gpu.placement import CPU, GIB, DeviceChoice, Held, Need, Placed, Waiting, place
from heygem_daemon.gpu.reading import GpuReading, Readings

NEED = Need(4 * GIB)
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


def on(index: int) -> DeviceChoice:
    return DeviceChoice("cuda:0", f"GPU-{index}", "NVIDIA L4")


ROOM = with_gpus(gpu(0, 20))
FULL = with_gpus(gpu(0, 3.25, processes=2))


@pytest.mark.parametrize(
    ("readings", "wanted", "held", "device"),
    [
        pytest.param(ROOM, "auto", [], on(0), id="auto takes the GPU"),
        pytest.param(ROOM, "cuda", [], on(0), id="cuda takes the GPU"),
        pytest.param(ROOM, "GPU-0", [], on(0), id="a UUID takes that GPU"),
        pytest.param(ROOM, "gpu-0", [], on(0), id="a UUID in other case"),
        pytest.param(ROOM, "cpu", [], CPU, id="cpu leaves the GPU alone"),
        pytest.param(MISMATCH, "cpu", [], CPU, id="cpu does not care about the driver"),
        pytest.param(with_gpus(gpu(0, 4)), "auto", [], on(0), id="just enough is enough"),
        pytest.param(with_gpus(gpu(0, None)), "auto", [], on(0), id="unknown memory is tried"),
        pytest.param(
            FULL, "auto", [Held("GPU-0", GIB, True)], on(0), id="what our idle worker holds is free"
        ),
        pytest.param(
            ROOM, "auto", [Held(None, 0, False)], on(0), id="a busy CPU does not block the GPU"
        ),
        pytest.param(
            ROOM, "cpu", [Held("GPU-0", GIB, False)], CPU, id="a busy GPU does not block the CPU"
        ),
        pytest.param(ROOM, "cpu", [Held(None, 0, True)], CPU, id="an idle CPU worker is re-used"),
        pytest.param(with_gpus(gpu(0, 8), gpu(1, 20)), "auto", [], on(1), id="the emptier one"),
        pytest.param(
            with_gpus(gpu(0, 20, 95), gpu(1, 12, 5)), "auto", [], on(1), id="the less busy one"
        ),
        pytest.param(with_gpus(gpu(0, 3), gpu(1, 5)), "auto", [], on(1), id="the one with room"),
        pytest.param(with_gpus(gpu(0, 9), gpu(1, 9)), "auto", [], on(0), id="a tie is stable"),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 18)),
            "auto",
            [Held("GPU-1", 2 * GIB, True)],
            on(1),
            id="where the engine is loaded already",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 8)),
            "auto",
            [Held("GPU-0", 2 * GIB, False)],
            on(1),
            id="beside our own busy worker",
        ),
        pytest.param(
            with_gpus(gpu(0, 20, fault="lost to the driver"), gpu(1, 8)),
            "cuda",
            [],
            on(1),
            id="not the lost one",
        ),
        pytest.param(
            with_gpus(gpu(0, 20), gpu(1, 8)),
            "GPU-1",
            [],
            on(1),
            id="a UUID, though another is emptier",
        ),
    ],
)
def test_a_job_is_placed_without_a_notice(
    readings: Readings, wanted: str, held: list[Held], device: DeviceChoice
) -> None:
    assert place(readings, wanted, NEED, held) == Placed(device)


@pytest.mark.parametrize(
    ("readings", "wanted", "held", "said"),
    [
        pytest.param(NO_GPU, "cuda", [], "there is no GPU (no NVIDIA", id="cuda without a GPU"),
        pytest.param(NO_GPU, "GPU-0", [], "there is no GPU", id="a UUID without a GPU"),
        pytest.param(ROOM, "GPU-9", [], "present: GPU 0 (NVIDIA L4, GPU-0)", id="another UUID"),
        pytest.param(FULL, "auto", [], "3.2 GiB free of 24.0, 4.0 GiB needed", id="auto, full"),
        pytest.param(FULL, "auto", [], "(2 other processes on it)", id="other tenants are named"),
        pytest.param(FULL, "cuda", [], "3.2 GiB free", id="cuda, full"),
        pytest.param(MISMATCH, "auto", [], "different versions", id="auto, driver at fault"),
        pytest.param(MISMATCH, "cuda", [], "different versions", id="cuda, driver at fault"),
        pytest.param(
            with_gpus(gpu(0, 20, fault="lost to the driver")),
            "auto",
            [],
            "lost to the driver",
            id="auto, lost",
        ),
        pytest.param(
            ROOM, "auto", [Held("GPU-0", GIB, False)], "another job of ours", id="ours is busy"
        ),
        pytest.param(
            NO_GPU, "auto", [Held(None, 0, False)], "busy with another job", id="our CPU is busy"
        ),
        pytest.param(
            with_gpus(gpu(0, 1), gpu(1, 2)), "auto", [], "GPU 1 (NVIDIA L4, GPU-1): 2.0", id="each"
        ),
    ],
)
def test_a_job_waits_and_says_why(
    readings: Readings, wanted: str, held: list[Held], said: str
) -> None:
    answer = place(readings, wanted, NEED, held)
    assert isinstance(answer, Waiting)
    assert said in answer.reason


def test_auto_without_a_gpu_computes_on_the_cpu_and_says_so() -> None:
    answer = place(NO_GPU, "auto", NEED, [])
    assert isinstance(answer, Placed)
    assert answer.device == CPU
    assert answer.notice is not None
    assert "libnvidia-ml.so.1" in answer.notice


def test_auto_with_a_torch_that_has_no_cuda_names_the_gpu_that_lies_idle() -> None:
    answer = place(ROOM, "auto", NEED, [], cuda_usable=False)
    assert isinstance(answer, Placed)
    assert answer.device == CPU
    assert answer.notice is not None
    assert "without CUDA" in answer.notice
    assert "NVIDIA L4" in answer.notice


@pytest.mark.parametrize("wanted", ["cuda", "GPU-0"])
def test_a_gpu_demanded_of_a_torch_that_has_no_cuda_makes_the_job_wait(wanted: str) -> None:
    answer = place(ROOM, wanted, NEED, [], cuda_usable=False)
    assert isinstance(answer, Waiting)
    assert "without CUDA" in answer.reason
