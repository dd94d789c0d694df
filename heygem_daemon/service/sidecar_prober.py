"""Reads sidecars in child processes while they settle, without waiting for an answer."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.prober import call_at_exit
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.sidecars import (
    COMMAND,
    FILE_GONE_STATUS,
    blamed,
    command_for,
    parse_answers,
)

MAX_FILES = 50
"""How many files one child reads: most of its time is its start."""

MAX_SECONDS = 20.0
"""How long a child may take. It takes a fraction of a second."""

MAX_KEPT = 1000
"""How many requests and answers are kept. Beyond that the oldest are dropped: the next scan of the
inbox requests them again."""

Request = tuple[Path, FileVersion]


@dataclass(frozen=True, slots=True)
class _SidecarChild:
    process: "subprocess.Popen[bytes]"
    requests: tuple[Request, ...]
    output: IO[bytes]
    started: float


class SidecarProber:
    """Returns at once; None means 'not known yet, call again'.

    One child runs at a time, for all files that were requested meanwhile. ``on_answer`` is called
    from another thread when another call is worthwhile.
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
        self._child: _SidecarChild | None = None
        self._requested: dict[Request, None] = {}
        self._answers: dict[Request, SidecarAnswer] = {}

    def __call__(self, path: Path) -> SidecarAnswer | None:
        """Return what the sidecar ``path`` holds; a refusal where its reader crashes or hangs, None
        where the answer is not known yet or the file is gone."""
        self._collect()
        try:
            request = (path, FileVersion.of(path.lstat()))
        except OSError:
            return None
        if request in self._answers:
            return self._answers.pop(request)
        if self._child is None or request not in self._child.requests:
            self._requested[request] = None
        if self._child is None:
            # If no process can be started now, the next scan tries again.
            with suppress(OSError):
                self._child = self._start()
        return None

    def close(self) -> None:
        """Kill the child."""
        if self._child is not None:
            self._child.process.kill()
            self._child.process.wait()
            self._child.output.close()
            self._child = None

    def _start(self) -> _SidecarChild:
        requests = tuple(self._requested)[:MAX_FILES]
        output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child; a pipe fills up
        try:
            process = subprocess.Popen(
                command_for([path for path, _ in requests], self._command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            output.close()
            raise
        for request in requests:
            del self._requested[request]
        call_at_exit(process, self._on_answer)
        return _SidecarChild(process, requests, output, self._clock.monotonic())

    def _collect(self) -> None:
        """Take the answers of a child that has ended. Kills one that hangs."""
        child = self._child
        if child is None:
            return
        status = child.process.poll()
        if status is None and self._clock.monotonic() - child.started > MAX_SECONDS:
            child.process.kill()
            status = child.process.wait()
        if status is None:
            return
        self._child = None
        with child.output:
            child.output.seek(0)
            found = parse_answers(child.output.read())
        answers = zip(child.requests, found, strict=False)
        # The file may have changed since the request; its answer is then of no use.
        self._answers |= {each: answer for each, answer in answers if answer.version == each[1]}
        unanswered = child.requests[len(found) :]
        if unanswered and status != FILE_GONE_STATUS:
            with suppress(OSError):
                self._answers[unanswered[0]] = blamed(unanswered[0][0])
        self._requested |= dict.fromkeys(unanswered[1:])
        for kept in (self._answers, self._requested):
            while len(kept) > MAX_KEPT:
                kept.pop(next(iter(kept)))
