"""Whether the installed torch suits the GPUs."""

import pytest

from heygem_daemon.doctor.answers import TorchAnswer, TorchGpu
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.software import torch_build_check, torch_checks, torch_import_checks
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.torch_build import TorchBuild

L4 = Readings("580", "13.0", (GpuReading("GPU-a", 3, "NVIDIA L4"),))
NONE = Readings(absence="no library")
FOR_CPU = TorchBuild("2.13.0+cpu", None)
FOR_CUDA = TorchBuild("2.13.0", "13.0")


@pytest.mark.parametrize(
    ("build", "readings", "device", "verdict"),
    [
        (FOR_CUDA, L4, "auto", "pass"),
        (FOR_CUDA, NONE, "auto", "pass"),
        (FOR_CPU, NONE, "auto", "pass"),
        (FOR_CPU, NONE, "cuda", "fail"),
        (FOR_CPU, L4, "auto", "warn"),
        (FOR_CPU, L4, "cuda", "fail"),
        (FOR_CPU, L4, "cpu", "pass"),
        (None, L4, "auto", "fail"),
    ],
)
def test_a_build_is_compared_with_gpus_and_setting(
    build: TorchBuild | None, readings: Readings, device: str, verdict: str
) -> None:
    check = torch_build_check(build, readings, device)
    assert check.verdict == verdict
    assert bool(check.remedy) == (verdict != "pass")


def test_only_a_failed_import_is_reported() -> None:
    assert torch_import_checks(TorchAnswer("2.13.0", None)) == []
    (check,) = torch_import_checks(ProbeFailure("OSError: libc10_cuda.so"))
    assert check.verdict == "fail"


@pytest.mark.parametrize(
    ("capability", "bfloat16", "architectures", "verdict", "detail"),
    [
        ((9, 0), True, ("sm_80", "sm_90"), "pass", "float32, float16, bfloat16"),
        ((8, 9), True, ("sm_80", "sm_90"), "pass", "compute capability 8.9"),
        ((7, 5), False, ("sm_75",), "pass", "float32, float16 ("),
        ((6, 1), False, ("sm_60",), "pass", "float32 ("),
        ((6, 1), False, ("sm_75", "sm_80"), "fail", "no code"),
        ((12, 0), True, ("sm_80", "sm_90a"), "fail", "no code"),
        ((12, 0), True, ("sm_80", "compute_90"), "pass", "12.0"),
        ((10, 3), True, ("sm_100", "sm_120"), "pass", "10.3"),
    ],
)
def test_types_of_numbers_and_code_for_them(
    capability: tuple[int, int],
    bfloat16: bool,
    architectures: tuple[str, ...],
    verdict: str,
    detail: str,
) -> None:
    gpu = TorchGpu("GPU-a", "NVIDIA L4", capability, bfloat16)
    (check,) = torch_checks(TorchAnswer("2.13.0", "13.0", architectures, (gpu,)), L4)
    assert check.name == "numbers of GPU 3"
    assert check.verdict == verdict
    assert detail in check.detail


def test_what_torch_says_of_missing_gpus_is_passed_on() -> None:
    (check,) = torch_checks(TorchAnswer("2.13.0", "13.0", problem="CUDA unknown error"), L4)
    assert check.verdict == "fail"
    assert "CUDA unknown error" in check.detail
