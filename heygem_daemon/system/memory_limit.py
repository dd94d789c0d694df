"""Limit the main memory of this process, so that a hostile file raises MemoryError.

Without a limit the kernel would kill the process, or another one, and nothing would say why.
"""

import resource
from pathlib import Path

from heygem_daemon.system.host_memory import total_bytes

SHARE = 0.5
"""Share of the machine's memory that one job may take where no setting says how much."""
STATUS = Path("/proc/self/status")


def limit_data(more_bytes: int, status: Path = STATUS) -> int:
    """Let this process allocate ``more_bytes`` beyond what it holds now; return the limit in bytes.

    0: half of the memory of the machine or control group. The limit counts private writable memory
    (RLIMIT_DATA, setrlimit(2)); what CUDA has mapped for a GPU before the call is not limited.
    """
    allowed = more_bytes or round(SHARE * total_bytes())
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = data_bytes(status) + allowed
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return limit


def data_bytes(status: Path = STATUS) -> int:
    """Return the private writable memory that this process has mapped, in bytes (proc(5), status:
    VmData)."""
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
