"""The log file: a new one every midnight, and patient with the disk or share that it lies on."""

import logging
import math
import sys
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

from heygem_daemon.faults import told


class LogFile(TimedRotatingFileHandler):
    """Takes whole lines. The old files bear the day that they are of; as many as ``days`` of them
    are kept, all if that is 0.

    What the disk or share does not take is lost, which is said once, on stderr; nothing else waits
    for it. Raises OSError where the file cannot be opened at all.
    """

    terminator = ""

    def __init__(self, file: Path, days: float) -> None:
        super().__init__(
            file,
            when="midnight",
            backupCount=math.ceil(days),
            encoding="utf-8",
            errors="backslashreplace",
        )
        self._trouble: str | None = None

    def format(self, record: logging.LogRecord) -> str:
        """The line as it is; the traceback, if there is one, is in it."""
        return record.getMessage()

    def emit(self, record: logging.LogRecord) -> None:
        before, after = self._trouble, self._try(record)
        if after is not None and before is None:
            sys.stderr.write(f"the log file takes no lines for now: {after}\n")

    def _try(self, record: logging.LogRecord) -> str | None:
        self._trouble = None
        super().emit(record)
        return self._trouble

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        """Called by ``emit`` for an error that it has caught."""
        error = sys.exc_info()[1]
        self._trouble = told(error) if isinstance(error, OSError) else repr(error)

    def close(self) -> None:
        """What cannot be written any more does not keep the file open."""
        try:
            super().close()
        except OSError:
            self.stream = None
