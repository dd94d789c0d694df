"""The doctor's findings about GPUs."""

import pytest

from heygem_daemon.doctor.check import Verdict
from heygem_daemon.doctor.gpus import gpu_checks
from heygem_daemon.gpu.placement import GIB, Need
from heygem_daemon.gpu.reading import GpuReading, Readings

L4 = GpuReading("GPU-0", 0, "NVIDIA L4", 24 * GIB, 20 * GIB, temperature=50, power=30.2)
HOT = GpuReading("GPU-0", 0, "NVIDIA L4", 24 * GIB, 20 * GIB, temperature=91)
LOST = GpuReading("GPU-0", 0, "lost GPU", fault="lost to the driver")
NONE = Readings(absence="no library")


@pytest.mark.parametrize(
    ("readings", "device", "cuda_usable", "verdicts"),
    [
        pytest.param(Readings("580", "13.0", (L4,)), "auto", True, "pass pass pass", id="healthy"),
        pytest.param(Readings("580", "13.0", (HOT,)), "auto", True, "pass warn pass", id="hot"),
        pytest.param(Readings("580", "13.0", (LOST,)), "auto", True, "pass fail fail", id="lost"),
        pytest.param(
            Readings("580", "13.0", (L4,)), "auto", False, "pass pass warn", id="cpu build"
        ),
        pytest.param(Readings(fault="mismatch"), "auto", True, "fail fail", id="driver at fault"),
        pytest.param(NONE, "auto", True, "pass warn", id="none, and none is demanded"),
        pytest.param(NONE, "cuda", True, "fail fail", id="none, though demanded"),
        pytest.param(NONE, "cpu", True, "pass pass", id="none, and none is wanted"),
    ],
)
def test_each_state_of_the_gpus_has_its_verdicts(
    readings: Readings, device: str, cuda_usable: bool, verdicts: str
) -> None:
    checks = gpu_checks(readings, device, Need(4 * GIB), cuda_usable)
    found: list[Verdict] = [check.verdict for check in checks]
    assert found == verdicts.split()
    assert all(check.remedy for check in checks if check.verdict != "pass")


def test_a_gpu_is_described_by_what_it_tells() -> None:
    _, gpu, _ = gpu_checks(Readings("580", "13.0", (L4,)), "auto", Need(GIB), True)
    assert gpu.detail == "NVIDIA L4, GPU-0, 20.0 of 24.0 GiB free, 50 °C, 30 W"
