"""Moves files of a batch that others of its members may use, too.

The kernel lets nobody link a file of somebody else who has not made it writable for him
(fs.protected_hardlinks): on a share that is the usual case. A copy for each of a thousand members
would fill the disk and hold the daemon. So what cannot be linked stays with the batch, and a retry
takes it from there.
"""

import errno
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.batch.journal import BatchJournal
from heygem_daemon.spool.batch.last_made import inputs_of
from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.record_store import find_batch
from heygem_daemon.spool.records import RecordedFile
from heygem_daemon.system import paths
from heygem_daemon.system.disk_space import read_disk_space

MAX_COPIED_BYTES = 32 << 20
"""A retry copies no longer file, since that would hold the daemon: it moves it."""

_SPARE_FACTOR = 4
"""A copy is made only where the disk has room for so many of it."""

_NO_LINK_ERRNOS = {
    errno.EPERM,
    errno.EACCES,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
    errno.EINVAL,
}
"""Errors of file systems that do not support hard links (CIFS, exFAT), or allow no more of them."""


def move_or_link(files: FileOperations, source: Path, target: Path, shared: bool = False) -> None:
    """Move a file, or link a ``shared`` one. One that cannot be linked stays where it is."""
    if paths.exists(target) or not is_file(source):
        return
    if shared:
        _is_linked(files, source, target)
    else:
        files.move(source, target)


def move_or_share(files: FileOperations, source: Path, target: Path, shared: bool) -> None:
    """Move a file, or link or copy a ``shared`` one. A long one that cannot be linked is moved: who
    asks for it first gets it."""
    if paths.exists(target) or not is_file(source):
        return
    if shared and _is_linked(files, source, target):
        return
    if shared and _may_copy(source, target):
        files.copy(source, target)
    else:
        files.move(source, target)


def _is_linked(files: FileOperations, source: Path, target: Path) -> bool:
    try:
        files.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK_ERRNOS:
            raise
        return False
    return True


def _may_copy(source: Path, target: Path) -> bool:
    size = paths.lstat(source).st_size
    if size > MAX_COPIED_BYTES:
        return False
    return read_disk_space(target.parent).has_room(_SPARE_FACTOR * size)


def count_users(journal: BatchJournal) -> Counter[str]:
    """Return how many members of a batch use each of its media files, by the users' names."""
    return Counter(name for each in journal.members for name in set(each.media_names))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The media of a finished batch in done/."""

    recorded: Mapping[str, RecordedFile]
    """The files by the users' names."""

    users: Counter[str]
    """How many members use each."""


class SharedMedia:
    """The media that failed members share with others of their batch, in done/. Each batch's record
    is read once."""

    def __init__(self, layout: SpoolLayout) -> None:
        self._layout = layout
        self._found: dict[str, _Inputs | None] = {}

    def find(self, journal: Journal, name: str) -> Path | None:
        """Return the path of the media file ``name`` of a failed member among the inputs of its
        batch; None if it is not there as it was."""
        found = self._inputs(journal)
        if found is None or name not in (journal.audio_name, journal.video_name):
            return None
        return found.recorded[name].find(self._layout) if name in found.recorded else None

    def take(
        self, files: FileOperations, journal: Journal, name: str, target: Path, takers: int
    ) -> None:
        """Bring that file to ``target``, if it is there, for ``takers`` members that are retried
        together. Raises PermissionError, OSError."""
        source, found = self.find(journal, name), self._inputs(journal)
        if source is not None and found is not None:
            move_or_share(files, source, target, found.users[name] > takers)

    def is_in_use(self, journal: Journal) -> bool:
        """Return whether the batch of a failed member has not ended."""
        return journal.member is not None and paths.exists(
            self._layout.processing / journal.member.batch_id
        )

    def _inputs(self, journal: Journal) -> _Inputs | None:
        if journal.member is None:
            return None
        identity = journal.member.batch_id
        if identity not in self._found:
            record = find_batch(self._layout, identity)
            self._found[identity] = (
                None if record is None else _Inputs(inputs_of(record), count_users(record.journal))
            )
        return self._found[identity]
