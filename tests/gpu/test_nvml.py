"""The readings, taken by the real pynvml from a scripted driver library."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.gpu.driver_errors import LOST
from heygem_daemon.system.units import GIB

if TYPE_CHECKING:
    from tests.gpu.conftest import Build, Driver, Reader, Start


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
0.memory_utilisation 21
0.temperature 61
0.milliwatts 71500
0.milliwatt_limit 72000
0.throttle 0x25
0.ecc 2
0.recovery 0
0.processes {GIB},{2 * GIB}
"""
TWO = f"""
{ONE.replace("count 1", "count 2")}
1.uuid GPU-bbbb
1.name NVIDIA L4
1.total {24 * GIB}
1.free 7
"""
DIVIDED = f"""
{ONE}
0.mig 2
10.uuid MIG-one
10.name NVIDIA A100 MIG 1g.10gb
10.total {10 * GIB}
10.free 5
11.uuid MIG-two
11.free 6
"""


def test_a_gpu_is_read_with_all_its_figures(driver: "Driver") -> None:
    assert driver(ONE) == {
        "driver": "580.65.06",
        "cuda_version": "13.2",
        "absence": None,
        "fault": None,
        "fault_here": None,
        "gpus": [
            {
                "uuid": "GPU-aaaa",
                "index": 0,
                "name": "NVIDIA L4",
                "total": 24 * GIB,
                "free": 20 * GIB,
                "used": 3 * GIB,
                "utilisation": 37,
                "memory_utilisation": 21,
                "temperature": 61,
                "power": 71.5,
                "power_limit": 72.0,
                "throttled": ["at its power limit", "slowed by the driver: too hot"],
                "processes": 2,
                "process_memory": [2 * GIB, GIB],
                "ecc_errors": 2,
                "xid": None,
                "fault": None,
                "mig_parent": None,
                "mig_instance": None,
                "unified": False,
                "node": "",
            }
        ],
    }


def test_the_same_world_is_read_the_same_again(driver: "Driver") -> None:
    assert driver(ONE) == driver()


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        ("0x1", []),
        ("0x8", ["slowed by the hardware: heat or power"]),
        ("0x48", ["slowed by the hardware: far too hot"]),
        ("0x88", ["slowed by the hardware: its power supply asks for less"]),
        ("0x112", []),
    ],
)
def test_only_what_costs_speed_and_is_nobody_s_setting_counts_as_throttling(
    driver: "Driver", bits: str, expected: list[str]
) -> None:
    assert driver(ONE.replace("0x25", bits))["gpus"][0]["throttled"] == expected


@pytest.mark.parametrize("code", [3, 13, 25])
def test_rule_25_a_driver_without_the_newer_memory_call_is_asked_the_older_one(
    driver: "Driver", code: int
) -> None:
    gpu = driver(f"fail.nvmlDeviceGetMemoryInfo_v2 {code}\n{ONE}")["gpus"][0]
    assert (gpu["total"], gpu["free"], gpu["used"]) == (24 * GIB, 20 * GIB, 4 * GIB)
    assert not gpu["unified"]


def test_rule_25_a_library_that_lacks_the_newer_functions_answers_by_the_older_ones(
    old_driver: "Driver",
) -> None:
    gpu = old_driver(ONE)["gpus"][0]
    assert (gpu["total"], gpu["free"], gpu["used"]) == (24 * GIB, 20 * GIB, 4 * GIB)
    assert gpu["throttled"] == ["at its power limit", "slowed by the driver: too hot"]
    assert gpu["fault"] is None


def test_rule_25_what_a_device_does_not_support_is_unknown_and_not_zero(driver: "Driver") -> None:
    script = """
        count 1
        0.uuid GPU-aaaa
        fail.nvmlDeviceGetMemoryInfo 999
        fail.nvmlDeviceGetMemoryInfo_v2 3
        fail.nvmlDeviceGetComputeRunningProcesses_v3 3
        fail.nvmlDeviceGetMigMode 3
        fail.nvmlDeviceGetSupportedEventTypes 3
    """
    reading = driver(script)
    assert reading["driver"] is None
    assert reading["cuda_version"] is None
    assert reading["fault"] is None
    (gpu,) = reading["gpus"]
    known = {
        "uuid": "GPU-aaaa",
        "index": 0,
        "name": "NVIDIA GPU",
        "throttled": [],
        "unified": False,
        "node": "",
    }
    assert gpu == {field: known.get(field) for field in gpu}


def test_a_chip_without_memory_of_its_own_is_unified(driver: "Driver") -> None:
    both = "fail.nvmlDeviceGetMemoryInfo 3\nfail.nvmlDeviceGetMemoryInfo_v2 3\n"
    (gpu,) = driver(both + ONE)["gpus"]
    assert gpu["unified"]
    assert (gpu["total"], gpu["free"], gpu["used"]) == (None, None, None)


def test_rule_28_processes_are_counted_and_never_known_by_their_ids(driver: "Driver") -> None:
    """The stub reports each of them as process 1, as a driver may do inside a container."""
    gpu = driver(ONE)["gpus"][0]
    assert (gpu["processes"], gpu["process_memory"]) == (2, [2 * GIB, GIB])
    assert not [field for field in gpu if "pid" in field]


def test_a_process_whose_memory_is_hidden_makes_all_memory_unknown(driver: "Driver") -> None:
    gpu = driver(ONE.replace(f"{GIB},{2 * GIB}", f"{GIB},none"))["gpus"][0]
    assert gpu["processes"] == 2
    assert gpu["process_memory"] is None


def test_one_failing_figure_does_not_hide_the_others(driver: "Driver") -> None:
    reading = driver(f"0.fail.nvmlDeviceGetUtilizationRates 999\n{ONE}")
    assert reading["fault"] is None
    assert reading["gpus"][0]["utilisation"] is None
    assert reading["gpus"][0]["temperature"] == 61


def test_rule_24_a_gpu_is_known_by_its_uuid_wherever_the_driver_lists_it(driver: "Driver") -> None:
    before = {gpu["uuid"]: gpu["free"] for gpu in driver(TWO)["gpus"]}
    turned = TWO.replace("0.", "#.").replace("1.", "0.").replace("#.", "1.")
    after = driver(turned)["gpus"]
    assert {gpu["uuid"]: gpu["free"] for gpu in after} == before
    assert [gpu["uuid"] for gpu in after] == ["GPU-bbbb", "GPU-aaaa"]


def test_a_gpu_that_comes_is_seen_at_once_where_the_kernel_tells_and_else_in_a_while(
    driver: "Driver", usual_reader: "Reader"
) -> None:
    """As with the real library, the GPUs are counted when it is initialised."""
    usual_reader.bind_gpus("0000:01:00.0")
    driver(ONE)
    assert len(driver(TWO, at=1.0)["gpus"]) == 1
    usual_reader.bind_gpus("0000:01:00.0", "0000:02:00.0")
    assert [gpu["uuid"] for gpu in driver(at=2.0)["gpus"]] == ["GPU-aaaa", "GPU-bbbb"]
    assert len(driver(TWO.replace("count 2", "count 1"), at=601.0)["gpus"]) == 2
    assert len(driver(at=602.0)["gpus"]) == 1


@pytest.mark.parametrize("function", ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetTemperature"])
@pytest.mark.parametrize("code", [15, 16])
def test_rule_29_a_lost_gpu_keeps_its_identity_and_does_not_hide_the_others(
    driver: "Driver", function: str, code: int
) -> None:
    reading = driver(f"0.fail.{function} {code}\n{TWO}")
    assert reading["fault"] is None
    assert [(gpu["uuid"], gpu["fault"]) for gpu in reading["gpus"]] == [
        ("GPU-aaaa", LOST),
        ("GPU-bbbb", None),
    ]


def test_rule_29_a_gpu_that_says_nothing_any_more_is_who_was_in_its_place(
    driver: "Driver",
) -> None:
    driver(TWO)
    for _ in range(2):
        gpu = driver(f"0.fail.nvmlDeviceGetHandleByIndex_v2 15\n{TWO}")["gpus"][0]
        assert (gpu["uuid"], gpu["name"], gpu["fault"]) == ("GPU-aaaa", "NVIDIA L4", LOST)
        assert gpu["free"] is None
    assert driver(TWO)["gpus"][0]["fault"] is None


def test_a_gpu_that_has_never_said_who_it_is_is_named_by_its_index(driver: "Driver") -> None:
    (gpu,) = driver(f"0.fail.nvmlDeviceGetHandleByIndex_v2 15\n{ONE}")["gpus"]
    assert (gpu["uuid"], gpu["fault"]) == ("unknown-0", LOST)


def test_one_gpu_that_may_not_be_used_does_not_hide_the_other(driver: "Driver") -> None:
    reading = driver(f"0.fail.nvmlDeviceGetHandleByIndex_v2 4\n{TWO}")
    assert reading["fault"] is None
    assert [gpu["fault"] is None for gpu in reading["gpus"]] == [False, True]


def test_a_reset_that_the_driver_asks_for_is_a_fault_until_it_is_done(driver: "Driver") -> None:
    assert "reset" in driver(ONE.replace("recovery 0", "recovery 1"))["gpus"][0]["fault"]
    assert driver(ONE.replace("recovery 0", "recovery 3"))["gpus"][0]["fault"] is None
    assert driver(ONE)["gpus"][0]["fault"] is None


def test_rule_29_an_xid_puts_its_gpu_aside_for_some_minutes_and_no_other(driver: "Driver") -> None:
    driver(TWO)
    gpus = driver(f"xids 1:79\n{TWO}")["gpus"]
    assert [gpu["xid"] for gpu in gpus] == [None, 79]
    assert gpus[0]["fault"] is None
    assert "Xid 79 of it (it has fallen off the bus)" in gpus[1]["fault"]
    assert driver(at=590.0)["gpus"][1]["fault"] is not None
    after = driver(at=610.0)["gpus"][1]
    assert (after["xid"], after["fault"]) == (79, None)


def test_rule_29_an_xid_of_a_gpu_that_is_lost_by_now_hides_no_other(driver: "Driver") -> None:
    driver(TWO)
    lost, other = driver(f"xids 0:79\n0.fail.nvmlDeviceGetUUID 15\n{TWO}")["gpus"]
    assert lost["fault"] == LOST
    assert (other["uuid"], other["fault"]) == ("GPU-bbbb", None)


def test_the_xid_of_a_gpu_that_no_longer_says_who_it_is_is_known_as_its_own(
    driver: "Driver",
) -> None:
    driver(TWO)
    lost = "1.fail.nvmlDeviceGetUUID 15\n1.fail.nvmlDeviceGetHandleByIndex_v2 15\n"
    reading = driver(f"xids 1:79\n{lost}{TWO}")
    assert reading["fault"] is None
    assert [(gpu["uuid"], gpu["xid"], gpu["fault"]) for gpu in reading["gpus"]] == [
        ("GPU-aaaa", None, None),
        ("GPU-bbbb", 79, LOST),
    ]


def test_an_xid_that_comes_before_the_driver_is_taken_up_anew_is_not_missed(
    driver: "Driver",
) -> None:
    driver(ONE)
    (gpu,) = driver(f"xids 0:48\n{ONE}", at=601.0)["gpus"]
    assert gpu["xid"] == 48


def test_an_xid_of_an_application_is_told_and_puts_nothing_aside(driver: "Driver") -> None:
    driver(ONE)
    (gpu,) = driver(f"xids 0:31\n{ONE}")["gpus"]
    assert (gpu["xid"], gpu["fault"]) == (31, None)


def test_many_xids_at_once_are_all_taken_and_the_last_is_told(driver: "Driver") -> None:
    driver(ONE)
    (gpu,) = driver(f"xids 0:48,{','.join(['0:31'] * 40)}\n{ONE}")["gpus"]
    assert gpu["xid"] == 31
    assert "Xid 48" in gpu["fault"]


def test_a_driver_without_events_is_read_all_the_same(driver: "Driver") -> None:
    driver(f"fail.nvmlEventSetCreate 3\n{ONE}")
    (gpu,) = driver(f"xids 0:79\n{ONE}")["gpus"]
    assert (gpu["xid"], gpu["fault"], gpu["free"]) == (None, None, 20 * GIB)


def test_rule_24_a_divided_gpu_is_read_as_its_instances_with_uuids_of_their_own(
    driver: "Driver",
) -> None:
    one, two = driver(DIVIDED)["gpus"]
    assert [(gpu["uuid"], gpu["free"], gpu["mig_parent"]) for gpu in (one, two)] == [
        ("MIG-one", 5, "GPU-aaaa"),
        ("MIG-two", 6, "GPU-aaaa"),
    ]
    assert one["name"] == "NVIDIA A100 MIG 1g.10gb"
    assert (one["utilisation"], one["temperature"], one["power"]) == (None, 61, 71.5)


def test_a_divided_gpu_that_is_lost_is_lost_as_its_instances(driver: "Driver") -> None:
    driver(DIVIDED)
    gpus = driver(f"0.fail.nvmlDeviceGetHandleByIndex_v2 15\n{DIVIDED}")["gpus"]
    assert [(gpu["uuid"], gpu["fault"]) for gpu in gpus] == [("MIG-one", LOST), ("MIG-two", LOST)]


def test_an_xid_of_one_instance_leaves_the_other_in_use(driver: "Driver") -> None:
    driver(DIVIDED)
    one, two = driver(f"xids 0:95:1\n{DIVIDED}")["gpus"]
    assert (one["xid"], one["fault"]) == (None, None)
    assert "Xid 95" in two["fault"]


def test_a_divided_gpu_without_instances_is_an_absence_with_a_remedy(driver: "Driver") -> None:
    assert "nvidia-smi mig" in driver(f"0.mig 0\n{ONE}")["absence"]


@pytest.mark.parametrize(
    ("code", "expected"), [(12, "library"), (9, "not loaded"), (28, "finds no GPU")]
)
def test_rule_29_a_machine_without_a_driver_is_a_normal_state(
    driver: "Driver", code: int, expected: str
) -> None:
    reading = driver(f"fail.nvmlInitWithFlags {code}\n{ONE}")
    assert expected in reading["absence"]
    assert reading["fault"] is None
    assert reading["gpus"] == []
    assert len(driver(ONE)["gpus"]) == 1


def test_a_driver_that_lists_no_gpu_is_an_absence(driver: "Driver") -> None:
    assert "lists no GPU" in driver("count 0\n")["absence"]


def test_rule_29_no_library_is_an_absence_until_there_is_one(
    start: "Start", driver_folder: Path, tmp_path: Path
) -> None:
    # On a machine with a driver, this file hides the real library.
    library = tmp_path / "libnvidia-ml.so.1"
    library.write_text("no library")
    reader = start(tmp_path)
    reading = reader.read(ONE)
    assert "libnvidia-ml.so.1" in reading["absence"]
    assert reading["fault"] is None
    library.unlink()
    library.symlink_to(driver_folder / library.name)
    assert [gpu["uuid"] for gpu in reader.read()["gpus"]] == ["GPU-aaaa"]


@pytest.mark.parametrize(
    ("code", "expected"), [(18, "reboot or reload the driver"), (4, "/dev/nvidia"), (999, "dmesg")]
)
def test_rule_29_a_driver_that_should_work_and_does_not_is_a_fault_with_a_remedy(
    driver: "Driver", code: int, expected: str
) -> None:
    reading = driver(f"fail.nvmlInitWithFlags {code}\n{ONE}")
    assert expected in reading["fault"]
    assert reading["absence"] is None
    assert len(driver(ONE)["gpus"]) == 1


def test_rule_29_an_update_of_the_driver_is_survived_without_a_restart(
    start: "Start", build: "Build"
) -> None:
    """First the new driver is loaded, under the old library; then the new library is there."""
    folder = build()
    reader = start(folder)
    assert reader.read(ONE)["fault"] is None
    updated = f"module 590\n{ONE}"
    assert reader.read(updated, at=601.0)["fault"].endswith("reboot or reload the driver")
    (build("LIBRARY=590") / "libnvidia-ml.so.1").replace(folder / "libnvidia-ml.so.1")
    assert [gpu["uuid"] for gpu in reader.read(at=602.0)["gpus"]] == ["GPU-aaaa"]


def test_a_fault_while_reading_is_a_fault_of_the_readings(driver: "Driver") -> None:
    assert driver(f"fail.nvmlDeviceGetCount_v2 999\n{ONE}")["fault"] is not None
    assert driver(ONE)["fault"] is None


def test_rule_30_the_real_pynvml_reads_a_library_of_ours(
    driver: "Driver", usual_reader: "Reader", driver_folder: Path
) -> None:
    driver(ONE)
    assert usual_reader.library_in_memory() == str(driver_folder / "libnvidia-ml.so.1")
