"""How many jobs the CPU renders at a time, and what each may use: tables of machines."""

import pytest

from heygem_daemon.gpu.cpu_slots import (
    ROOM_BYTES,
    CpuWorkers,
    count_slots,
    share_cores,
    share_memory,
)
from heygem_daemon.gpu.needs import ESTIMATE, Need
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB

NEED = Need(resident_bytes=0, per_frame_bytes=0, host_bytes=round(1.5 * GIB), measured=True)
LARGE = NEED.model_copy(update={"host_bytes": 6 * GIB})


@pytest.mark.parametrize(
    ("processors", "memory_gib", "need", "slots"),
    [
        pytest.param(Processors(1, 1), 64, NEED, 1, id="1 core"),
        pytest.param(Processors(2, 2), 24, NEED, 2, id="2 cores"),
        pytest.param(Processors(4, 4), 24, NEED, 4, id="4 cores"),
        pytest.param(Processors(16, 16), 128, NEED, 16, id="16 cores"),
        pytest.param(Processors(64, 64), 512, NEED, 64, id="64 cores"),
        pytest.param(Processors(16, 8), 128, NEED, 8, id="two threads of a core count once"),
        pytest.param(Processors(8, 8, quota=1.5), 64, NEED, 1, id="a quota of 1.5"),
        pytest.param(Processors(8, 8, quota=0.4), 64, NEED, 1, id="a quota below one"),
        pytest.param(Processors(8, 8, quota=3.0), 64, NEED, 3, id="a quota of 3"),
        pytest.param(Processors(16, 8, quota=12.0), 64, NEED, 8, id="a quota above the cores"),
        pytest.param(Processors(16, 16), 32, NEED, 7, id="each has room for a large file"),
        pytest.param(Processors(16, 16), 8, NEED, 1, id="little memory"),
        pytest.param(Processors(16, 16), 1, NEED, 1, id="hardly any memory"),
        pytest.param(Processors(16, 16), 64, LARGE, 8, id="an engine that needs much"),
        pytest.param(Processors(16, 16), 128, ESTIMATE, 1, id="an engine that is not measured yet"),
    ],
)
def test_auto_counts_cores_and_memory(
    processors: Processors, memory_gib: int, need: Need, slots: int
) -> None:
    assert count_slots("auto", processors, memory_gib * GIB, need) == slots


@pytest.mark.parametrize(
    ("asked", "job_gib", "slots"),
    [
        pytest.param("auto", 0, 7, id="what is left of 32 GiB for a job"),
        pytest.param("auto", 2, 16, id="the operator allows a job less"),
        pytest.param("auto", 10, 3, id="the operator allows a job more"),
        pytest.param(5, 10, 5, id="a number is a number"),
    ],
)
def test_the_operators_limit_of_a_job_counts(asked: CpuWorkers, job_gib: int, slots: int) -> None:
    found = count_slots(asked, Processors(16, 16), 32 * GIB, NEED, job_gib * GIB)
    assert found == slots


@pytest.mark.parametrize("cores", [1, 2, 4, 16, 64])
@pytest.mark.parametrize("memory_gib", [2, 8, 24, 64, 512])
def test_the_jobs_of_auto_never_take_more_than_there_is(cores: int, memory_gib: int) -> None:
    processors, memory = Processors(cores, cores), memory_gib * GIB
    slots = count_slots("auto", processors, memory, NEED)
    share = share_memory(slots, memory)
    assert slots * share <= memory
    assert slots == 1 or share >= ROOM_BYTES
    assert slots * share_cores(slots, slots, processors) <= cores


def test_one_worker_may_take_half_of_the_memory_as_ever() -> None:
    assert share_memory(1, 24 * GIB) == 12 * GIB
    assert share_memory(3, 24 * GIB) == 6 * GIB
    assert share_memory(3, 24 * GIB, 2 * GIB) == 2 * GIB


def test_cores_are_shared_among_the_jobs_that_there_are() -> None:
    sixteen = Processors(16, 16)
    assert [share_cores(16, jobs, sixteen) for jobs in (1, 2, 3, 16, 99)] == [16, 8, 5, 1, 1]
    assert share_cores(3, 99, sixteen) == 5
    assert share_cores(8, 8, Processors(16, 8)) == 2, "threads of a core are used too"
    assert share_cores(4, 4, Processors(8, 8, quota=1.5)) == 1
