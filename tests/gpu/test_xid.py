"""Which Xids of a GPU are remembered, and for how long."""

import pytest

from heygem_daemon.gpu.reading import GpuReading
from heygem_daemon.gpu.xid import HARMLESS, MEANINGS, XidHistory

L4 = GpuReading("GPU-a", 0, "NVIDIA L4")
HALF = GpuReading("MIG-1", 0, "NVIDIA A100 MIG 3g.20gb", mig_parent="GPU-a", mig_instance=1)


@pytest.mark.parametrize("number", [46, 48, 62, 64, 74, 79, 95, 109, 119, 120, 140, 999])
def test_what_needs_a_reset_or_is_unknown_puts_the_gpu_aside(number: int) -> None:
    xids = XidHistory(lambda: 0.0)
    xids.record("GPU-a", None, number)
    assert f"Xid {number} of it" in (xids.annotate(L4).fault or "")


@pytest.mark.parametrize("number", [13, 31, 43, 45, 63, 69, 94, 137, 154])
def test_what_ends_a_program_at_most_is_told_and_no_more(number: int) -> None:
    xids = XidHistory(lambda: 0.0)
    xids.record("GPU-a", None, number)
    marked = xids.annotate(L4)
    assert (marked.xid, marked.fault) == (number, None)


def test_no_grave_one_counts_as_harmless() -> None:
    assert not HARMLESS & set(MEANINGS)


def test_a_harmless_one_after_a_grave_one_does_not_end_the_quarantine() -> None:
    now = [0.0]
    xids = XidHistory(lambda: now[0])
    xids.record("GPU-a", None, 48)
    xids.record("GPU-a", None, 31)
    assert xids.annotate(L4).xid == 31
    now[0] = 599.0
    assert xids.annotate(L4).fault is not None
    now[0] = 601.0
    assert xids.annotate(L4).fault is None


def test_an_error_of_the_whole_gpu_is_one_of_its_instances_and_not_the_reverse() -> None:
    xids = XidHistory(lambda: 0.0)
    xids.record("GPU-a", 2, 95)
    assert xids.annotate(HALF) == HALF
    xids.record("GPU-a", 1, 95)
    assert xids.annotate(HALF).fault is not None
    whole = XidHistory(lambda: 0.0)
    whole.record("GPU-a", None, 79)
    assert "fallen off the bus" in (whole.annotate(HALF).fault or "")


def test_what_else_is_wrong_comes_first() -> None:
    xids = XidHistory(lambda: 0.0)
    xids.record("GPU-b", None, 79)
    lost = GpuReading("GPU-b", 1, "NVIDIA L4", fault="lost to the driver")
    assert xids.annotate(lost).fault == "lost to the driver"
