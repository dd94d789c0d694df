"""One look at the inbox: what lies there, and what belongs together."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.files import faults_of
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    Kind,
    is_ignored,
    kind_of,
    pair_key,
    safe_name,
    split_extension,
)

MARKER_BYTES = 4096
"""A ``.ready`` file longer than this is no marker: markers are deleted with the claim."""

_HELD = {errno.EBUSY, errno.EACCES, errno.EPERM, errno.ETXTBSY, errno.EAGAIN}


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
    entries: list[Entry] = []
    ready: set[str] = set()
    folders: list[str] = []
    strangers: list[str] = []
    with faults_of(inbox), os.scandir(inbox) as found:
        for item in found:
            if is_ignored(item.name):
                continue
            if item.is_dir(follow_symlinks=False):
                folders.append(item.name)
            elif (kind := kind_of(item.name)) and (entry := _entry(item, kind)):
                entries.append(entry)
            elif _is_marker(item):
                ready.add(item.name.removesuffix(READY_SUFFIX))
            else:
                strangers.append(item.name)
    return Snapshot(tuple(entries), frozenset(ready), tuple(folders), tuple(strangers))


def pair_up(entries: Iterable[Entry]) -> Pairing:
    """Match audio and video by ``pair_key``; exact stems first where case twins lie together."""
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[pair_key(entry.path.name)].append(entry)
    pairs: list[tuple[Entry, Entry]] = []
    lone: list[Entry] = []
    ambiguous: list[tuple[Entry, ...]] = []
    for group in groups.values():
        rest = group
        if len(group) > 2:
            matched = list(_exact(group))
            pairs.extend(matched)
            taken = {entry.path for pair in matched for entry in pair}
            rest = [entry for entry in group if entry.path not in taken]
        kinds = sorted(entry.kind for entry in rest)
        if kinds == ["audio", "video"]:
            pairs.append(_ordered(rest))
        elif len(kinds) > 1:
            ambiguous.append(tuple(sorted(rest, key=lambda entry: entry.path.name)))
        else:
            lone.extend(rest)
    pairs.sort(key=lambda pair: (max(entry.ctime_ns for entry in pair), pair[0].path.name))
    return Pairing(
        tuple(
            Pair(safe_name(split_extension(audio.path.name)[0]), audio.path, video.path)
            for audio, video in pairs
        ),
        tuple(lone),
        tuple(ambiguous),
    )


def can_open(path: Path) -> bool:
    """Whether the file opens for reading now; False if another holds it (EBUSY, EACCES ...).

    A file that is gone or no file any more is no business of this question: True.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return error.errno not in _HELD
    os.close(handle)
    return True


def _entry(item: os.DirEntry[str], kind: Kind) -> Entry | None:
    """The file as lstat shows it; None if it is not regular, or gone since the listing."""
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Entry(
        path=Path(item.path),
        kind=kind,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )


def _is_marker(item: os.DirEntry[str]) -> bool:
    if not item.name.endswith(READY_SUFFIX) or not item.is_file(follow_symlinks=False):
        return False
    try:
        return item.stat(follow_symlinks=False).st_size <= MARKER_BYTES
    except FileNotFoundError:
        return False


def _exact(group: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Pairs of one group whose stems are the same to the byte."""
    stems: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in group:
        stems[split_extension(entry.path.name)[0]].append(entry)
    for same in stems.values():
        if sorted(entry.kind for entry in same) == ["audio", "video"]:
            yield _ordered(same)


def _ordered(two: list[Entry]) -> tuple[Entry, Entry]:
    first, second = two
    return (first, second) if first.kind == "audio" else (second, first)
