"""When idle workers end: tables of cases."""

from dataclasses import replace

import pytest

from heygem_daemon.gpu.idleness import IdlePolicy, find_dispensable_workers
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.reading import GpuReading, Readings

GIB = 1 << 30
L4 = GpuReading("GPU-0", 0, "NVIDIA L4", total=24 * GIB, free=GIB // 2, processes=3)
IDLE = WorkerOccupancy("GPU-0", 1, True, reserved_bytes=3 * GIB, active_bytes=GIB, idle_seconds=600)
ON_CPU = WorkerOccupancy(None, 2, True, idle_seconds=600)
NEVER = IdlePolicy()
TEN_MINUTES = IdlePolicy(idle_seconds=600)
YIELDS = IdlePolicy(yields_to_others=True, margin_bytes=GIB)


def served(gpu: GpuReading) -> Readings:
    return Readings("580", "13.0", (gpu,))


@pytest.mark.parametrize(
    ("readings", "held", "patience", "said"),
    [
        pytest.param(served(L4), IDLE, NEVER, None, id="never, as is the default"),
        pytest.param(served(L4), IDLE, TEN_MINUTES, "no job for 10 minutes", id="long enough"),
        pytest.param(
            served(L4), replace(IDLE, idle_seconds=599), TEN_MINUTES, None, id="not long enough"
        ),
        pytest.param(
            served(L4),
            replace(IDLE, idle=False, idle_seconds=0),
            IdlePolicy(600, True, GIB),
            None,
            id="a job is at work",
        ),
        pytest.param(served(L4), ON_CPU, TEN_MINUTES, "no job for", id="the CPU's worker as well"),
        pytest.param(served(L4), ON_CPU, YIELDS, None, id="nobody needs the CPU's worker's VRAM"),
        pytest.param(served(L4), IDLE, YIELDS, "of which 0.5 GiB are free", id="others need it"),
        pytest.param(
            served(replace(L4, free=2 * GIB)), IDLE, YIELDS, None, id="there is enough for others"
        ),
        pytest.param(
            served(replace(L4, processes=1)), IDLE, YIELDS, None, id="full, but only with ours"
        ),
        pytest.param(
            served(replace(L4, processes=None)), IDLE, YIELDS, "others need", id="told by bytes"
        ),
        pytest.param(
            served(replace(L4, processes=None, total=4 * GIB)),
            IDLE,
            YIELDS,
            None,
            id="told by bytes: ours alone",
        ),
        pytest.param(
            served(replace(L4, free=None, total=None)), IDLE, YIELDS, None, id="unknown memory"
        ),
        pytest.param(
            served(L4), replace(IDLE, idle_seconds=1), YIELDS, None, id="the next job may come now"
        ),
        pytest.param(
            served(replace(L4, fault="it fell off the bus")),
            IDLE,
            NEVER,
            "its GPU is lost",
            id="lost",
        ),
        pytest.param(served(replace(L4, uuid="GPU-1")), IDLE, NEVER, "its GPU is lost", id="gone"),
        pytest.param(
            Readings(fault="versions differ"), IDLE, YIELDS, None, id="a silent driver says nothing"
        ),
    ],
)
def test_an_idle_worker_ends_or_stays(
    readings: Readings, held: WorkerOccupancy, patience: IdlePolicy, said: str | None
) -> None:
    found = list(find_dispensable_workers(readings, [held], patience))
    assert len(found) == (said is not None)
    if said is not None:
        worker, reason = found[0]
        assert worker == held
        assert said in reason
