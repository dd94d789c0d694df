"""What the log says of the GPUs, from one reading to the next."""

import pytest

from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.gpu.reading_thread import describe_changes
from heygem_daemon.system.units import GIB

L4 = GpuReading("GPU-a", 0, "NVIDIA L4", total=24 * GIB, free=20 * GIB)
FULL = GpuReading("GPU-a", 0, "NVIDIA L4", total=24 * GIB, free=1 * GIB, utilisation=99)
LOST = GpuReading("GPU-a", 0, "NVIDIA L4", fault="lost to the driver")
BUGGY = GpuReading("GPU-a", 0, "NVIDIA L4", xid=31)
SPARK = GpuReading("GPU-s", 0, "NVIDIA GB10", unified=True)
OTHER = GpuReading("GPU-b", 1, "NVIDIA L4")
NONE = Readings(absence="no library")
MISMATCH = Readings(fault="the versions differ")
SILENT = Readings(fault="no answer")


def here(*gpus: GpuReading) -> Readings:
    return Readings("580.65", "13.0", gpus)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(
            None,
            here(L4),
            [
                "INFO NVIDIA driver 580.65, serves CUDA up to 13.0",
                "INFO GPU 0 (NVIDIA L4, GPU-a) is here: 20.0 of 24.0 GiB free",
            ],
            id="the start",
        ),
        pytest.param(None, NONE, ["INFO no GPU here: no library"], id="the start, without one"),
        pytest.param(NONE, NONE, [], id="still none"),
        pytest.param(here(L4), here(FULL), [], id="figures are no news"),
        pytest.param(
            here(L4), NONE, ["WARNING no GPU here: no library"], id="the driver is unloaded"
        ),
        pytest.param(
            here(L4), MISMATCH, ["ERROR no GPU can be used: the versions differ"], id="a mismatch"
        ),
        pytest.param(MISMATCH, MISMATCH, [], id="still that mismatch"),
        pytest.param(MISMATCH, SILENT, ["ERROR no GPU can be used: no answer"], id="another fault"),
        pytest.param(
            MISMATCH,
            here(OTHER),
            [
                "INFO NVIDIA driver 580.65, serves CUDA up to 13.0",
                "INFO GPU 1 (NVIDIA L4, GPU-b) is here: memory unknown",
            ],
            id="repaired",
        ),
        pytest.param(
            here(L4),
            here(LOST),
            ["ERROR GPU 0 (NVIDIA L4, GPU-a) is not used: lost to the driver"],
            id="lost",
        ),
        pytest.param(here(LOST), here(LOST), [], id="still lost"),
        pytest.param(
            here(LOST), here(L4), ["INFO GPU 0 (NVIDIA L4, GPU-a) can be used again"], id="found"
        ),
        pytest.param(
            here(L4, OTHER), here(L4), ["WARNING GPU 1 (NVIDIA L4, GPU-b) is gone"], id="gone"
        ),
        pytest.param(
            here(L4),
            here(L4, SPARK),
            ["INFO GPU 0 (NVIDIA GB10, GPU-s) is here: shares the host's memory"],
            id="come",
        ),
        pytest.param(
            here(L4),
            here(BUGGY),
            ["WARNING the driver reported Xid 31 of GPU 0 (NVIDIA L4, GPU-a); see dmesg"],
            id="an application's Xid",
        ),
        pytest.param(here(BUGGY), here(BUGGY), [], id="the same Xid"),
    ],
)
def test_each_change_is_said_once(
    before: Readings | None, after: Readings, lines: list[str]
) -> None:
    assert [f"{level} {text}" for level, text in describe_changes(before, after)] == lines
