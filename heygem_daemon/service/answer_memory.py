"""Keeps the last answers to requests over a restart of the daemon."""

from contextlib import suppress

from heygem_daemon.service.answers import Answers
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.answer_file import KeptAnswer, read_answers, write_answers
from heygem_daemon.spool.spool import Spool


class AnswerMemory:
    """What the spool keeps of the answers. A fault here is no reason to hold anything."""

    def __init__(self, spool: Spool, answers: Answers, clock: Clock) -> None:
        """Let ``answers`` hold what an earlier run has left."""
        self._spool = spool
        self._answers = answers
        self._kept = read_answers(spool)
        answers.recall(self._kept, clock.monotonic(), clock.wall())

    def save(self) -> None:
        """Keep the answers, if they are others than before."""
        given: tuple[KeptAnswer, ...] = self._answers.kept()
        if given != self._kept:
            with suppress(OSError):
                write_answers(self._spool, given)
                self._kept = given
