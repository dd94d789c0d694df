"""What hides the GPUs from CUDA: the driver, the container or the variable."""

import pytest

from heygem_daemon.doctor.answers import CudaAnswer
from heygem_daemon.doctor.child import ProbeFailure
from heygem_daemon.doctor.cuda import CUINIT_ERRORS, cuda_checks
from heygem_daemon.doctor.nvidia_presence import NvidiaPresence
from heygem_daemon.gpu.reading import GpuReading, Readings

L4 = GpuReading("GPU-0", 0, "NVIDIA L4")
TWO = Readings("580", "13.0", (L4, GpuReading("GPU-1", 1, "NVIDIA L4")))
SLICE = GpuReading("MIG-0", 0, "NVIDIA H200 MIG 1g.18gb", mig_parent="GPU-0")
BOTH = CudaAnswer(status=0, version=13000, gpus=2)
ONE = CudaAnswer(status=0, version=13000, gpus=1)
BLIND = CudaAnswer(status=100, version=13000)
HUNG = ProbeFailure("gave no answer within 30 s", hung=True)


@pytest.mark.parametrize(
    ("answer", "presence", "verdict", "detail", "remedy"),
    [
        pytest.param(BOTH, NvidiaPresence(), "pass", "13.0, shows 2 GPUs", "", id="all"),
        pytest.param(
            ONE, NvidiaPresence(), "warn", "1 GPU of the driver's 2", "/dev/nvidia", id="some"
        ),
        pytest.param(BLIND, NvidiaPresence(), "fail", "returned 100", "dmesg", id="none"),
        pytest.param(
            BLIND,
            NvidiaPresence(inaccessible_files=("nvidia0",)),
            "fail",
            "not open nvidia0",
            "group",
            id="closed",
        ),
        pytest.param(
            CudaAnswer(missing="no libcuda.so.1"),
            NvidiaPresence(),
            "fail",
            "libcuda",
            "libcuda1",
            id="library",
        ),
        pytest.param(
            CudaAnswer(missing="no libcuda.so.1"),
            NvidiaPresence(container="Docker"),
            "fail",
            "libcuda",
            "NVIDIA_DRIVER_CAPABILITIES",
            id="container with NVML alone",
        ),
        pytest.param(HUNG, NvidiaPresence(), "fail", "no answer", "reboot", id="hung"),
        pytest.param(
            ProbeFailure("crashed"), NvidiaPresence(), "fail", "crashed", "Reinstall", id="crashed"
        ),
    ],
)
def test_what_cuda_shows(
    answer: CudaAnswer | ProbeFailure,
    presence: NvidiaPresence,
    verdict: str,
    detail: str,
    remedy: str,
) -> None:
    (check,) = cuda_checks(answer, answer, TWO, presence, {})
    assert check.verdict == verdict
    assert detail in check.detail
    assert remedy in check.remedy


@pytest.mark.parametrize("status", CUINIT_ERRORS)
def test_each_known_state_has_a_remedy_of_its_own(status: int) -> None:
    (check,) = cuda_checks(CudaAnswer(status=status), BLIND, TWO, NvidiaPresence(), {})
    assert check.verdict == "fail"
    assert CUINIT_ERRORS[status][0] in check.detail
    assert check.remedy == CUINIT_ERRORS[status][1]


def test_cuda_may_show_only_one_of_several_mig_instances() -> None:
    divided = Readings("580", "13.0", (SLICE, SLICE))
    (check,) = cuda_checks(ONE, ONE, divided, NvidiaPresence(), {})
    assert check.verdict == "pass"


@pytest.mark.parametrize(
    ("value", "inherited", "detail"),
    [
        ("", BLIND, "is set to nothing, which hides every GPU"),
        ("-1", BLIND, "which hides every GPU"),
        ("7", BLIND, "which names no GPU of this machine"),
        ("GPU-gone", BLIND, "which names no GPU of this machine"),
        ("1", ONE, "which leaves 1 of 2 GPUs"),
    ],
)
def test_the_variable_that_hides_gpus_is_reported(
    value: str, inherited: CudaAnswer, detail: str
) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": value}
    shown, variable = cuda_checks(BOTH, inherited, TWO, NvidiaPresence(), environment)
    assert shown.verdict == "pass"
    assert variable.verdict == "warn"
    assert detail in variable.detail
    assert "gpus" in variable.remedy
