"""When idle workers end: tables of cases."""

from dataclasses import replace

import pytest

from heygem_daemon.gpu.idleness import IdlePolicy, find_dispensable_workers
from heygem_daemon.gpu.occupancy import WorkerOccupancy
from heygem_daemon.gpu.reading import GpuReading, Readings
from heygem_daemon.system.units import GIB

L4 = GpuReading("GPU-0", 0, "NVIDIA L4", total=24 * GIB, free=GIB // 2, processes=3)
IDLE = WorkerOccupancy("GPU-0", 1, True, reserved_bytes=3 * GIB, active_bytes=GIB, idle_seconds=600)
ON_CPU = WorkerOccupancy(None, 2, True, idle_seconds=600)
NEVER = IdlePolicy()
TEN_MINUTES = IdlePolicy(idle_seconds=600)
YIELDS = IdlePolicy(yields_to_others=True, margin_bytes=GIB)


def readings_of(gpu: GpuReading) -> Readings:
    return Readings("580", "13.0", (gpu,))


@pytest.mark.parametrize(
    ("readings", "worker", "policy", "reason"),
    [
        pytest.param(readings_of(L4), IDLE, NEVER, None, id="never, as is the default"),
        pytest.param(readings_of(L4), IDLE, TEN_MINUTES, "no job for 10 minutes", id="long enough"),
        pytest.param(
            readings_of(L4),
            replace(IDLE, idle_seconds=599),
            TEN_MINUTES,
            None,
            id="not long enough",
        ),
        pytest.param(
            readings_of(L4),
            replace(IDLE, idle=False, idle_seconds=0),
            IdlePolicy(600, True, GIB),
            None,
            id="a job is at work",
        ),
        pytest.param(
            readings_of(L4), ON_CPU, TEN_MINUTES, "no job for", id="the CPU's worker as well"
        ),
        pytest.param(
            readings_of(L4), ON_CPU, YIELDS, None, id="nobody needs the CPU's worker's VRAM"
        ),
        pytest.param(
            readings_of(L4), IDLE, YIELDS, "of which 0.5 GiB are free", id="others need it"
        ),
        pytest.param(
            readings_of(replace(L4, free=2 * GIB)),
            IDLE,
            YIELDS,
            None,
            id="there is enough for others",
        ),
        pytest.param(
            readings_of(replace(L4, processes=1)),
            IDLE,
            YIELDS,
            None,
            id="full, but only with our own workers",
        ),
        pytest.param(
            readings_of(replace(L4, processes=None)),
            IDLE,
            YIELDS,
            "others need",
            id="others recognised by bytes",
        ),
        pytest.param(
            readings_of(replace(L4, processes=None, total=4 * GIB)),
            IDLE,
            YIELDS,
            None,
            id="by bytes: only our own",
        ),
        pytest.param(
            readings_of(replace(L4, free=None, total=None)), IDLE, YIELDS, None, id="unknown memory"
        ),
        pytest.param(
            readings_of(L4),
            replace(IDLE, idle_seconds=1),
            YIELDS,
            None,
            id="the next job may come now",
        ),
        pytest.param(
            readings_of(replace(L4, fault="it fell off the bus")),
            IDLE,
            NEVER,
            "its GPU is lost",
            id="lost",
        ),
        pytest.param(
            readings_of(replace(L4, uuid="GPU-1")), IDLE, NEVER, "its GPU is lost", id="gone"
        ),
        pytest.param(
            Readings(fault="versions differ"), IDLE, YIELDS, None, id="the driver is at fault"
        ),
    ],
)
def test_an_idle_worker_ends_or_stays(
    readings: Readings, worker: WorkerOccupancy, policy: IdlePolicy, reason: str | None
) -> None:
    found = list(find_dispensable_workers(readings, [worker], policy))
    assert len(found) == (reason is not None)
    if reason is not None:
        assert found[0][0] == worker
        assert reason in found[0][1]
