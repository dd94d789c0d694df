"""The log: loguru to the console or journal, and to a file that rotates at midnight and by size.

Each event is one line; a traceback follows in lines of its own.
"""

import json
import logging
import math
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from loguru import logger

from heygem_daemon.system import paths
from heygem_daemon.system.log_rotation import free_name, names_to_delete
from heygem_daemon.system.os_errors import describe_os_error
from heygem_daemon.system.units import MIB

if TYPE_CHECKING:
    from loguru import Record

LOG_FILE_NAME = "heygem-daemon.log"
# Priorities of sd-daemon(3): the journal reads them from the start of a line.
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "SUCCESS": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
# Fields of a record that are not printed like others.
_TRACEBACK = "traceback"
_LINE = "line"


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


def log_to_console(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Replace all sinks by one on ``stream`` (default: stderr).

    If the stream is systemd's journal, lines have a priority and no time.
    """
    # watchdog logs each normal end of its threads as an error, and the scan does not depend on it.
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)
    target = stream or sys.stderr
    text = _journal_line if is_journal(target) else _text_line
    logger.remove()
    logger.add(
        target,
        level=settings.log_level,
        format=_template(_json_line if settings.log_json else text),
        backtrace=False,
        diagnose=False,
    )


def log_to_file(settings: LogSettings) -> int:
    """Log to ``settings.log_folder`` too: a new file each day, or when it is full. Old files are
    deleted after the retention time, or when there are too many.

    Returns loguru's number of the sink. Raises OSError if the folder cannot be made or written to,
    or if users of the spool have put a link in its place.
    """
    folder = _resolve_folder(settings.log_folder, settings.spool)
    folder.mkdir(parents=True, exist_ok=True)
    return logger.add(
        LogFile(
            folder / LOG_FILE_NAME,
            settings.retention_days,
            round(settings.log_max_mib * MIB),
            settings.log_keep,
        ),
        level=settings.log_level,
        format=_template(_json_line if settings.log_json else _text_line),
        backtrace=False,
        diagnose=False,
    )


def _resolve_folder(folder: Path, spool: Path) -> Path:
    """Return the log folder without links above it. In the spool, where users may write, only the
    spool's own path is resolved, and a link below it is left for ``LogFile`` to refuse."""
    inside = folder.is_relative_to(spool)
    return spool.resolve() / folder.relative_to(spool) if inside else folder.resolve()


class LogFile(TimedRotatingFileHandler):
    """Writes complete lines to a file that rotates at midnight, and when it has ``max_bytes``.

    The name of a rotated file ends with its day. The files of ``kept_days`` days are kept (0: of
    all days), but ``keep_files`` at most.

    Lines that cannot be written are lost. That is reported once on stderr, and raises no error.
    Raises OSError if the file cannot be opened at the start. No link is followed, and what is not a
    regular file is not opened: users may be able to write to the folder.
    """

    terminator = ""

    def __init__(self, file: Path, kept_days: float, max_bytes: int, keep_files: int) -> None:
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
        super().emit(record)
        return self._write_error

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


def escape_line(text: str) -> str:
    """Return ``text`` with everything escaped that could break or forge a line of the log: control
    characters, line separators, and bytes of file names that are not UTF-8."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def is_journal(stream: TextIO) -> bool:
    """Return whether ``stream`` itself goes to the journal: JOURNAL_STREAM holds its device and
    inode (sd-daemon(3))."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # a stream in memory has no descriptor
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _escaped(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # os.fsdecode's stand-in for an undecodable byte
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def _template(line: Callable[["Record"], str]) -> Callable[["Record"], str]:
    def template(record: "Record") -> str:
        # The line is a value and not the template, since loguru interprets braces and tags there.
        record["extra"][_LINE] = line(record)
        return "{extra[" + _LINE + "]}\n"

    return template


def _text_line(record: "Record") -> str:
    moment = record["time"].isoformat(sep=" ", timespec="milliseconds")
    return f"{moment} {record['level'].name:<7} {_message(record)}{_traceback_text(record)}"


def _journal_line(record: "Record") -> str:
    priority = _PRIORITIES.get(record["level"].name, 6)
    text = f"{_message(record)}{_traceback_text(record)}"
    return "\n".join(f"<{priority}>{part}" for part in text.split("\n"))


def _json_line(record: "Record") -> str:
    fields = _fields(record)
    trace = _traceback_text(record)
    return json.dumps(
        {
            "time": record["time"].isoformat(),
            "level": record["level"].name,
            "message": escape_line(record["message"]),
            **{name: _json_value(value) for name, value in fields.items()},
            **({_TRACEBACK: trace.strip()} if trace else {}),
        },
        ensure_ascii=False,
    )


def _message(record: "Record") -> str:
    named = "".join(f" {key}={_quoted(value)}" for key, value in _fields(record).items())
    return escape_line(record["message"]) + named


def _fields(record: "Record") -> dict[str, object]:
    hidden = (_TRACEBACK, _LINE)
    return {key: value for key, value in record["extra"].items() if key not in hidden}


def _quoted(value: object) -> str:
    text = escape_line(str(value))
    bare = text.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return text if bare else '"' + text.replace('"', '\\"') + '"'


def _json_value(value: object) -> object:
    return value if isinstance(value, bool | int | float) else escape_line(str(value))


def _traceback_text(record: "Record") -> str:
    """Return the traceback in lines of its own: of the record's exception, or the text that a
    worker sent in the field ``traceback``."""
    text = str(record["extra"].get(_TRACEBACK, ""))
    if record["exception"] is not None:
        text = "".join(traceback.format_exception(record["exception"].value))
    return "".join(f"\n    {escape_line(line)}" for line in text.splitlines())
