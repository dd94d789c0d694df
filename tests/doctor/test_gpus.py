"""The doctor's findings about GPUs."""

from dataclasses import replace

import pytest

from heygem_daemon.doctor.gpus import gpu_checks
from heygem_daemon.gpu.needs import Need
from heygem_daemon.gpu.placement import GIB, Ours, Placed, Policy, Waiting, Wish, place
from heygem_daemon.gpu.reading import GpuReading, Readings

L4 = GpuReading("GPU-0", 0, "NVIDIA L4", 24 * GIB, 20 * GIB, temperature=50, power=30.2)
LOST = GpuReading("GPU-0", 0, "lost GPU", fault="it fell off the bus")
FULL = replace(L4, free=1 * GIB, processes=2)
SMALL = replace(L4, total=2 * GIB, free=2 * GIB)
NONE = Readings(absence="no library")
WISH = Wish("builtin", lambda _name: Need(resident_bytes=4 * GIB, per_frame_bytes=0))


class Answer:
    """The real placement, with nothing of ours running."""

    def __init__(self, device: str, cuda_usable: bool) -> None:
        self._policy = Policy(device)
        self._ours = Ours(cuda_usable=cuda_usable)

    def __call__(self, readings: Readings) -> Placed | Waiting:
        return place(readings, self._policy, WISH, self._ours)


def served(*gpus: GpuReading) -> Readings:
    return Readings("580", "13.0", gpus)


@pytest.mark.parametrize(
    ("readings", "answer", "verdicts"),
    [
        pytest.param(served(L4), Answer("auto", True), "pass pass", id="healthy"),
        pytest.param(served(LOST), Answer("auto", True), "fail fail", id="lost"),
        pytest.param(served(FULL), Answer("auto", True), "warn warn", id="full for now"),
        pytest.param(served(SMALL), Answer("auto", True), "warn fail", id="too small for ever"),
        pytest.param(served(SMALL, L4), Answer("auto", True), "warn pass pass", id="one of two"),
        pytest.param(served(L4), Answer("auto", False), "warn warn", id="torch without CUDA"),
        pytest.param(Readings(fault="mismatch"), Answer("auto", True), "fail", id="driver"),
        pytest.param(NONE, Answer("auto", True), "warn", id="none, and none is demanded"),
        pytest.param(NONE, Answer("cuda", True), "fail", id="none, though demanded"),
        pytest.param(NONE, Answer("cpu", True), "pass", id="none, and none is wanted"),
    ],
)
def test_each_state_of_the_gpus_has_its_verdicts(
    readings: Readings, answer: Answer, verdicts: str
) -> None:
    checks = gpu_checks(readings, answer)
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
    found, _ = gpu_checks(served(gpu), Answer("auto", True))
    assert found.verdict == "warn"
    assert remedy in found.remedy


def test_a_gpu_is_described_by_what_it_tells() -> None:
    found, _ = gpu_checks(served(L4), Answer("auto", True))
    told = "NVIDIA L4, 20.0 of 24.0 GiB free, 50 °C, 30 W, the engine fits, GPU-0"
    assert found.detail == told
    assert found.figures["free"] == 20 * GIB


def test_a_full_gpu_is_no_failure_while_a_daemon_of_ours_may_fill_it() -> None:
    *_, placement = gpu_checks(served(FULL), Answer("auto", True), at_work=True)
    assert placement.verdict == "warn"
    assert "status" in placement.remedy
