"""The rights of this process beyond those of its user (capabilities(7))."""

import ctypes
import sys
from pathlib import Path

_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4  # linux/prctl.h
_CAP_LEASE = 28  # linux/capability.h
_STATUS = Path("/proc/self/status")


def keep_from_children() -> None:
    """Make sure that the programs which this process starts get none of its rights.

    systemd passes rights on as "ambient" ones, which every new program keeps. This process keeps
    its own.
    """
    if sys.platform == "linux":
        # Fails only on kernels before 4.3, which know no ambient rights.
        ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def can_lease_any_file(status: Path = _STATUS) -> bool:
    """Return whether this process may ask the kernel who has another user's file open
    (CAP_LEASE)."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return False
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_LEASE & 1)
