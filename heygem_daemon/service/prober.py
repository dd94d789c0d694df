"""Whether a file looks complete, found out by child processes.

Never in the daemon's own process: a truncated video can take its reader down with it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.names import media_kind

COMMAND = (sys.executable, "-m", "heygem_daemon.media.probe")
"""Takes a file and its kind; status 0 says that it looks complete."""

MAX_CHILDREN = 2
MAX_PROBE_SECONDS = 60.0

MAX_KEPT_ANSWERS = 1000
"""Answers that are kept for the next question; of more than that, the oldest nobody asks for."""

FileVersion = tuple[Path, int, int]


@dataclass(frozen=True, slots=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    started: float


class Prober:
    """Answers at once, without waiting for a child: None for 'not known yet', ask again.

    ``on_answer`` is called from another thread when it is worth asking again.
    """

    def __init__(
        self,
        command: Sequence[str] = COMMAND,
        clock: Clock | None = None,
        on_answer: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = tuple(command)
        self._clock = clock or Clock()
        self._on_answer = on_answer
        self._children: dict[FileVersion, _Child] = {}
        self._answers: dict[FileVersion, bool] = {}

    def __call__(self, path: Path) -> bool | None:
        """Whether ``path`` looks complete; a reader that dies of it or hangs says no."""
        self._collect()
        try:
            status = path.stat()
        except OSError:
            return False
        version = (path, status.st_mtime_ns, status.st_size)
        if version in self._answers:
            return self._answers.pop(version)
        if version not in self._children and len(self._children) < MAX_CHILDREN:
            # No process to be had now: ask again, until the settler's patience is over.
            with suppress(OSError):
                self._children[version] = self._start(path)
        return None

    def close(self) -> None:
        """End all children."""
        for child in self._children.values():
            child.process.kill()
            child.process.wait()
        self._children.clear()

    def _start(self, path: Path) -> _Child:
        process = subprocess.Popen(
            [*self._command, str(path), media_kind(path.name) or "video"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        threading.Thread(target=self._attend, args=(process.pid,), daemon=True).start()
        return _Child(process, self._clock.monotonic())

    def _attend(self, pid: int) -> None:
        # Without reaping it: that is for the one who keeps the process.
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self._on_answer()

    def _collect(self) -> None:
        """Take the answers of all that have ended, asked for or not: an answer that nobody wants
        any more must not hold a place. Those that hang are ended, and that is their answer."""
        now = self._clock.monotonic()
        for version, child in list(self._children.items()):
            verdict = child.process.poll()
            if verdict is None and now - child.started > MAX_PROBE_SECONDS:
                child.process.kill()
                verdict = child.process.wait()
            if verdict is not None:
                del self._children[version]
                self._answers[version] = verdict == 0
        while len(self._answers) > MAX_KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]
