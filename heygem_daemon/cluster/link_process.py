"""The link, on the daemon's side: it is started, written to, read from, and ended."""

import os
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from heygem_daemon.cluster.messages import FROM_LINK, AgentOrder, FromLink, LinkSetup
from heygem_daemon.protocol import encode_message

LINK_COMMAND = (sys.executable, "-m", "heygem_daemon.cluster.link")
STDERR_LINES = 20
FRAME = re.compile(r"\[0x[0-9a-f]+\]( |$)|\*\*\* StackTrace")
"""A line of the trace of a library; what happened is in the line above the trace."""
PLACE = re.compile(r"^\[[^]]*\] (\([^)]*\) )?\S+:\d+: +")
"""Time, process and source line, which Ray's libraries write before what happened."""
EXIT_SECONDS = 3.0
"""How long the link may take to end its agents and itself."""


@dataclass(frozen=True, slots=True)
class LinkEnded:
    """The process is gone."""

    reason: str
    """A clause."""


class LinkConnection(Protocol):
    """A link that runs."""

    def send(self, order: AgentOrder) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...


class LinkProcess:
    """A running link. ``on_message`` is called from the reading thread, last with LinkEnded."""

    def __init__(
        self,
        setup: LinkSetup,
        on_message: Callable[[FromLink | LinkEnded], None],
        command: Sequence[str] = LINK_COMMAND,
    ) -> None:
        """Raises OSError where no process can be started."""
        self._on_message = on_message
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        hidden = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name not in hidden},
            process_group=0,
        )
        self._lock = threading.Lock()
        self._write(encode_message(setup))
        self._errors = threading.Thread(target=self._read_stderr, daemon=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._errors.start()
        self._thread.start()

    def send(self, order: AgentOrder) -> None:
        """Write an order. If the link is gone, only its LinkEnded says so."""
        self._write(encode_message(order))

    def kill(self) -> None:
        """Kill it; LinkEnded follows."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Let it end its agents, and wait for it."""
        with self._lock, suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._thread.join(EXIT_SECONDS)

    def _write(self, line: bytes) -> None:
        pipe = self._process.stdin
        with self._lock, suppress(OSError, ValueError):
            if pipe is not None:
                pipe.write(line)
                pipe.flush()

    def _read(self) -> None:
        if self._process.stdout is not None:
            with self._process.stdout as lines:
                for line in lines:
                    self._on_message(FROM_LINK.validate_json(line))
        status = self._process.wait()
        self._errors.join()
        last = "".join(f": {line}" for line in list(self._stderr)[-1:])
        self._on_message(LinkEnded(f"its process ended with status {status}{last}"))

    def _read_stderr(self) -> None:
        if self._process.stderr is not None:
            with self._process.stderr as lines:
                for line in lines:
                    text = line.decode(errors="replace").rstrip()
                    if text and not FRAME.search(text):
                        self._stderr.append(PLACE.sub("", text))
