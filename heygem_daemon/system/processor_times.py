"""How the machine's processors have spent their time: busy or idle."""

from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system.host_memory import PROC


@dataclass(frozen=True, slots=True)
class ProcessorTimes:
    """Time of all processors together since the machine was started."""

    busy: int
    """In the kernel's ticks."""

    total: int
    """The same, with the time in which nothing ran."""

    def percent_since(self, earlier: "ProcessorTimes") -> float:
        """Return the share of the time since then in which the processors were busy, 0-100."""
        total = self.total - earlier.total
        if total <= 0:
            return 0.0
        return min(100.0, max(0.0, 100 * (self.busy - earlier.busy) / total))


def read_processor_times(proc: Path = PROC) -> ProcessorTimes | None:
    """Return the times so far, from the first line of ``/proc/stat`` (proc(5)); None: unknown.

    Time that waits for a disk counts as idle, time of guests is part of the user's.
    """
    try:
        with (proc / "stat").open() as file:
            fields = file.readline().split()
        user, nice, system, idle, waiting, *more = map(int, fields[1:9])
    except (OSError, ValueError):
        return None
    busy = user + nice + system + sum(more)
    return ProcessorTimes(busy, busy + idle + waiting)
