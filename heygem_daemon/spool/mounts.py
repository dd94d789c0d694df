"""Which file system a path lies on, and what that means for watching it."""

from dataclasses import dataclass
from pathlib import Path

ATTRIBUTE_CACHE_SECONDS = 60.0
"""Longest attribute cache of an NFS mount by default (acregmax, acdirmax: nfs(5))."""


@dataclass(frozen=True, slots=True)
class MountInfo:
    """The mount that holds a path."""

    point: Path
    type: str
    is_network: bool
    """Whether other machines may write there without this kernel's knowledge (no inotify)."""


def filesystem_of(path: Path, table: Path = Path("/proc/self/mountinfo")) -> MountInfo:
    """The mount of ``path``, from the mount table; type "unknown" where it cannot be read."""
    raise NotImplementedError


def quiet_period(configured: float, mount: MountInfo) -> float:
    """Seconds for a Settler: on a network mount never shorter than its attribute cache."""
    raise NotImplementedError
