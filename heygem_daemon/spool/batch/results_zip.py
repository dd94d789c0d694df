"""Writes the ZIP of a batch's results."""

import os
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import Interrupted
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import FILE_MODE, GONE_ERRNOS, is_unchanged
from heygem_daemon.spool.job import FileIdentity, Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.system import paths

ZIP_FILE = "results.zip"
"""The name of the ZIP before it is published."""

_BLOCK = 1 << 20
_EARLIEST = 315_619_200.0
"""1980-01-02: the format of ZIP knows no earlier day. In seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """A file that belongs in a ZIP."""

    path: Path
    identity: FileIdentity
    """The file as it was published. What has taken its name since is not packed."""

    def is_unchanged(self) -> bool:
        """Return whether the file is there and is the one that was published."""
        return is_unchanged(self.path, self.identity)


def published_results(
    layout: SpoolLayout, batch: Batch, final_journals: Mapping[int, Journal]
) -> list[PackedFile]:
    """Return the files that belong in the ZIP: those that the members published, in order."""
    folder = layout.outbox / batch.journal.name
    return [
        PackedFile(folder / file.name, file)
        for _, end in sorted(final_journals.items())
        for file in end.published
    ]


def write_zip(
    target: Path, files: Iterable[PackedFile], folder: str, should_stop: Callable[[], bool]
) -> list[str]:
    """Write ``files`` durably to a ZIP at ``target``, in the folder ``folder`` inside it. Return
    the names of files that do not exist any more, or that somebody has replaced.

    Files are stored without compression: compression would take time, and does not make video
    smaller. ZIP64 is used where it is needed, so that size and number of files have no limit. An
    existing ``target`` is overwritten, and is complete only when the function returns. Raises
    Interrupted if ``should_stop`` returns True between two blocks, and OSError.
    """
    handle = paths.open_file(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(handle, "wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            missing = [
                file.path.name
                for file in files
                if not _add(archive, file, f"{folder}/{file.path.name}", should_stop)
            ]
        out.flush()
        os.fsync(out.fileno())
    return missing


def _add(
    archive: zipfile.ZipFile, file: PackedFile, name: str, should_stop: Callable[[], bool]
) -> bool:
    """Add a file to the ZIP. Return False if it is gone, or is not the published one."""
    if not file.is_unchanged():  # what somebody else has put there is not even opened
        return False
    try:
        handle = paths.open_file(file.path)
    except OSError as error:
        if error.errno not in GONE_ERRNOS:
            raise
        return False
    with os.fdopen(handle, "rb") as source:
        status = os.fstat(source.fileno())
        if not file.identity.matches(status):
            return False
        info = zipfile.ZipInfo(name, time.localtime(max(status.st_mtime, _EARLIEST))[:6])
        info.external_attr = (status.st_mode & 0xFFFF) << 16
        info.file_size = status.st_size
        with archive.open(info, "w", force_zip64=status.st_size > zipfile.ZIP64_LIMIT // 2) as out:
            while block := source.read(_BLOCK):
                if should_stop():
                    raise Interrupted("stopped while the ZIP of a batch was written")
                out.write(block)
    return True
