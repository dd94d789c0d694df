"""The log: loguru to the console or journal, and to a file that rotates at midnight and by size.

Each event is one line; a traceback follows in lines of its own.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from loguru import logger

from heygem_daemon.events.daemon import LogUnavailable
from heygem_daemon.system.log_file import LogFile
from heygem_daemon.system.log_lines import (
    json_line,
    template,
    text_line,
    untimed_line,
    with_priority,
)
from heygem_daemon.system.units import MIB

if TYPE_CHECKING:
    from loguru import Record

LOG_FILE_NAME = "heygem-daemon.log"


class LogSettings(Protocol):
    """The settings that concern the log."""

    @property
    def log_level(self) -> str: ...

    @property
    def log_json(self) -> bool: ...

    @property
    def spool(self) -> Path: ...

    @property
    def log_folder(self) -> Path: ...

    @property
    def retention_days(self) -> float: ...

    @property
    def log_max_mib(self) -> float: ...

    @property
    def log_keep(self) -> int: ...


class DaemonLog:
    """The daemon's log: the console and, while the spool is open, a file."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._has_file = False
        self._file: int | None = None
        """Loguru's number of the file's sink; None where none is open."""
        log_to_console(settings)

    @contextmanager
    def in_file(self) -> Iterator[None]:
        """Log to a file too."""
        self._has_file = True
        self._open_file()
        try:
            yield
        finally:
            self._has_file = False
            if self._file is not None:
                logger.remove(self._file)
                self._file = None

    def reopen(self, settings: LogSettings) -> None:
        """Open the log again, where and how ``settings`` say."""
        self._settings, self._file = settings, None
        log_to_console(settings)  # this removes the file too
        if self._has_file:
            self._open_file()

    def _open_file(self) -> None:
        try:
            self._file = log_to_file(self._settings)
        except OSError as error:
            LogUnavailable(str(error)).log()


def log_to_console(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Replace all sinks by one on ``stream`` (default: stderr).

    If the stream is systemd's journal, lines have a priority and no time.
    """
    # watchdog logs each normal end of its threads as an error, and the scan does not depend on it.
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)
    target = stream or sys.stderr
    line: Callable[[Record], str] = json_line if settings.log_json else text_line
    if is_journal(target):
        line = _for_journal(json_line if settings.log_json else untimed_line)
    logger.remove()
    logger.add(
        target,
        level=settings.log_level,
        format=template(line),
        backtrace=False,
        diagnose=False,
    )


def log_to_file(settings: LogSettings) -> int:
    """Log to ``settings.log_folder`` too: a new file each day, or when it is full. Old files are
    deleted after the retention time, or when there are too many.

    Returns loguru's number of the sink. Raises OSError if the folder cannot be made or written to,
    or if users of the spool have put a link in its place.
    """
    folder = resolve_folder(settings.log_folder, settings.spool)
    folder.mkdir(parents=True, exist_ok=True)
    return logger.add(
        LogFile(
            folder / LOG_FILE_NAME,
            settings.retention_days,
            round(settings.log_max_mib * MIB),
            settings.log_keep,
            may_make_folder=not settings.log_folder.is_relative_to(settings.spool),
        ),
        level=settings.log_level,
        format=template(json_line if settings.log_json else text_line),
        backtrace=False,
        diagnose=False,
    )


def resolve_folder(folder: Path, spool: Path) -> Path:
    """Return the log folder without links above it. In the spool, where users may write, only the
    spool's own path is resolved, and a link below it is left for ``LogFile`` to refuse."""
    inside = folder.is_relative_to(spool)
    return spool.resolve() / folder.relative_to(spool) if inside else folder.resolve()


def _for_journal(line: Callable[["Record"], str]) -> Callable[["Record"], str]:
    return lambda record: with_priority(record, line(record))


def is_journal(stream: TextIO) -> bool:
    """Return whether ``stream`` itself goes to the journal: JOURNAL_STREAM holds its device and
    inode (sd-daemon(3))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream in memory has no descriptor
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
