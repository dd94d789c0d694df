"""Decides how many jobs the CPU renders at a time, and what each of them may use. Pure.

The CPU is a device with slots. A slot has one worker, which renders one job at a time.
"""

from dataclasses import dataclass
from typing import Literal

from heygem_daemon.gpu.needs import Need
from heygem_daemon.system.processors import Processors
from heygem_daemon.system.units import GIB

CpuWorkers = Literal["auto"] | int
"""How many workers the CPU has; 'auto': as many as cores and memory allow."""


@dataclass(frozen=True, slots=True)
class JobShare:
    """What one job may use of the machine."""

    cores: int = 0
    """How many of its threads may compute at the same time; 0: as many as there are processors."""
    memory_bytes: int = 0
    """Main memory beside what its engine holds, in bytes; 0: half of all."""


ROOM_BYTES = 4 * GIB
"""Main memory that 'auto' leaves each worker for the files of a job: twice what 4K takes."""

SHARE = 0.8
"""Share of the memory that the workers of 'auto' take together, by what one of them needs. The rest
is left to the daemon, its other child processes, and other programs."""


def count_slots(
    asked: CpuWorkers, processors: Processors, memory_bytes: int, need: Need, job_bytes: int = 0
) -> int:
    """Return how many jobs the CPU renders at a time, 1 or more.

    ``memory_bytes``: main memory of the machine or the control group. ``need``: what the engine
    needs, as measured when it was loaded; until it was, 'auto' is one. ``job_bytes``: what the
    operator allows a job; 0: the workers share what there is.
    """
    if asked != "auto":
        return asked
    if not need.measured:
        return 1
    by_room = memory_bytes // job_bytes if job_bytes else memory_bytes // ROOM_BYTES - 1
    by_need = round(SHARE * memory_bytes) // max(1, need.host_bytes)
    return max(1, min(processors.usable_cores, by_room, by_need))


def share_memory(slots: int, memory_bytes: int, job_bytes: int = 0) -> int:
    """Return how much main memory a job on the CPU may take, in bytes, beside what its engine
    holds. All jobs together leave a part of the memory as large as that of one of them. Arguments
    as for ``count_slots``."""
    return job_bytes or memory_bytes // (slots + 1)


def share_cores(slots: int, jobs: int, processors: Processors) -> int:
    """Return how many threads of a job on the CPU may compute at the same time, 1 or more.

    ``jobs``: how many run or wait, the one in question included. Those that can run at the same
    time together have one thread for each processor.
    """
    return max(1, processors.usable // max(1, min(slots, jobs)))
