"""One worker process on the supervisor's side: it is started, written to, read from, and ended.

Two threads read, one the wire (stdout) and one stderr, and pass messages to a callback. Nothing
here decides anything about jobs.
"""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from heygem_daemon.protocol import (
    FromWorker,
    LogMessage,
    Message,
    decode_from_worker,
    encode_message,
)
from heygem_daemon.system.untrusted import UnreadableText

STDERR_LINES = 20
"""How many of its last lines of stderr are kept."""
MAX_LINE_BYTES = 1 << 20
EXIT_SECONDS = 10.0
"""How long a worker may take to exit by itself after it has closed its end of the wire."""


@dataclass(frozen=True, slots=True)
class ProcessExited:
    """The process is gone and reaped."""

    returncode: int
    """As in ``subprocess``: negative for a signal."""
    stderr: tuple[str, ...]
    """The last lines that it wrote to stderr."""


class WorkerProcess:
    """A running worker.

    ``on_message`` is called from the reading threads, and last of all with ProcessExited.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        on_message: Callable[["WorkerProcess", FromWorker | ProcessExited], None],
    ) -> None:
        self._on_message = on_message
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            process_group=0,
        )
        self._lock = threading.Lock()
        """Held while stdin is written or closed, and while the process id is used or reaped."""
        self._stdout_thread = threading.Thread(target=self._read_stdout, daemon=True)
        self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_thread.start()
        self._stdout_thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message) -> None:
        """Write one message. If the worker is gone, only its ProcessExited reports that."""
        pipe = self._process.stdin
        with self._lock, suppress(BrokenPipeError):
            if pipe is not None and not pipe.closed:
                pipe.write(encode_message(message))
                pipe.flush()

    def kill(self) -> None:
        """Send SIGKILL to the worker and everything that it started."""
        with self._lock, suppress(ProcessLookupError):
            if self._process.returncode is None:
                os.killpg(self.pid, signal.SIGKILL)

    def join(self, seconds: float) -> bool:
        """Wait until the process is reaped and ProcessExited is sent; return whether it is."""
        self._stdout_thread.join(max(0.0, seconds))
        return not self._stdout_thread.is_alive()

    def _read_stdout(self) -> None:
        with _require_pipe(self._process.stdout) as stdout:
            while line := stdout.readline(MAX_LINE_BYTES):
                self._on_message(self, _parse_message(line))
        returncode = self._reap()
        self._on_message(self, ProcessExited(returncode, tuple(self._stderr)))

    def _reap(self) -> int:
        """Let the process exit, kill its group while no other process can have its id, reap it."""
        deadline = time.monotonic() + EXIT_SECONDS
        while not self._has_exited(os.WNOHANG) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.kill()
        self._has_exited(0)
        self._stderr_thread.join()  # the group is dead, so stderr has an end
        with self._lock, suppress(BrokenPipeError):
            returncode = self._process.wait()
            _require_pipe(self._process.stdin).close()
        return returncode

    def _has_exited(self, flags: int) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | flags) is not None

    def _read_stderr(self) -> None:
        with _require_pipe(self._process.stderr) as stderr:
            while line := stderr.readline(MAX_LINE_BYTES):
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._stderr.append(text)
                    self._on_message(self, LogMessage(level="DEBUG", text=text))


def _require_pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("a worker is started with three pipes")
    return pipe


def _parse_message(line: bytes) -> FromWorker:
    """Return the message of a line, or a warning for the log if the line is no message."""
    try:
        return decode_from_worker(line)
    except UnreadableText:
        text = line[:200].decode(errors="replace").rstrip()
        return LogMessage(
            level="WARNING", text=f"the worker wrote a line that is no message: {text!r}"
        )
