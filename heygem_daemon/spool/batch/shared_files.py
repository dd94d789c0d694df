"""Moves files of a batch that others of its members may use, too.

The kernel lets nobody link a file of somebody else who has not made it writable for him
(fs.protected_hardlinks): on a share that is the usual case. A copy for each of a thousand members
would fill the disk and hold the daemon. So what cannot be linked stays with the batch, and a retry
takes it from there.
"""

import errno
from pathlib import Path

from heygem_daemon.spool.batch.journal import INPUTS_FOLDER
from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.record_store import find_batch
from heygem_daemon.spool.records import BatchRecord
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


class SharedMedia:
    """The media that failed members share with others of their batch, in done/. Each batch's record
    is read once."""

    def __init__(self, layout: SpoolLayout) -> None:
        self._layout = layout
        self._records: dict[str, BatchRecord | None] = {}

    def find(self, journal: Journal, name: str) -> Path | None:
        """Return the path of the media file ``name`` of a failed member among the inputs of its
        batch; None if it is not there as it was."""
        record = self._record(journal)
        if record is None or name not in (journal.audio_name, journal.video_name):
            return None
        place = (*record.location, INPUTS_FOLDER, name)
        found = (file.find(self._layout) for file in record.files if file.path == place)
        return next(found, None)

    def take(
        self, files: FileOperations, journal: Journal, name: str, target: Path, takers: int
    ) -> None:
        """Bring that file to ``target``, if it is there, for ``takers`` members that are retried
        together. Raises PermissionError, OSError."""
        source, record = self.find(journal, name), self._record(journal)
        if source is not None and record is not None:
            users = len([*record.journal.members_using(name)])
            move_or_share(files, source, target, users > takers)

    def is_in_use(self, journal: Journal) -> bool:
        """Return whether the batch of a failed member has not ended."""
        return journal.member is not None and paths.exists(
            self._layout.processing / journal.member.batch_id
        )

    def _record(self, journal: Journal) -> BatchRecord | None:
        if journal.member is None:
            return None
        identity = journal.member.batch_id
        if identity not in self._records:
            self._records[identity] = find_batch(self._layout, identity)
        return self._records[identity]
