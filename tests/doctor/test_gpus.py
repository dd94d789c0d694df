"""The doctor's findings about GPUs."""

from dataclasses import replace

import pytest

from heygem_daemon.doctor.gpus import TypicalJob, gpu_checks
from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.placement_request import PlacementRequest, Policy
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.system.units import GIB

L4 = GpuReading("GPU-0", 0, "NVIDIA L4", 24 * GIB, 20 * GIB, temperature=50, power=30.2)
LOST = GpuReading("GPU-0", 0, "lost GPU", fault="it fell off the bus")
FULL = replace(L4, free=1 * GIB, processes=2)
SMALL = replace(L4, total=2 * GIB, free=2 * GIB)
NONE = Readings(absence="no library")
REQUEST = PlacementRequest("builtin", lambda _name: Need(resident_bytes=4 * GIB, per_frame_bytes=0))


def job(device: str = "auto", cuda_usable: bool = True, gpus: tuple[str, ...] = ()) -> TypicalJob:
    return TypicalJob(Policy(device, gpus), REQUEST, cuda_usable, hot_celsius=87.0)


def readings_of(*gpus: GpuReading) -> Readings:
    return Readings("580", "13.0", gpus)


@pytest.mark.parametrize(
    ("readings", "typical_job", "verdicts"),
    [
        pytest.param(readings_of(L4), job(), "pass pass", id="healthy"),
        pytest.param(readings_of(LOST), job(), "fail fail", id="lost"),
        pytest.param(readings_of(LOST, L4), job(), "warn pass pass", id="one of two lost"),
        pytest.param(readings_of(FULL), job(), "warn warn", id="full for now"),
        pytest.param(readings_of(SMALL), job(), "warn fail", id="too small for ever"),
        pytest.param(readings_of(SMALL, L4), job(), "warn pass pass", id="one of two"),
        pytest.param(readings_of(L4), job(cuda_usable=False), "pass warn", id="torch without CUDA"),
        pytest.param(Readings(fault="mismatch"), job(), "fail", id="driver"),
        pytest.param(NONE, job(), "warn", id="none, and none is demanded"),
        pytest.param(NONE, job("cuda"), "fail", id="none, though demanded"),
        pytest.param(NONE, job("cpu"), "pass", id="none, and none is needed"),
    ],
)
def test_each_state_of_the_gpus_has_its_verdicts(
    readings: Readings, typical_job: TypicalJob, verdicts: str
) -> None:
    checks = gpu_checks(readings, typical_job)
    assert [check.verdict for check in checks] == verdicts.split()
    assert all(check.remedy for check in checks if check.verdict != "pass")


@pytest.mark.parametrize(
    ("gpu", "remedy"),
    [
        (replace(L4, temperature=91), "cooling"),
        (replace(L4, throttled=("power limit",)), "power limit"),
        (replace(L4, ecc_errors=2), "2 memory errors"),
    ],
)
def test_a_gpu_that_works_and_suffers_is_warned_of(gpu: GpuReading, remedy: str) -> None:
    found, _ = gpu_checks(readings_of(gpu), job())
    assert found.verdict == "warn"
    assert remedy in found.remedy


def test_a_gpu_is_described_by_what_it_reports() -> None:
    found, _ = gpu_checks(readings_of(L4), job())
    assert found.detail == (
        "NVIDIA L4, 20.0 of 24.0 GiB free, 50 °C, 30 W, the engine fits with 4.0 GiB (estimated),"
        " GPU-0"
    )
    assert found.figures["free"] == 20 * GIB


def test_a_full_gpu_is_no_failure_while_our_own_daemon_may_fill_it() -> None:
    *_, placement = gpu_checks(readings_of(FULL), job(), daemon_running=True)
    assert placement.verdict == "warn"
    assert "status" in placement.remedy


@pytest.mark.parametrize("typical_job", [job("cpu"), job(gpus=("GPU-9",)), job("GPU-9")])
def test_a_gpu_that_the_settings_leave_out_is_reported_as_such(typical_job: TypicalJob) -> None:
    found, _ = gpu_checks(readings_of(L4), typical_job)
    assert found.verdict == "pass"
    assert "not to be used" in found.detail


def test_what_is_allowed_by_the_whole_gpu_is_allowed_by_its_instances() -> None:
    instance = replace(L4, uuid="MIG-1", mig_parent="GPU-0")
    assert job(gpus=("GPU-0",)).allows(instance)
    assert not job(gpus=("GPU-0",)).allows(replace(instance, mig_parent="GPU-1"))
