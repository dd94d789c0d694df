"""Runs the operator's command after each published job: no shell, a time limit, one at a time."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import IO, Literal

from heygem_daemon.config.command import fill_in
from heygem_daemon.events.notify import (
    CommandEnded,
    CommandFailed,
    CommandsDropped,
    CommandsKept,
)
from heygem_daemon.notify.kept_commands import KeptCommand, KeptCommands

CommandOutcome = Literal["succeeded", "failed", "dropped"]
"""What became of a command: it ended with status 0, did not, or never ran since too many waited."""

COMMAND = (sys.executable, "-m", "heygem_daemon.notify.command_process")
MAX_WAITING = 1000
"""How many commands wait for their turn."""

MAX_OUTPUT_BYTES = 2000
"""How much of the end of a command's stderr is kept: its last line is logged."""

CLOSE_SECONDS = 5.0
"""How long a command may go on when the daemon stops."""

KILLED_SECONDS = 1.0
"""How long the thread has to note what waits when a command was killed."""

LOOK_SECONDS = 0.5
"""How soon what is added is kept while a command runs."""


@dataclass(frozen=True, slots=True)
class CommandLimits:
    """What a command may do."""

    seconds: float
    """How long it may take."""

    folders: tuple[Path, ...] = ()
    """Folders in which it may write."""

    confine: bool = True
    """Whether it may write only there and in a temporary folder, and read only programs and the
    result's folder."""


@dataclass(frozen=True, slots=True)
class _Order:
    command: tuple[str, ...]
    kept: KeptCommand
    limits: CommandLimits

    @property
    def result(self) -> Path:
        return self.kept.path


class _CutOff(Exception):
    """The command was killed because the daemon stops."""


class CommandRunner:
    """Runs commands in a thread of its own, in the order of their jobs."""

    def __init__(
        self,
        keep: KeptCommands | None = None,
        again: tuple[Sequence[str], CommandLimits] | None = None,
        command: Sequence[str] = COMMAND,
        on_end: Callable[[CommandOutcome], None] = lambda _outcome: None,
    ) -> None:
        """``keep``: where what waits is kept; None: nowhere. ``again``: what to run for the results
        that an earlier run has left there. ``command``: the program that becomes the command.
        ``on_end`` is called for each command, from any thread."""
        self._command = tuple(command)
        self._on_end = on_end
        self._keep, self._again = keep, again
        self._given: SimpleQueue[_Order | None] = SimpleQueue()
        """What the thread has not looked at; None: the runner is to end."""
        self._waiting: deque[_Order] = deque()
        """In the order of the jobs; the first one runs."""
        self._is_closing = Event()
        self._was_killed = Event()
        """Set before ``close`` kills the present command."""
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._run_all, name="commands", daemon=True)
        self._thread.start()

    def add(self, command: Sequence[str], kept: KeptCommand, limits: CommandLimits) -> None:
        """Run the command for a result, when those before it have ended. Returns at once."""
        if self._given.qsize() + len(self._waiting) > MAX_WAITING:
            CommandsDropped(kept.path.name, MAX_WAITING).log()
            self._on_end("dropped")
            return
        self._given.put(_Order(tuple(command), kept, limits))

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Let the present command end, for that long at most. It, if it was killed, and those that
        wait are kept for the next run."""
        self._is_closing.set()
        self._given.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._was_killed.set()
            if (process := self._process) is not None:
                _kill_group(process)
            self._thread.join(KILLED_SECONDS)

    def _run_all(self) -> None:
        self._take_up()
        while True:
            self._save()
            # What wakes this at the end may have been taken while a command ran.
            self._accept(wait=not self._waiting and not self._is_closing.is_set())
            self._save()
            if self._is_closing.is_set():
                break
            if self._run_first():
                self._waiting.popleft()
        self._leave()

    def _take_up(self) -> None:
        """Take up what an earlier run has left."""
        if self._keep is not None and self._again is not None:
            command, limits = self._again
            kept = self._keep.load()
            self._waiting.extend(_Order(tuple(command), each, limits) for each in kept)

    def _accept(self, *, wait: bool) -> None:
        """Queue what was given meanwhile. ``wait``: until there is something."""
        with suppress(Empty):
            while True:
                order = self._given.get(block=wait)
                if order is not None:
                    self._waiting.append(order)
                wait = False

    def _save(self) -> bool:
        return self._keep is not None and self._keep.save(each.kept for each in self._waiting)

    def _leave(self) -> None:
        """Say what becomes of the commands that did not end."""
        if self._waiting and self._save():
            CommandsKept(len(self._waiting)).log()
            return
        for order in self._waiting:
            CommandFailed(order.result.name, "the daemon stopped before it had ended").log()
            self._on_end("failed")

    def _run_first(self) -> bool:
        """Run the first command; return whether it ended, and was not killed by ``close``."""
        order, began = self._waiting[0], time.monotonic()
        try:
            problem = self._run(order)
        except _CutOff:
            return False
        except OSError as error:
            problem = f"it could not be started: {error.strerror or error}"
        if not problem:
            CommandEnded(order.result.name, round(time.monotonic() - began, 3)).log()
        else:
            CommandFailed(order.result.name, problem).log()
        self._on_end("failed" if problem else "succeeded")
        return True

    def _run(self, order: _Order) -> str:
        """Run one command; return what is wrong, or nothing. Raises OSError, and ``_CutOff`` where
        ``close`` has killed it."""
        limits, result = order.limits, order.result
        if problem := order.kept.problem():
            return problem
        with tempfile.TemporaryDirectory(
            prefix="heygem-command-", ignore_cleanup_errors=True
        ) as scratch:
            request = {
                "arguments": fill_in(order.command, result, order.kept.job_id),
                "read": [str(result.parent)],
                "write": [scratch, *map(str, limits.folders)],
                "confine": limits.confine,
            }
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=scratch,
                env=_environment(scratch),
                start_new_session=True,
            )
            self._process = process
            if self._was_killed.is_set():
                _kill_group(process)
            end = _End(process.stderr)
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pipe.write(json.dumps(request).encode() + b"\n")
                status = self._wait(process, limits.seconds)
                if status is None:
                    return f"it took more than {limits.seconds:g} s and was killed"
            finally:
                _kill_group(process)
                process.wait()
                self._process = None
            if status == -signal.SIGKILL and self._was_killed.is_set():
                raise _CutOff
            return "" if status == 0 else _describe(status, end.last_line())

    def _wait(self, process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
        """Return the status with which a command ended, None: not in time. What is given
        meanwhile is kept."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(min(left, LOOK_SECONDS))
            self._accept(wait=False)
            self._save()
        return None


class _End:
    """Keeps the end of what a pipe brings, of however much it is."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pipe = pipe
        self._kept = b""
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """Return the last line so far, as it can be logged."""
        self._thread.join(1.0)
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return "".join(each if each.isprintable() else "?" for each in lines[-1]) if lines else ""

    def _read(self) -> None:
        with self._pipe as pipe:
            while block := os.read(pipe.fileno(), MAX_OUTPUT_BYTES):
                self._kept = (self._kept + block)[-MAX_OUTPUT_BYTES:]


def _environment(scratch: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, "PATH": path, "HOME": scratch, "TMPDIR": scratch}


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _describe(status: int, last_line: str) -> str:
    how = f"signal {-status}" if status < 0 else f"status {status}"
    return f"it ended with {how}" + (f": {last_line[:300]}" if last_line else "")
