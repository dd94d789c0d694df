"""What the kernel says of another process: whether it runs, waits for a disk, or is suspended."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PROC = Path("/proc")

Activity = Literal["runs", "waits for a disk", "is suspended"]
_ACTIVITIES: dict[str, Activity] = {
    "D": "waits for a disk",
    "T": "is suspended",
    "t": "is suspended",
}
"""By the letter of the process's state, proc(5)."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process that has not ended."""

    pid: int

    activity: Activity
    """What its main thread does. *runs*: it computes, or waits for something that is no disk."""

    started: float
    """When it was started (UNIX time)."""


def read_process(pid: int, proc: Path = PROC) -> ProcessState | None:
    """Return the state of a process; None if it has ended or cannot be seen from here."""
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = _boot_time((proc / "stat").read_text(encoding="utf-8"))
    except OSError:
        return None
    # The name, in parentheses, may hold anything.
    letter, *rest = fields.rpartition(")")[2].split()
    if letter in "ZXx":
        return None
    ticks = int(rest[18])
    started = boot + ticks / os.sysconf("SC_CLK_TCK")
    return ProcessState(pid, _ACTIVITIES.get(letter, "runs"), started)


def _boot_time(text: str) -> float:
    """Return when the machine was started (UNIX time), from ``/proc/stat``."""
    return next((float(line.split()[1]) for line in text.splitlines() if line[:5] == "btime"), 0.0)
