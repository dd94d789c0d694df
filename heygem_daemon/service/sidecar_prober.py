"""Has sidecars read by child processes while they settle, without waiting for an answer."""

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from pathlib import Path

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service.child_starts import ChildStarts
from heygem_daemon.service.probe_queue import KeptAnswers, ProbeQueue, ProbeTurn, line_of
from heygem_daemon.service.runtime import Clock
from heygem_daemon.service.sidecar_reader import Request, SidecarReader
from heygem_daemon.service.turns import FairnessKey
from heygem_daemon.spool.sidecars import ATTEMPTS, COMMAND, blamed

MAX_FILES = 50
"""How many files of one owner a child reads before another owner's turn."""

MAX_SECONDS = 20.0
"""How long a child may take for these. It takes a fraction of a second."""

MAX_CHILDREN = 2
"""How many children there are at once, each for the sidecars of one owner. One of them is kept for
an owner who has none."""

MAX_IDLE_SECONDS = 60.0
"""After so long without a sidecar a child ends."""


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
        *,
        inbox: Path | None = None,
    ) -> None:
        """``inbox``: where hot folders are; None: there are none."""
        self._inbox = inbox
        self._hot_folders: Container[str] = ()
        self._command = tuple(command)
        self._clock = clock or Clock()
        self._on_answer = on_answer
        self._waiting: ProbeQueue[Request] = ProbeQueue(MAX_CHILDREN)
        self._readers: list[SidecarReader] = []
        self._starts = ChildStarts()
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
        line = line_of(path, status.st_uid, self._inbox, self._hot_folders)
        request, key = (path, FileVersion.of(status)), FairnessKey(line.owner)
        if (answer := self._answers.pop(request, key.owner)) is not None:
            return answer
        if request not in self._being_read:
            self._waiting.add(request, key)
            self._start_next()
        return None

    def count_by_folder(self, hot_folders: Container[str]) -> None:
        """Let the sidecars in these folders of the inbox be the folder's, whoever owns them."""
        self._hot_folders = hot_folders

    def advance(self) -> None:
        """Take the answers of the children, and let them read what waits."""
        self._collect()
        self._start_next()

    def close(self) -> None:
        """Kill the children."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    def _start_next(self) -> None:
        """Let a child read the next owner's sidecars, if there is a place."""
        running = [reader.turn.key for reader in self._readers if reader.turn is not None]
        if turn := self._waiting.take(running, MAX_FILES):
            # If no process can be started now, the next scan tries again.
            with suppress(OSError), self._starts.reported():
                self._find_idle().begin(turn, self._clock.monotonic())
                self._being_read.update(turn.requests)

    def _find_idle(self) -> SidecarReader:
        """Return a child that reads nothing now. Raises OSError if none can be started."""
        for reader in self._readers:
            if reader.turn is None:
                return reader
        reader = SidecarReader(self._command, self._on_answer)
        self._readers.append(reader)
        return reader

    def _collect(self) -> None:
        """Take the answers that are there. Kills children that hang, or idle for long."""
        now = self._clock.monotonic()
        for reader in list(self._readers):
            reader.collect()
            turn, seconds = reader.turn, now - reader.began
            if turn is not None and reader.is_done:
                self._take_answers(reader, turn)
                reader.rest(now)
            elif turn is None and (seconds > MAX_IDLE_SECONDS or not reader.is_alive):
                self._end(reader)
            elif turn is not None and (seconds > MAX_SECONDS or reader.has_ended):
                self._end(reader)
                self._take_answers(reader, turn)
                self._blame_next(reader, turn)

    def _end(self, reader: SidecarReader) -> None:
        self._readers.remove(reader)
        reader.close()

    def _take_answers(self, reader: SidecarReader, turn: ProbeTurn[Request]) -> None:
        """Keep the answers of a turn."""
        self._being_read.difference_update(turn.requests)
        for request, answer in zip(turn.requests, reader.answers, strict=False):
            # The file may have changed since the request; its answer is then of no use.
            if answer is not None and answer.version == request[1]:
                self._answers.put(request, turn.key.owner, answer)

    def _blame_next(self, reader: SidecarReader, turn: ProbeTurn[Request]) -> None:
        """Refuse the sidecar at which a child ended, or hung for the last time. Request those after
        it again."""
        unanswered = turn.requests[len(reader.answers) :]
        if not reader.has_ended and reader.attempt < ATTEMPTS:
            self._read_alone(ProbeTurn(turn.key, unanswered[:1]), reader.attempt + 1)
        else:
            with suppress(OSError):
                self._answers.put(unanswered[0], turn.key.owner, blamed(unanswered[0][0]))
        for request in unanswered[1:]:
            self._waiting.add(request, turn.key)

    def _read_alone(self, turn: ProbeTurn[Request], attempt: int) -> None:
        """Let a new child read one sidecar, in the place of the one that has hung."""
        # If no process can be started now, the next scan begins anew.
        with suppress(OSError), self._starts.reported():
            reader = SidecarReader(self._command, self._on_answer)
            self._readers.append(reader)
            reader.begin(turn, self._clock.monotonic(), attempt)
            self._being_read.update(turn.requests)
