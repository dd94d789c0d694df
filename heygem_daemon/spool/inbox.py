"""One look at the inbox: what lies there, and what belongs together."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import (
    Kind,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular audio or video file as lstat showed it. Times are the file system's, in ns.

    ``ctime_ns`` is when the name arrived here as far as a file system tells: copies and moves
    renew it, even those that keep an old mtime. A second hard link elsewhere is not looked at:
    the content is as good, and the claim moves only the name in the inbox.
    """

    path: Path
    kind: Kind
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One scan. Names are as the directory gave them."""

    entries: tuple[Entry, ...]
    ready: frozenset[str]
    """What markers name: ``talk.mp4`` for talk.mp4.ready, ``talk`` for talk.ready."""
    folders: tuple[str, ...] = ()
    """Folders, which are not worked on yet (batches)."""
    strangers: tuple[str, ...] = ()
    """Neither audio nor video by extension, or no regular file (link, pipe, device)."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """What belongs together. Each entry of a scan is in exactly one of the three."""

    pairs: tuple[Pair, ...]
    """First come, first served: by the later arrival of the two, then by name."""
    lone: tuple[Entry, ...]
    """Without a partner, so far."""
    ambiguous: tuple[tuple[Entry, ...], ...]
    """Groups of one key that hold two audios or two videos: nobody can tell which is meant."""


def scan(inbox: Path) -> Snapshot:
    """Look at the top level of ``inbox`` (lstat only; nothing is opened or followed).

    Raises SpoolUnavailable if the folder cannot be read.
    """
    raise NotImplementedError


def pair_up(entries: Iterable[Entry]) -> Pairing:
    """Match audio and video by ``pair_key``; exact stems first where case twins lie together."""
    raise NotImplementedError


def can_open(path: Path) -> bool:
    """Whether the file opens for reading now; False if another holds it (EBUSY, EACCES ...)."""
    raise NotImplementedError
