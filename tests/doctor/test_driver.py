"""Why the driver does not answer, and what to do: each cause is distinguished."""

import pytest

from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.driver import driver_check
from heygem_daemon.doctor.nvidia_presence import NvidiaPresence
from heygem_daemon.gpu.reading import GpuReading, Readings

L4 = GpuReading("GPU-0", 0, "NVIDIA L4")
NONE = Readings(absence="no NVIDIA driver library, libnvidia-ml.so.1")
CARD = ("0000:01:00.0",)
MODULE = "580.65.06"
HUNG = ProbeFailure("gave no answer within 30 s", hung=True)


def readings_of(cuda: str | None) -> Readings:
    return Readings("535.183.01", cuda, (L4,))


@pytest.mark.parametrize(
    ("readings", "torch_cuda", "verdict", "remedy"),
    [
        pytest.param(readings_of("13.0"), "13.0", "pass", "", id="as old as needed"),
        pytest.param(readings_of("13.2"), "12.6", "pass", "", id="newer"),
        pytest.param(readings_of("12.2"), "12.8", "pass", "", id="older within the same CUDA"),
        pytest.param(readings_of("12.2"), None, "pass", "", id="torch wants no CUDA"),
        pytest.param(readings_of(None), "13.0", "pass", "", id="unknown"),
        pytest.param(readings_of("12.2"), "13.0", "fail", "580 or newer", id="too old"),
        pytest.param(
            readings_of("13.0"), "14.1", "fail", "Update the driver,", id="of a CUDA to come"
        ),
        pytest.param(Readings(fault="mismatch"), "13.0", "fail", "repaired", id="at fault"),
        pytest.param(HUNG, "13.0", "fail", "dmesg", id="hung"),
        pytest.param(ProbeFailure("crashed (SIGSEGV)"), "13.0", "fail", "Reinstall", id="crashed"),
    ],
)
def test_a_driver_that_is_there(
    readings: Readings | ProbeFailure, torch_cuda: str | None, verdict: str, remedy: str
) -> None:
    check = driver_check(readings, NvidiaPresence(), torch_cuda, "auto")
    assert check.verdict == verdict
    assert remedy in check.remedy


@pytest.mark.parametrize(
    ("presence", "verdict", "detail", "remedy"),
    [
        pytest.param(NvidiaPresence(), "pass", "none", "", id="no GPU"),
        pytest.param(
            NvidiaPresence(container="Docker"), "pass", "none", "", id="no GPU below either"
        ),
        pytest.param(
            NvidiaPresence(CARD, MODULE, container="Docker"),
            "warn",
            "got none",
            "--gpus all",
            id="container without GPUs",
        ),
        pytest.param(
            NvidiaPresence((), MODULE, container="Kubernetes"),
            "warn",
            "got none",
            "nvidia.com/gpu: 1",
            id="pod without GPUs",
        ),
        pytest.param(
            NvidiaPresence((), MODULE, container="lxc"),
            "warn",
            "got none",
            "Give it the GPUs",
            id="container of another kind",
        ),
        pytest.param(
            NvidiaPresence(CARD, MODULE), "warn", "is loaded, but", "libnvidia-ml1", id="no library"
        ),
        pytest.param(NvidiaPresence(CARD), "warn", "no driver is loaded", "Debian", id="no driver"),
        pytest.param(
            NvidiaPresence(CARD, container="Podman"),
            "warn",
            "no driver",
            "on the host",
            id="host without driver",
        ),
        pytest.param(
            NvidiaPresence(CARD, has_nouveau=True), "warn", "nouveau", "NVIDIA's", id="nouveau"
        ),
    ],
)
def test_a_driver_that_is_missing(
    presence: NvidiaPresence, verdict: str, detail: str, remedy: str
) -> None:
    check = driver_check(NONE, presence, "13.0", "auto")
    assert check.verdict == verdict
    assert detail in check.detail
    assert remedy in check.remedy
    demanded = driver_check(NONE, presence, "13.0", "cuda")
    assert demanded.verdict == "fail"
    assert demanded.remedy
    assert driver_check(NONE, presence, "13.0", "cpu").verdict == "pass"


def test_a_driver_without_a_gpu_to_use_is_told_from_a_missing_one() -> None:
    undivided = Readings("580", "13.0", absence="MIG is on and no instance has been made")
    check = driver_check(undivided, NvidiaPresence(CARD, MODULE), "13.0", "auto")
    assert check.verdict == "warn"
    assert check.detail == "580, but MIG is on and no instance has been made"
    assert "MIG instances" in check.remedy
