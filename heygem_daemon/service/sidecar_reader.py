"""A child process that reads sidecars, one after the other, so that its start is paid once."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.probe_queue import ProbeTurn
from heygem_daemon.spool.names import printable
from heygem_daemon.system.untrusted import UnreadableText, parse_model

Request = tuple[Path, FileVersion]


class SidecarReader:
    """Reads the files of one turn at a time. A thread talks to the child, so that nothing here
    waits for it."""

    def __init__(self, command: Sequence[str], on_answer: Callable[[], None]) -> None:
        """``on_answer`` is called from the thread when a turn is over. Raises OSError if no process
        can be started."""
        self.turn: ProbeTurn[Request] | None = None
        """What is being read; None: the child is idle."""
        self.began = 0.0
        """Monotonic time at which the turn, or the idle time, began."""
        self.attempt = 1
        """1, or more where a child before had no time to answer the only file of the turn."""
        self.answers: list[SidecarAnswer | None] = []
        """The answers of this turn so far; None: the file is gone or the disk failed."""
        self.has_ended = False
        """Whether the child has ended, or said what is no answer."""
        self._on_answer = on_answer
        self._orders: SimpleQueue[Sequence[Request] | None] = SimpleQueue()
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the child runs: something else may have ended it while it was idle."""
        return self._process.poll() is None

    @property
    def is_done(self) -> bool:
        """Whether there is an answer for each file of the turn."""
        return self.turn is not None and len(self.answers) == len(self.turn.requests)

    def begin(self, turn: ProbeTurn[Request], now: float, attempt: int = 1) -> None:
        """Read the files of another turn. The one before is over."""
        self.turn, self.began, self.attempt, self.answers = turn, now, attempt, []
        self._orders.put(turn.requests)

    def rest(self, now: float) -> None:
        """Wait for another turn."""
        self.turn, self.began = None, now

    def collect(self) -> None:
        """Take what the child has said since."""
        while not self.has_ended and not self._lines.empty():
            line = self._lines.get()
            if not line.endswith(b"\n"):
                self.has_ended = True
            elif line == b"\n":
                self.answers.append(None)
            else:
                try:
                    self.answers.append(parse_model(SidecarAnswer, line))
                except UnreadableText:
                    self.has_ended = True

    def close(self) -> None:
        """Kill the child."""
        self._process.kill()
        self._orders.put(None)
        self._process.wait()
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

    def _talk(self) -> None:
        """Send one request after the other, each when the one before is answered: no pipe fills
        up. An end of the child shows as an answer without a line feed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        while (requests := self._orders.get()) is not None:
            for path, _ in requests:
                request = json.dumps([os.fspath(path), printable(path.name)])
                line = b""
                with suppress(OSError):
                    stdin.write(request.encode("ascii") + b"\n")
                    stdin.flush()
                    line = stdout.readline()
                self._lines.put(line)
                if not line:
                    break
            self._on_answer()
