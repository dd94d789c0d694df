"""The readings, taken by the real pynvml from a scripted driver library."""

from collections.abc import Callable
from typing import Any

import pytest

from heygem_daemon.gpu.nvml import LOST

ReadWith = Callable[[str], dict[str, Any]]

GIB = 1 << 30

ONE = f"""
driver 580.65.06
cuda 13020
count 1
0.uuid GPU-aaaa
0.name NVIDIA L4
0.total {24 * GIB}
0.free {20 * GIB}
0.reserved {GIB}
0.utilisation 37
0.temperature 61
0.milliwatts 71500
0.processes {GIB},{2 * GIB}
"""


def test_a_gpu_is_read_with_all_its_figures(read_with: ReadWith) -> None:
    assert read_with(ONE) == {
        "driver": "580.65.06",
        "cuda_version": "13.2",
        "absence": None,
        "fault": None,
        "gpus": [
            {
                "uuid": "GPU-aaaa",
                "index": 0,
                "name": "NVIDIA L4",
                "total": 24 * GIB,
                "free": 20 * GIB,
                "used": 3 * GIB,
                "utilisation": 37,
                "memory_utilisation": 0,
                "temperature": 61,
                "power": 71.5,
                "power_limit": None,
                "throttled": [],
                "processes": 2,
                "process_memory": [2 * GIB, GIB],
                "ecc_errors": None,
                "xid": None,
                "fault": None,
                "mig_parent": None,
                "unified": False,
            }
        ],
    }


@pytest.mark.parametrize("code", [3, 13, 25])
def test_a_driver_without_the_newer_memory_call_is_asked_the_older_one(
    read_with: ReadWith, code: int
) -> None:
    gpu = read_with(f"fail.nvmlDeviceGetMemoryInfo_v2 {code}\n{ONE}")["gpus"][0]
    assert (gpu["total"], gpu["free"], gpu["used"]) == (24 * GIB, 20 * GIB, 4 * GIB)


def test_what_a_device_does_not_support_is_unknown_and_not_zero(read_with: ReadWith) -> None:
    script = """
        count 1
        0.uuid GPU-aaaa
        fail.nvmlDeviceGetMemoryInfo 3
        fail.nvmlDeviceGetMemoryInfo_v2 3
        fail.nvmlDeviceGetComputeRunningProcesses_v3 3
        fail.nvmlDeviceGetMigMode 3
    """
    reading = read_with(script)
    assert reading["driver"] is None
    assert reading["cuda_version"] is None
    (gpu,) = reading["gpus"]
    assert gpu["name"] == "NVIDIA GPU"
    unknown = set(gpu) - {"uuid", "index", "name", "throttled", "unified"}
    assert all(gpu[field] is None for field in unknown)


def test_a_process_whose_memory_is_hidden_makes_all_memory_unknown(read_with: ReadWith) -> None:
    gpu = read_with(ONE.replace(f"{GIB},{2 * GIB}", f"{GIB},none"))["gpus"][0]
    assert gpu["processes"] == 2
    assert gpu["process_memory"] is None


def test_one_failing_figure_does_not_hide_the_others(read_with: ReadWith) -> None:
    reading = read_with(f"0.fail.nvmlDeviceGetUtilizationRates 999\n{ONE}")
    assert reading["fault"] is None
    assert reading["gpus"][0]["utilisation"] is None
    assert reading["gpus"][0]["temperature"] == 61


def test_several_gpus_are_read_in_the_order_of_the_driver(read_with: ReadWith) -> None:
    script = f"count 2\n1.uuid GPU-bbbb\n1.total {GIB}\n1.free 7\n{ONE}"
    assert [gpu["uuid"] for gpu in read_with(script)["gpus"]] == ["GPU-aaaa", "GPU-bbbb"]


@pytest.mark.parametrize("function", ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetTemperature"])
@pytest.mark.parametrize("code", [15, 16])
def test_a_lost_gpu_keeps_its_identity_and_does_not_hide_the_others(
    read_with: ReadWith, function: str, code: int
) -> None:
    script = f"count 2\n1.uuid GPU-bbbb\n1.free 7\n0.fail.{function} {code}\n{ONE}"
    reading = read_with(script)
    assert reading["fault"] is None
    assert [(gpu["uuid"], gpu["fault"]) for gpu in reading["gpus"]] == [
        ("GPU-aaaa", LOST),
        ("GPU-bbbb", None),
    ]


def test_a_gpu_that_is_lost_before_it_tells_its_identity_is_named_by_its_index(
    read_with: ReadWith,
) -> None:
    (gpu,) = read_with(f"0.fail.nvmlDeviceGetHandleByIndex_v2 15\n{ONE}")["gpus"]
    assert (gpu["uuid"], gpu["fault"]) == ("lost-0", LOST)


def test_a_divided_gpu_is_read_as_its_instances(read_with: ReadWith) -> None:
    script = f"0.mig 2\n10.uuid MIG-one\n10.free 5\n11.uuid MIG-two\n11.free 6\n{ONE}"
    gpus = read_with(script)["gpus"]
    assert [(gpu["uuid"], gpu["free"]) for gpu in gpus] == [("MIG-one", 5), ("MIG-two", 6)]


@pytest.mark.parametrize(
    ("code", "said"), [(12, "library"), (9, "not loaded"), (28, "finds no GPU")]
)
def test_a_machine_without_a_driver_is_a_normal_state(
    read_with: ReadWith, code: int, said: str
) -> None:
    reading = read_with(f"fail.nvmlInitWithFlags {code}\n{ONE}")
    assert said in reading["absence"]
    assert reading["fault"] is None
    assert reading["gpus"] == []


def test_a_driver_that_lists_no_gpu_is_an_absence(read_with: ReadWith) -> None:
    assert "lists no GPU" in read_with("count 0\n")["absence"]


def test_no_library_is_an_absence(read_without_driver: Callable[[], dict[str, Any]]) -> None:
    reading = read_without_driver()
    assert "libnvidia-ml.so.1" in reading["absence"]
    assert reading["fault"] is None


@pytest.mark.parametrize(
    ("code", "said"), [(18, "reboot or reload the driver"), (4, "/dev/nvidia"), (999, "dmesg")]
)
def test_a_driver_that_should_work_and_does_not_is_a_fault_with_a_remedy(
    read_with: ReadWith, code: int, said: str
) -> None:
    reading = read_with(f"fail.nvmlInitWithFlags {code}\n{ONE}")
    assert said in reading["fault"]
    assert reading["absence"] is None


def test_a_fault_while_reading_is_a_fault_of_the_readings(read_with: ReadWith) -> None:
    assert read_with(f"fail.nvmlDeviceGetCount_v2 999\n{ONE}")["fault"] is not None
