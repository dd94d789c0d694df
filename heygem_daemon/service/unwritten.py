"""What the daemon cannot write for people, since something else is in its place.

The files lie where others can write, so this is for a person to mend: it is told in the log once,
and in the status as long as it is so. Each writer tries again by itself.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.events.daemon import FileUnwritten
from heygem_daemon.report.unwritten_file import UnwrittenFile
from heygem_daemon.spool.names import printable
from heygem_daemon.system.os_errors import IN_THE_WAY_ERRNOS

MAX_SHOWN = 20
"""How many files the status names."""

MAX_REMEMBERED = 1000
"""How many files are remembered, so that each is logged once. Beyond that the oldest are
forgotten."""


class UnwrittenFiles:
    """Logs each of these files once."""

    def __init__(self) -> None:
        self._logged: dict[UnwrittenFile, None] = {}

    def tell(self, faults: Mapping[str, Exception]) -> tuple[UnwrittenFile, ...]:
        """Log what is new, and return what the status shows. ``faults``: what was raised for each
        file, by its path in the spool."""
        found = tuple(_found(faults))[:MAX_SHOWN]
        for each in found:
            if each not in self._logged:
                self._logged[each] = None
                FileUnwritten(each.path, each.why).log()
        while len(self._logged) > MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        return found


def _found(faults: Mapping[str, Exception]) -> Iterator[UnwrittenFile]:
    """Yield the files that somebody keeps from being written. A full or lost disk is told as what
    holds the daemon."""
    for path, error in sorted(faults.items()):
        if isinstance(error, SpoolUnavailable):
            yield UnwrittenFile(path=printable(path), why=str(error))
        elif isinstance(error, OSError) and error.errno in IN_THE_WAY_ERRNOS:
            yield UnwrittenFile(path=printable(path), why=_why(error))


def _why(error: OSError) -> str:
    name, strerror = printable(Path(os.fsdecode(error.filename or "")).name), error.strerror
    why = f"{name} cannot be made: {strerror}"
    if error.errno == errno.EISDIR:
        why = f"a folder has the name {name}"
    elif error.errno == errno.EEXIST:
        why = f"something else has the name {name}"
    return why
