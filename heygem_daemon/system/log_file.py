"""The log file: rotated at midnight and by size, and opened again where it was moved or deleted."""

import logging
import math
import os
import sys
import time
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

from heygem_daemon.system import paths
from heygem_daemon.system.log_rotation import free_name, names_to_delete
from heygem_daemon.system.os_errors import describe_os_error


class LogFile(TimedRotatingFileHandler):
    """Writes complete lines to a file that rotates at midnight, and when it has ``max_bytes``.

    The name of a rotated file ends with its day. The files of ``kept_days`` days are kept (0: of
    all days), but ``keep_files`` at most.

    Before each line the file is opened again where its name belongs to another file, or to none: an
    administrator or a program may move it or delete it.

    Lines that cannot be written are lost. That is reported once on stderr, and raises no error.
    Raises OSError if the file cannot be opened at the start. No link is followed, and what is not a
    regular file is not opened: users may be able to write to the folder.
    """

    terminator = ""

    def __init__(
        self,
        file: Path,
        kept_days: float,
        max_bytes: int,
        keep_files: int,
        *,
        may_make_folder: bool = False,
    ) -> None:
        """``may_make_folder``: whether a deleted folder is made again. In a spool it is not: the
        disk or share may be gone, and the folder would be made in its mount point."""
        super().__init__(
            file,
            when="midnight",
            backupCount=math.ceil(kept_days),
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._max_bytes = max_bytes
        self._full_at = max_bytes
        """The size at which the present file is rotated, in bytes."""
        self._keep_files = keep_files
        self._may_make_folder = may_make_folder
        self._write_error: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """Return the line unchanged; it already contains the traceback, if there is one."""
        return record.getMessage()

    def computeRollover(self, currentTime: float) -> int:  # noqa: N802, N803
        """Return the next midnight in seconds since the epoch, local time."""
        year, month, day = time.localtime(currentTime)[:3]
        return int(time.mktime((year, month, day + 1, 0, 0, 0, 0, 0, -1)))

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802
        """Return whether the day of the file is over, or the file is full."""
        return bool(super().shouldRollover(record)) or self._size() >= self._full_at

    def doRollover(self) -> None:  # noqa: N802
        """Rename the file to its day, delete old ones, and open a new one.

        Where somebody has put a folder in the way, the file stays until the next day, or until it
        has grown by ``max_bytes`` again.
        """
        if self.stream:
            self.stream.close()
            self.stream = None
        noon_of_the_day = time.localtime(self.rolloverAt - 43_200)
        day = time.strftime(self.suffix, noon_of_the_day)
        with suppress(OSError):
            file = Path(self.baseFilename)
            name = free_name(file.name, day, paths.names_in(file.parent))
            self.rotate(self.baseFilename, str(file.with_name(name)))
            for name in self.getFilesToDelete():
                paths.remove_file(Path(name))
        self.stream = self._open()
        self.rolloverAt = self.computeRollover(time.time())
        self._full_at = self._size() + self._max_bytes

    def rotate(self, source: str, dest: str) -> None:
        """Rename a file."""
        paths.replace(Path(source), Path(dest))

    def getFilesToDelete(self) -> list[str]:  # noqa: N802
        """Return the rotated files that are too old or too many."""
        file = Path(self.baseFilename)
        names = paths.names_in(file.parent)
        old = names_to_delete(file.name, names, self.backupCount, self._keep_files)
        return [str(file.with_name(name)) for name in old]

    def _size(self) -> int:
        """Return the size of the open file in bytes; 0 where none is open."""
        return os.fstat(self.stream.fileno()).st_size if self.stream else 0

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        handle = paths.open_file(Path(self.baseFilename), flags)
        return TextIOWrapper(os.fdopen(handle, "ab"), encoding=self.encoding, errors=self.errors)

    def emit(self, record: logging.LogRecord) -> None:
        before, after = self._write_error, self._emit_once(record)
        if after is not None and before is None:
            sys.stderr.write(f"the log file cannot be written for now: {after}\n")

    def _emit_once(self, record: logging.LogRecord) -> str | None:
        self._write_error = None
        try:
            self._follow_name()
        except OSError as error:
            self._write_error = describe_os_error(error)
        super().emit(record)
        return self._write_error

    def _follow_name(self) -> None:
        """Open the file of this name, if it is not the one that is open. Raises OSError where none
        can be opened; the old one then stays open."""
        file = Path(self.baseFilename)
        if self.stream is None or _is_same_file(file, self.stream.fileno()):
            return
        if self._may_make_folder:
            paths.make_folder(file.parent)
        moved, self.stream = self.stream, self._open()
        moved.close()
        self._full_at = max(self._max_bytes, self._size())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        """Remember an error that ``emit`` has caught."""
        error = sys.exc_info()[1]
        self._write_error = describe_os_error(error) if isinstance(error, OSError) else repr(error)

    def close(self) -> None:
        """Close the file, even if the rest of it cannot be written."""
        try:
            super().close()
        except OSError:
            self.stream = None


def _is_same_file(file: Path, handle: int) -> bool:
    try:
        named, opened = paths.lstat(file), os.fstat(handle)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
