"""What is old enough to go, by our own records only (never a file's mtime), and its removal."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heygem_daemon.spool.spool import Spool


@dataclass(frozen=True, slots=True)
class Expired:
    """Something of ours that is due. ``completed_at`` in seconds since the epoch."""

    path: Path
    what: Literal["result", "inputs", "failed", "log", "cache"]
    completed_at: float
    bytes: int


def due(spool: Spool, now: float, retention_days: float) -> list[Expired]:
    """What a purge at ``now`` deletes; nothing at all if the spool's sentinel is missing."""
    raise NotImplementedError


def purge(spool: Spool, expired: Iterable[Expired]) -> list[Expired]:
    """Delete; gives what is really gone. What cannot be deleted stays for the next time."""
    raise NotImplementedError
