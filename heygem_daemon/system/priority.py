"""The priority of this process: who goes first where several want a processor or a disk."""

import ctypes
import os
import platform
from typing import Literal

IoPriority = Literal["normal", "low", "idle"]

_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
"""Numbers of the system call, by architecture: ioprio_set(2), which the C library does not have."""
_THIS_THREAD = 1
"""IOPRIO_WHO_PROCESS; with the id 0, the calling thread."""
_CLASS_SHIFT, _BEST_EFFORT, _IDLE, _LOWEST_LEVEL = 13, 2, 3, 7
"""IOPRIO_CLASS_SHIFT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE, and the last of the eight levels."""
_VALUES = {
    "low": _BEST_EFFORT << _CLASS_SHIFT | _LOWEST_LEVEL,
    "idle": _IDLE << _CLASS_SHIFT,
}


def lower_priority(nice: int, io: IoPriority) -> None:
    """Let other processes go first on the processors and the disks.

    It holds for the calling thread and for those that it starts. ``nice``: 0 to 19; the kernel
    gives a process of 5 about a third of the time of one of 0 where both want the same core
    (sched(7)). ``io``: *low* is the last level of the usual class, *idle* reads and writes only
    while nobody else does. Schedulers that know no priorities do not heed it. Never raises a
    priority: a process that was started with a lower one keeps it. Raises OSError where the system
    refuses.
    """
    if nice > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if io != "normal":
        _set_io_priority(_VALUES[io])


def _set_io_priority(value: int) -> None:
    number = _IOPRIO_SET.get(platform.machine())
    if number is None:
        raise OSError(f"I/O priorities are not known on {platform.machine()}")
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    if syscall(number, _THIS_THREAD, 0, value) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
