"""How much room a disk has, and the sentence that reports a shortage."""

import os
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system.units import GIB, MIB


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Room on a file system at one moment."""

    free_bytes: int
    """What this user may still write: without what the file system reserves for root."""
    total_bytes: int
    """Size of the file system; 0: it keeps no account, as some network shares do."""
    free_inodes: int
    """Files that this user may still create; without meaning where ``total_inodes`` is 0."""
    total_inodes: int
    """Files that the file system can hold; 0: it sets no limit."""

    def has_room(self, needed_bytes: int) -> bool:
        """Whether ``needed_bytes`` are free, or the file system keeps no account."""
        return self.total_bytes == 0 or needed_bytes <= self.free_bytes


def read_disk_space(path: Path) -> DiskSpace:
    """The room on the file system that holds ``path``. Raises OSError."""
    figures = os.statvfs(path)
    return DiskSpace(
        free_bytes=figures.f_bavail * figures.f_frsize,
        total_bytes=figures.f_blocks * figures.f_frsize,
        free_inodes=figures.f_favail,
        total_inodes=figures.f_files,
    )


def describe_shortage(what: str, needed_bytes: int, free_bytes: int, keep_free_bytes: int) -> str:
    """Why ``what`` cannot be written to the spool's disk: a clause without a full stop.

    ``free_bytes`` below 0 counts as 0; ``keep_free_bytes`` is the setting ``free_space_gib``.
    """
    return (
        f"{what} needs about {format_bytes(needed_bytes)}; the spool's disk has "
        f"{format_bytes(max(0, free_bytes))} free, of which {format_bytes(keep_free_bytes)} must "
        "stay free (free_space_gib)"
    )


def format_bytes(size: int) -> str:
    """As '1.50 GiB'; below a tenth of that in whole MiB, rounded up."""
    return f"{size / GIB:.2f} GiB" if size >= GIB / 10 else f"{-(-size // MIB)} MiB"
