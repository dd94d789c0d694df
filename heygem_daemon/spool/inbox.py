"""One look at the inbox: what lies there."""

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    MediaKind,
    is_ignored,
    is_sidecar,
    is_unfinished,
    media_kind,
)

MAX_MARKER_BYTES = 4096
"""A ``.ready`` file longer than this is no marker: markers are deleted with the claim."""

_HELD_ERRNOS = {errno.EBUSY, errno.EACCES, errno.EPERM, errno.ETXTBSY, errno.EAGAIN}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file as lstat showed it; ``kind`` None: a sidecar. Times are the disk's, in ns.

    ``ctime_ns`` is when the name arrived here as far as a file system tells: copies and moves
    renew it, even those that keep an old mtime. A second hard link elsewhere is not looked at:
    the content is as good, and the claim moves only the name in the inbox.
    """

    path: Path
    kind: MediaKind | None
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """One scan. Names are as the directory gave them."""

    entries: tuple[FileEntry, ...]
    """Audio and video files."""
    ready_names: frozenset[str] = frozenset()
    """What markers name: ``talk.mp4`` for talk.mp4.ready, ``talk`` for talk.ready."""
    folders: tuple[str, ...] = ()
    """In the inbox: batches."""
    unsupported_files: tuple[str, ...] = ()
    """Neither audio nor video by extension, or no regular file (link, pipe, device)."""
    sidecars: tuple[FileEntry, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Ignored, but a sign that more is to come: copies under way."""
    draft_sizes: Mapping[int, int] = field(default_factory=dict)
    """Size by inode of the unfinished: a rename to the final name keeps the inode."""
    is_marked_ready: bool = False
    """Whether a marker ``.ready`` says that the folder itself is complete."""

    @property
    def content(self) -> frozenset[object]:
        """All that is not ignored: equal as long as nothing came, went or changed."""
        return frozenset((*self.entries, *self.sidecars, *self.folders, *self.unsupported_files))


def scan(inbox: Path, previous: FolderSnapshot | None = None) -> FolderSnapshot:
    """Look at the top level of ``inbox`` (lstat only; nothing is opened or followed).

    Entries of the snapshot ``before`` are used again as they are where their files have not
    changed, which makes a look at thousands of waiting files cheap.

    Raises SpoolUnavailable if the folder cannot be read.
    """
    entries: list[FileEntry] = []
    sidecars: list[FileEntry] = []
    ready: set[str] = set()
    folders: list[str] = []
    strangers: list[str] = []
    unfinished: list[str] = []
    drafts: dict[int, int] = {}
    announced = False
    known = {entry.path.name: entry for entry in previous.entries} if previous else {}
    with translate_os_errors(inbox), os.scandir(inbox) as found:
        for item in found:
            if (entry := known.get(item.name)) and _is_unchanged(item, entry):
                entries.append(entry)
                continue
            if is_ignored(item.name):
                announced = announced or item.name == READY_SUFFIX
                if is_unfinished(item.name):
                    unfinished.append(item.name)
                    drafts |= _draft(item)
                continue
            if item.is_dir(follow_symlinks=False):
                folders.append(item.name)
            elif (kind := media_kind(item.name)) and (entry := _entry(item, kind)):
                entries.append(entry)
            elif is_sidecar(item.name) and (entry := _entry(item, None)):
                sidecars.append(entry)
            elif _is_marker(item):
                ready.add(item.name.removesuffix(READY_SUFFIX))
            else:
                strangers.append(item.name)
    return FolderSnapshot(
        tuple(entries),
        frozenset(ready),
        tuple(folders),
        tuple(strangers),
        tuple(sidecars),
        tuple(unfinished),
        drafts,
        announced,
    )


def can_open(path: Path) -> bool:
    """Whether the file opens for reading now; False if another holds it (EBUSY, EACCES ...).

    A file that is gone or no file any more is no business of this question: True.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        return error.errno not in _HELD_ERRNOS
    os.close(handle)
    return True


def is_open_for_writing(path: Path) -> bool:
    """Whether a program has the file open for writing now, as far as the kernel tells us.

    It grants a read lease only on a file that nobody writes (fcntl(2), F_SETLEASE), and asks that
    we own the file and that it lies on a disk of this machine; elsewhere the answer is False. On
    a machine that serves the share itself this sees each upload, however long it pauses.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Who opens it just now breaks the lease, of which SIGIO would tell us, and end the process.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False


def _is_unchanged(item: os.DirEntry[str], entry: FileEntry) -> bool:
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return (
        status.st_ctime_ns == entry.ctime_ns
        and status.st_mtime_ns == entry.mtime_ns
        and status.st_size == entry.size
        and status.st_ino == entry.inode
        and status.st_dev == entry.device
        and stat.S_ISREG(status.st_mode)
    )


def _draft(item: os.DirEntry[str]) -> dict[int, int]:
    entry = _entry(item, None)
    return {entry.inode: entry.size} if entry and entry.size else {}


def _entry(item: os.DirEntry[str], kind: MediaKind | None) -> FileEntry | None:
    """The file as lstat shows it; None if it is not regular, or gone since the listing."""
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileEntry(
        path=_path(item.path),
        kind=kind,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )


@lru_cache(maxsize=1 << 15)
def _path(text: str) -> Path:
    """The same object at each look: making one costs as much as all the rest of it."""
    return Path(text)


def _is_marker(item: os.DirEntry[str]) -> bool:
    if not item.name.endswith(READY_SUFFIX) or not item.is_file(follow_symlinks=False):
        return False
    try:
        return item.stat(follow_symlinks=False).st_size <= MAX_MARKER_BYTES
    except FileNotFoundError:
        return False
