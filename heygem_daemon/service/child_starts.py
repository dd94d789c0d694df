"""Tells the log where no child process can be started that looks at files: nothing else does."""

from collections.abc import Iterator
from contextlib import contextmanager

from heygem_daemon.events.daemon import LookNotStarted
from heygem_daemon.spool.names import printable


class ChildStarts:
    """Remembers whether the last start failed, so that a series of failures is logged once."""

    def __init__(self) -> None:
        self._has_failed = False

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Log an OSError of a start within the block, unless the last one failed too, and raise
        it."""
        try:
            yield
        except OSError as error:
            if not self._has_failed:
                LookNotStarted(printable(str(error))).log()
            self._has_failed = True
            raise
        self._has_failed = False
