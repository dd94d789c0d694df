"""Runs the operator's command after each published job: no shell, a time limit, one at a time."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import IO

from heygem_daemon.config.command import fill_in
from heygem_daemon.events.notify import CommandEnded, CommandFailed, CommandsDropped

COMMAND = (sys.executable, "-m", "heygem_daemon.notify.command_process")
MAX_WAITING = 1000
"""How many commands wait for their turn."""

MAX_OUTPUT_BYTES = 2000
"""How much of the end of a command's stderr is kept: its last line is logged."""

CLOSE_SECONDS = 5.0
"""How long a command may go on when the daemon stops."""


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
    arguments: list[str]
    result: Path
    limits: CommandLimits


class CommandRunner:
    """Runs commands in a thread of its own, in the order of their jobs."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = tuple(command)
        self._waiting: Queue[_Order | None] = Queue(MAX_WAITING)
        self._is_closing = Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Thread(target=self._run_all, name="commands", daemon=True)
        self._thread.start()

    def add(self, command: Sequence[str], result: Path, job_id: str, limits: CommandLimits) -> None:
        """Run the command for a result, when those before it have ended. Returns at once."""
        try:
            self._waiting.put_nowait(_Order(fill_in(command, result, job_id), result, limits))
        except Full:
            CommandsDropped(result.name, MAX_WAITING).log()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Let the present command end, for that long at most. Those that wait are not run."""
        self._is_closing.set()
        with suppress(Full):
            self._waiting.put_nowait(None)
        self._thread.join(seconds)
        if (process := self._process) is not None:
            _kill_group(process)

    def _run_all(self) -> None:
        while (order := self._waiting.get()) is not None:
            if self._is_closing.is_set():
                CommandFailed(order.result.name, "the daemon stopped before its turn").log()
                continue
            began = time.monotonic()
            try:
                problem = self._run(order)
            except OSError as error:
                problem = f"it could not be started: {error.strerror or error}"
            if problem:
                CommandFailed(order.result.name, problem).log()
            else:
                CommandEnded(order.result.name, round(time.monotonic() - began, 3)).log()

    def _run(self, order: _Order) -> str:
        """Run one command; return what is wrong, or nothing. Raises OSError."""
        limits = order.limits
        with tempfile.TemporaryDirectory(
            prefix="heygem-command-", ignore_cleanup_errors=True
        ) as scratch:
            request = {
                "arguments": order.arguments,
                "read": [str(order.result.parent)],
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
            end = _End(process.stderr)
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pipe.write(json.dumps(request).encode() + b"\n")
                status = process.wait(limits.seconds)
            except subprocess.TimeoutExpired:
                return f"it took more than {limits.seconds:g} s and was killed"
            finally:
                _kill_group(process)
                process.wait()
                self._process = None
            return "" if status == 0 else _describe(status, end.last_line())


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
