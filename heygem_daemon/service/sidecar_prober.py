"""Reads sidecars in child processes while they settle, without waiting for an answer."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.probe_queue import KeptAnswers, ProbeQueue, ProbeTurn, line_of
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

MAX_CHILDREN = 2
"""How many children run at once, each for the sidecars of one owner. One of them is kept for an
owner who has none."""

Request = tuple[Path, FileVersion]


@dataclass(frozen=True, slots=True)
class _SidecarChild:
    process: "subprocess.Popen[bytes]"
    turn: ProbeTurn[Request]
    output: IO[bytes]
    started: float


class SidecarProber:
    """Returns at once; None means 'not known yet, call again'.

    A child reads what one owner's files were requested meanwhile; owners take turns. ``on_answer``
    is called from another thread when another call is worthwhile.
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
        self._waiting: ProbeQueue[Request] = ProbeQueue(MAX_CHILDREN)
        self._children: list[_SidecarChild] = []
        self._being_read: set[Request] = set()
        self._answers: KeptAnswers[Request, SidecarAnswer] = KeptAnswers()

    def __call__(self, path: Path) -> SidecarAnswer | None:
        """Return what the sidecar ``path`` holds; a refusal where its reader crashes or hangs, None
        where the answer is not known yet or the file is gone."""
        self._collect()
        try:
            status = path.lstat()
        except OSError:
            return None
        request, key = (path, FileVersion.of(status)), line_of(path, status.st_uid, None)
        if (answer := self._answers.pop(request, key.owner)) is not None:
            return answer
        if request not in self._being_read:
            self._waiting.add(request, key)
            self._start_next()
        return None

    def advance(self) -> None:
        """Take the answers of the children that have ended, and start the next one."""
        self._collect()
        self._start_next()

    def close(self) -> None:
        """Kill the children."""
        for child in self._children:
            child.process.kill()
            child.process.wait()
            child.output.close()
        self._children.clear()

    def _start_next(self) -> None:
        """Start a child for the next owner's sidecars, if there is a place."""
        running = [child.turn.key for child in self._children]
        if turn := self._waiting.take(running, MAX_FILES):
            # If no process can be started now, the next scan tries again.
            with suppress(OSError):
                self._children.append(self._start(turn))
                self._being_read.update(turn.requests)

    def _start(self, turn: ProbeTurn[Request]) -> _SidecarChild:
        output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the child; a pipe fills up
        try:
            process = subprocess.Popen(
                command_for([path for path, _ in turn.requests], self._command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            output.close()
            raise
        call_at_exit(process, self._on_answer)
        return _SidecarChild(process, turn, output, self._clock.monotonic())

    def _collect(self) -> None:
        """Take the answers of the children that have ended. Kills those that hang."""
        for child in list(self._children):
            status = child.process.poll()
            if status is None and self._clock.monotonic() - child.started > MAX_SECONDS:
                child.process.kill()
                status = child.process.wait()
            if status is not None:
                self._children.remove(child)
                self._being_read.difference_update(child.turn.requests)
                self._take_answers(child, status)

    def _take_answers(self, child: _SidecarChild, status: int) -> None:
        """Keep the answers of a child that has ended, and request again what it did not reach."""
        with child.output:
            child.output.seek(0)
            found = parse_answers(child.output.read())
        for request, answer in zip(child.turn.requests, found, strict=False):
            # The file may have changed since the request; its answer is then of no use.
            if answer.version == request[1]:
                self._answers.put(request, child.turn.key.owner, answer)
        unanswered = child.turn.requests[len(found) :]
        if unanswered and status != FILE_GONE_STATUS:
            with suppress(OSError):
                refusal = blamed(unanswered[0][0])
                self._answers.put(unanswered[0], child.turn.key.owner, refusal)
        for request in unanswered[1:]:
            self._waiting.add(request, child.turn.key)
