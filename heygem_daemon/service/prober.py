"""Whether a file looks complete, found out by child processes.

Never in the daemon's own process: a truncated video can take its reader down with it.
"""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.service.clock import Clock
from heygem_daemon.spool.names import kind_of

COMMAND = (sys.executable, "-m", "heygem_daemon.media.probe")
"""Takes a file and its kind; status 0 says that it looks complete."""

AT_ONCE = 2
LONGEST_SECONDS = 60.0

Version = tuple[Path, int, int]


@dataclass(frozen=True, slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    started: float


class Prober:
    """Answers at once, without waiting for a child: None for 'not known yet', ask again."""

    def __init__(self, command: Sequence[str] = COMMAND, clock: Clock | None = None) -> None:
        self._command = tuple(command)
        self._clock = clock or Clock()
        self._children: dict[Version, _Child] = {}

    def __call__(self, path: Path) -> bool | None:
        """Whether ``path`` looks complete; a reader that dies of it or hangs says no."""
        self._end_overdue()
        try:
            status = path.stat()
        except OSError:
            return False
        version = (path, status.st_mtime_ns, status.st_size)
        child = self._children.get(version)
        if child is None:
            if len(self._children) < AT_ONCE:
                # No process to be had now: ask again, until the settler's patience is over.
                with suppress(OSError):
                    self._children[version] = self._start(path)
            return None
        verdict = child.process.poll()
        if verdict is None:
            return None
        del self._children[version]
        return verdict == 0

    def close(self) -> None:
        """End all children."""
        for child in self._children.values():
            child.process.kill()
            child.process.wait()
        self._children.clear()

    def _start(self, path: Path) -> _Child:
        process = subprocess.Popen(
            [*self._command, str(path), kind_of(path.name) or "video"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return _Child(process, self._clock.monotonic())

    def _end_overdue(self) -> None:
        """Those that hang, and those whose file nobody asks about any more."""
        now = self._clock.monotonic()
        overdue = [
            version
            for version, child in self._children.items()
            if now - child.started > LONGEST_SECONDS
        ]
        for version in overdue:
            child = self._children.pop(version)
            child.process.kill()
            child.process.wait()
