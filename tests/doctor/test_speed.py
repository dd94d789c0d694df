"""The doctor's findings about speed, from what was measured."""

from dataclasses import replace

import pytest

from heygem_daemon.doctor.answers import DeviceSpeed, EngineSpeed, MatrixProduct
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.speed import MeasuredGpu, speed_checks
from heygem_daemon.gpu.reading import GpuReading

GPU = GpuReading("GPU-a", 1, "NVIDIA L4")
CPU = DeviceSpeed(
    None,
    (MatrixProduct("float32", 0.1, 1e-7),),
    EngineSpeed("builtin", "float32", 0.7, 20.0, 100.0, 100.0),
)
FAST = DeviceSpeed(
    "GPU-a",
    (MatrixProduct("float32", 20.0, 1e-6), MatrixProduct("bfloat16", 100.0, 4e-3)),
    EngineSpeed("builtin", "float32", 2.0, 400.0, 4000.0, 4000.0),
)


def on_gpu(
    answer: DeviceSpeed | ProbeFailure, cpu: DeviceSpeed | ProbeFailure = CPU, gpu: GpuReading = GPU
) -> Check:
    _, check = speed_checks(cpu, [MeasuredGpu(gpu, answer)])
    assert check.name == "speed of GPU 1"
    assert bool(check.remedy) == (check.verdict != "pass")
    return check


def test_a_machine_without_gpu_has_the_cpu_s_figures_alone() -> None:
    (check,) = speed_checks(CPU, [])
    assert check.verdict == "pass"
    assert check.detail == (
        "float32 100 GFLOP/s; builtin in float32 analyses 20 s of audio, tracks 100 and draws"
        " 100 pictures a second"
    )
    assert check.figures["drawing"] == 100.0


def test_a_gpu_is_described_by_how_many_times_faster_it_is() -> None:
    check = on_gpu(FAST)
    assert check.verdict == "pass"
    assert check.detail.startswith("the GPU is 40 times faster here; float32 20 TFLOP/s, bfloat16")
    assert check.figures["times_product"] == 1000
    assert check.figures["times_hearing"] == 20
    assert check.figures["times_pictures"] == 40


def test_a_gpu_without_a_cpu_to_compare_has_its_own_figures() -> None:
    check = on_gpu(FAST, cpu=ProbeFailure("gave no answer within 180 s", hung=True))
    assert check.verdict == "pass"
    assert check.detail.startswith("float32 20")


@pytest.mark.parametrize(
    "slow",
    [
        replace(FAST, products=(MatrixProduct("float32", 0.15, 1e-6),)),
        replace(FAST, engine_speed=EngineSpeed("builtin", "float32", 2.0, 400.0, 60.0, 60.0)),
    ],
)
def test_a_gpu_that_is_hardly_faster_is_warned_of(slow: DeviceSpeed) -> None:
    assert on_gpu(slow).verdict == "warn"


def test_audio_analysis_on_the_cpu_is_no_problem() -> None:
    drawing = EngineSpeed("wav2lip", "float16", 2.0, hearing=20.0, tracking=4000.0, drawing=4000.0)
    assert on_gpu(replace(FAST, engine_speed=drawing)).verdict == "pass"


@pytest.mark.parametrize("error", [0.5, float("nan"), float("inf")])
def test_a_chip_that_multiplies_wrongly_fails(error: float) -> None:
    wrong = (MatrixProduct("float32", 20.0, 1e-6), MatrixProduct("float16", 90.0, error))
    check = on_gpu(replace(FAST, products=wrong))
    assert check.verdict == "fail"
    assert "wrongly in float16" in check.detail
    (cpu,) = speed_checks(replace(CPU, products=wrong), [])
    assert cpu.verdict == "fail"


@pytest.mark.parametrize(
    ("reason", "hung", "verdict", "remedy"),
    [
        ("gave no answer within 120 s", True, "fail", "reboot"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried …", False, "warn", "later"),
        ("crashed (SIGSEGV)", False, "fail", "dmesg"),
    ],
)
def test_a_gpu_that_gives_no_figures_says_why(
    reason: str, hung: bool, verdict: str, remedy: str
) -> None:
    check = on_gpu(ProbeFailure(reason, hung))
    assert check.verdict == verdict
    assert remedy in check.remedy


def test_another_gpu_than_the_requested_one_is_a_failure() -> None:
    assert on_gpu(replace(FAST, uuid="GPU-b")).verdict == "fail"
    instance = GpuReading("MIG-a", 1, "NVIDIA H200 MIG 1g.18gb", mig_parent="GPU-b")
    assert on_gpu(replace(FAST, uuid="GPU-b"), gpu=instance).verdict == "pass"


def test_an_engine_that_cannot_be_loaded_fails_beside_the_products() -> None:
    check = on_gpu(replace(FAST, engine_speed=None, problem="There is no checkpoint."))
    assert check.verdict == "fail"
    assert "There is no checkpoint." in check.detail
    assert "1e+03 times" in check.detail
