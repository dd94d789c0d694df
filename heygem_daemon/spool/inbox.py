"""The scan of the inbox, or of one folder in it."""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from heygem_daemon.spool.crowd import Crowd, first_of_each
from heygem_daemon.spool.deciders import dropped_by
from heygem_daemon.spool.files import translate_os_errors
from heygem_daemon.spool.formats import MediaKind, media_kind
from heygem_daemon.spool.markers import is_marker
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    is_ignored,
    is_sidecar,
    is_unfinished,
)
from heygem_daemon.spool.request_names import is_verb_alone
from heygem_daemon.system import paths
from heygem_daemon.system.subordinate_ids import holder_of

MAX_ENTRIES = 100_000
"""How many names a scan takes in at most. More would take minutes and gigabytes."""

MAX_MEASURED = 100
"""Of so many files that are no input it is found out whether they are empty."""

SAMPLED = 20_000
"""How many of the others it examines besides, chosen at random: so it finds each in the end,
whatever the order in which the folder lists them."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file as lstat describes it.

    Other hard links to the file are ignored: its content is the same, and the claim moves only the
    name in the inbox.
    """

    path: Path
    kind: MediaKind | None
    """None: a sidecar."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change of the content, nanoseconds by the file system's clock."""
    ctime_ns: int
    """Time when the name arrived in the inbox, nanoseconds by the file system's clock. Copies and
    moves renew it, even those that keep an old mtime."""
    inode: int
    device: int
    owner: int = 0
    """User id of the file's owner; of a sidecar as whose it counts (see deciders)."""


@dataclass(frozen=True, slots=True)
class FolderSnapshot:
    """The result of one scan. Names are as the directory lists them."""

    entries: tuple[FileEntry, ...]
    """Audio and video files."""
    ready_names: frozenset[str] = frozenset()
    """The names in ready markers: ``talk.mp4`` for talk.mp4.ready, ``talk`` for talk.ready."""
    folders: tuple[str, ...] = ()
    """Names of folders; in the inbox each is a batch."""
    unsupported_files: tuple[str, ...] = ()
    """Names that are neither audio nor video by extension, or not regular files (link, pipe,
    device)."""
    sidecars: tuple[FileEntry, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Names of copies in progress. They are ignored, but show that more files will arrive."""
    draft_sizes: Mapping[int, int] = field(default_factory=dict)
    """Sizes in bytes of the unfinished files, by inode. A rename to the final name keeps the
    inode."""
    is_marked_ready: bool = False
    """Whether a marker ``.ready`` declares the folder itself complete."""
    faulty: tuple[str, ...] = ()
    """Names of entries that could not be examined."""
    marker_owners: Mapping[str, int] = field(default_factory=dict)
    """As whose the markers count, by the names in ``ready_names``; a name that is not in it is
    root's. The owner of a marker ``.ready`` has the name ``""``."""
    owner: int | None = field(default=None, compare=False)
    """User id of the folder's owner; None: not known."""
    left_out: int = field(default=0, compare=False)
    """How many names are not taken in, since there are too many."""
    ignored: int = field(default=0, compare=False)
    """How many names are neither inputs nor copies in progress: hidden files and the like."""
    empty_files: frozenset[str] = field(default=frozenset(), compare=False)
    """Those among the first ``MAX_MEASURED`` unsupported files that are empty."""
    named: Mapping[str, FileEntry] = field(default_factory=dict, compare=False, repr=False)
    """The entries and sidecars by their names; empty: not kept."""

    def by_name(self) -> Mapping[str, FileEntry]:
        """Return the entries and sidecars by their names."""
        return self.named or {each.path.name: each for each in (*self.entries, *self.sidecars)}

    @property
    def content(self) -> frozenset[object]:
        """Everything that is not ignored. Equal for two scans if nothing changed between them."""
        return frozenset((*self.entries, *self.sidecars, *self.folders, *self.unsupported_files))

    @property
    def entry_count(self) -> int:
        """How many names it holds, about."""
        parts = (self.entries, self.sidecars, self.folders, self.unsupported_files)
        named = sum(map(len, (*parts, self.ready_names, self.unfinished, self.faulty)))
        return named + self.left_out + self.ignored


def scan(
    inbox: Path,
    previous: FolderSnapshot | None = None,
    on_fault: Callable[[str, Exception], object] | None = None,
    limit: int = MAX_ENTRIES,
) -> FolderSnapshot:
    """List the top level of ``inbox``. Files are not opened, and links are not followed.

    Of more than ``limit`` names it takes in those that it knows, the first ones listed, and some at
    random; of the files, those of each owner that came first.

    Entries of the ``previous`` snapshot are reused if their files have not changed. That makes the
    scan of thousands of waiting files cheap. ``on_fault`` is called with the name of an entry and
    what examining it raised, and the entry is left out; None: the error is raised.

    Raises SpoolUnavailable if the folder cannot be read.
    """
    found = _Found(inbox, previous)
    with translate_os_errors(inbox), paths.listing(inbox) as items:
        found.owner = paths.lstat(inbox).st_uid
        crowd = Crowd(found.is_known, SAMPLED)
        for item in chain(islice(items, limit), filter(crowd.admits, items), crowd.sample):
            try:
                found.add(item)
            except Exception as error:
                if on_fault is None:
                    raise
                found.faulty.append(item.name)
                on_fault(item.name, error)
    snapshot = found.snapshot()
    is_crowded = crowd.left_out or snapshot.entry_count > limit + SAMPLED
    return _cut(snapshot, limit, crowd.left_out) if is_crowded else snapshot


def _cut(snapshot: FolderSnapshot, limit: int, left_out: int) -> FolderSnapshot:
    """Return a scan with at most ``limit`` files, those of each owner that came first."""
    kept = first_of_each(
        [*snapshot.entries, *snapshot.sidecars],
        lambda entry: holder_of(entry.owner),
        lambda entry: (entry.ctime_ns, entry.path.name),
        limit,
    )
    entries = tuple(entry for entry in snapshot.entries if entry in kept)
    sidecars = tuple(entry for entry in snapshot.sidecars if entry in kept)
    cut = len(snapshot.entries) + len(snapshot.sidecars) - len(kept)
    return replace(
        snapshot,
        entries=entries,
        sidecars=sidecars,
        folders=snapshot.folders[: limit // 2],
        left_out=left_out + cut,
        named={},
    )


class _Found:
    """What a scan has found so far."""

    def __init__(self, inbox: Path, previous: FolderSnapshot | None) -> None:
        self._inbox = inbox
        self._earlier = previous.by_name() if previous else {}
        self._named: dict[str, FileEntry] = {}
        self._folders_before = frozenset(previous.folders) if previous else frozenset()
        self._entries: list[FileEntry] = []
        self._sidecars: list[FileEntry] = []
        self._ready: dict[str, int] = {}
        """The owners of the markers, by the names in them."""
        self._folders: list[str] = []
        self._unsupported_files: list[str] = []
        self._empty_files: list[str] = []
        self._unfinished: list[str] = []
        self._draft_sizes: dict[int, int] = {}
        self._is_marked_ready = False
        self._ready_owner: int | None = None
        self._ignored = 0
        self.faulty: list[str] = []
        self.owner: int | None = None

    def is_known(self, name: str) -> bool:
        """Return whether the scan before took in what has this name."""
        return name in self._earlier or name in self._folders_before

    def add(self, item: os.DirEntry[str]) -> None:
        """Examine one entry of the folder. Raises OSError."""
        inbox = self._inbox
        if (entry := self._earlier.get(item.name)) and _is_unchanged(item, entry):
            self._take(item.name, entry)
        elif is_ignored(item.name) and not is_verb_alone(item.name):
            if item.name == READY_SUFFIX:
                with suppress(FileNotFoundError):
                    self._ready_owner = dropped_by(item.stat(follow_symlinks=False))
                    self._is_marked_ready = True
            if is_unfinished(item.name):
                self._draft_sizes |= _draft_size(inbox, item)
                self._unfinished.append(item.name)
            else:
                self._ignored += 1
        elif item.is_dir(follow_symlinks=False):
            self._folders.append(item.name)
        elif entry := _input_entry(inbox, item):
            self._take(item.name, entry)
        elif (marker_owner := _marker_owner(item)) is not None:
            self._ready[item.name.removesuffix(READY_SUFFIX)] = marker_owner
        else:
            self._unsupported_files.append(item.name)
            if len(self._unsupported_files) <= MAX_MEASURED and _is_empty(item):
                self._empty_files.append(item.name)

    def _take(self, name: str, entry: FileEntry) -> None:
        (self._entries if entry.kind else self._sidecars).append(entry)
        self._named[name] = entry

    def snapshot(self) -> FolderSnapshot:
        """Return all of it."""
        return FolderSnapshot(
            tuple(self._entries),
            frozenset(self._ready),
            tuple(self._folders),
            tuple(self._unsupported_files),
            tuple(self._sidecars),
            tuple(self._unfinished),
            self._draft_sizes,
            self._is_marked_ready,
            tuple(self.faulty),
            self._ready if self._ready_owner is None else self._ready | {"": self._ready_owner},
            self.owner,
            ignored=self._ignored,
            empty_files=frozenset(self._empty_files),
            named=self._named,
        )


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
        and entry_owner(entry.kind, status) == entry.owner
        and stat.S_ISREG(status.st_mode)
    )


def _is_empty(item: os.DirEntry[str]) -> bool:
    """Return whether it is an empty regular file; False if it is gone by now."""
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _draft_size(folder: Path, item: os.DirEntry[str]) -> dict[int, int]:
    """Return the size of an unfinished file by its inode; nothing for an empty one."""
    entry = _entry(folder, item, None)
    return {entry.inode: entry.size} if entry and entry.size else {}


def _input_entry(folder: Path, item: os.DirEntry[str]) -> FileEntry | None:
    """Return the audio, video or sidecar; None for anything else."""
    kind = media_kind(item.name)
    return _entry(folder, item, kind) if kind or is_sidecar(item.name) else None


def _entry(folder: Path, item: os.DirEntry[str], kind: MediaKind | None) -> FileEntry | None:
    """Return the file as lstat describes it; None if it is not regular or is gone by now."""
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileEntry(
        path=folder / item.name,
        kind=kind,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
        owner=entry_owner(kind, status),
    )


def entry_owner(kind: MediaKind | None, status: os.stat_result) -> int:
    """Return the ``owner`` of an entry with the lstat ``status``."""
    return dropped_by(status) if kind is None else status.st_uid


def _marker_owner(item: os.DirEntry[str]) -> int | None:
    """Return the user id of a marker's owner; None for what is no marker, or is gone by now."""
    if not item.name.endswith(READY_SUFFIX):
        return None
    try:
        status = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return dropped_by(status) if is_marker(status) else None
