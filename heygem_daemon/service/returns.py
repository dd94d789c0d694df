"""Brings batches back to the inbox that are tried again, a few of their files in each round."""

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.answers import Answers
from heygem_daemon.service.decisions import Answer
from heygem_daemon.service.finished_batches import batch_owner
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.look_budget import LookBudget
from heygem_daemon.service.queue import backoff_seconds
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.asked import clear_any, is_open, request_of
from heygem_daemon.spool.batch.journal import COMMON_SIDECAR, Batch
from heygem_daemon.spool.batch.retries import records_of
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.spool.command_requests import CommandAnswer, answer_command
from heygem_daemon.spool.files import is_file
from heygem_daemon.spool.names import fold, printable
from heygem_daemon.spool.owner_turns import OwnerTurns
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.requests import Request, full_name
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import Steps

MAX_SECONDS = 0.25
"""How long one round may take at most, apart from its last step."""

MAX_PAUSE_SECONDS = 30.0
"""The longest pause after a fault of the disk."""

SET_ASIDE = "what it has taken is in failed"
"""Where the files of a return are that cannot go on."""

REMOVED = "its folder in processing/ was removed, not by the daemon"
"""Why a return cannot go on whose files are gone."""


@dataclass(slots=True)
class _Return:
    """A batch on its way back to the inbox."""

    batch: Batch

    asked: RequestFile | None
    """Who asked for it; None: a command did it itself, or it is undone."""

    which: tuple[str, ...]
    """Which of several jobs of one name it is about, as clauses."""

    records: set[str]
    """Names of the records in .state/finished/ whose files it takes."""

    keys: frozenset[str]
    """The folded names by which people know it."""

    steps: Steps[str] | None = field(default=None, repr=False)
    """None: they begin anew, which passes over what is done."""

    faults: int = 0
    """How many tries in a row a fault has ended."""

    not_before: float = -math.inf
    """Monotonic time of the next try."""

    @property
    def request(self) -> Request | None:
        return self.asked.request if self.asked else None


class Returns:
    """The returns under way. Their journals in processing/ outlive the daemon, and ``find`` takes
    up what an earlier run has left."""

    def __init__(self, spool: Spool, clock: Clock, faults: ItemFaults, answers: Answers) -> None:
        self._spool = spool
        self._clock = clock
        self._faults = faults
        self._answers = answers
        self._open: dict[str, _Return] = {}
        """By the batch's id, in the order of their turns."""
        self._turns = OwnerTurns()

    @property
    def ids(self) -> Collection[str]:
        """The ids of the batches that go back."""
        return self._open.keys()

    def find(self, on_fault: Callable[[Path, Exception], None]) -> None:
        """Take up what is under way. ``on_fault`` is called with a folder that cannot be read now.
        Raises SpoolUnavailable."""
        for batch in self._spool.batches.retries.under_way(on_fault):
            try:
                self._add(batch, self._asked_by(batch))
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                on_fault(batch.folder, error)

    def forget(self) -> None:
        """Forget all: another spool was mounted over theirs."""
        self._open.clear()

    def begin(self, batch: Batch, asked: RequestFile, which: Sequence[str] = ()) -> str:
        """Let a batch go back, from the next round on: before its first step the request must be
        gone, or after a crash it would be carried out again, for what has ended before. Return what
        is said of it. ``which``: which of several jobs of one name it is about, as clauses."""
        self._add(batch, asked, which)
        return is_on_its_way(asked.request)

    def has_any(self, records: Collection[str]) -> bool:
        """Return whether files of one of these records in .state/finished/ go back already."""
        return any(not each.records.isdisjoint(records) for each in self._open.values())

    def answer(self, found: RequestFile, name: str) -> None:
        """Answer a request for which a job is in the inbox again, called ``name``. Raises
        OSError."""
        answer = Answer(is_back(found.request, name))
        if found.is_command:
            answer_command(self._spool, self._spool.files, found, CommandAnswer(text=answer.text))
        self._answers.give(found.request, answer, self._clock.monotonic(), self._clock.wall())

    def is_about(self, request: Request) -> bool:
        """Return whether what a request names is on its way back."""
        return any(each.keys & request.keys for each in self._open.values())

    def advance(self) -> None:
        """Do what one round may do, for each owner in turn. Raises the first fault of the disk
        after all were tried."""
        faults: list[Exception] = []
        budget = LookBudget(self._clock, seconds=MAX_SECONDS)
        while budget.is_left() and (each := self._next()) is not None:
            budget.spend()
            self._open[each.batch.id] = self._open.pop(each.batch.id)
            try:
                self._advance(each)
            except (EnvironmentFault, OSError) as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    @property
    def waiting(self) -> Iterator[tuple[Hashable, RequestStatus]]:
        """What the status says of each, with the line of who asked for it."""
        for each in self._open.values():
            journal = each.batch.journal
            name = printable(journal.folder_name)
            status = RequestStatus(
                name=each.request.shown if each.request else printable(journal.dropped_as),
                folder=printable(journal.folder),
                text=f"{name} goes back to the inbox, file by file",
                at=journal.claimed_at,
                dropped_by=person_name(each.request.owner) if each.request else "",
            )
            yield each.request.line if each.request else journal.folder or journal.owner, status

    def _asked_by(self, batch: Batch) -> RequestFile | None:
        """Return the request for which an earlier run has let a batch go back. A command that has
        no answer yet gets one. Raises OSError."""
        if (kept := batch.journal.asked_by) is None:
            return None
        asked = request_of(self._spool, kept)
        if is_open(asked):
            if kept.takes_options and not is_file(batch.inputs / COMMON_SIDECAR):
                return None  # It has taken nothing, and is undone: the request comes next.
            if asked.is_command:
                told = CommandAnswer(text=is_on_its_way(asked.request))
                answer_command(self._spool, self._spool.files, asked, told)
        return asked

    def _add(self, batch: Batch, asked: RequestFile | None, which: Sequence[str] = ()) -> None:
        if batch.id not in self._open:
            request = asked.request if asked else None
            title = full_name(fold(batch.journal.folder), fold(batch.journal.folder_name))
            keys = frozenset({title}) | (request.keys if request else frozenset())
            records = records_of(batch)
            self._open[batch.id] = _Return(batch, asked, tuple(which), records, keys)

    def _next(self) -> _Return | None:
        now = self._clock.monotonic()
        due = (each for each in self._open.values() if each.not_before <= now)
        return self._turns.choose(due, lambda each: batch_owner(each.batch.journal))

    def _advance(self, each: _Return) -> None:
        """Do a step, and handle what it raises. Raises a fault of the disk, too."""
        try:
            name = self._step(each)
        except Exception as error:
            each.steps = None
            folder = each.batch.folder
            if not is_environment_fault(error) or is_users_fault(error, folder):
                self._set_aside(each, error)
                return
            if self._spool.batches.is_lost(each.batch) and self._spool.is_mounted():
                self._give_up(each, REMOVED)
                return
            each.faults += 1
            pause = min(backoff_seconds(each.faults), MAX_PAUSE_SECONDS)
            each.not_before = self._clock.monotonic() + pause
            raise
        each.faults = 0
        if name is not None and each.request is not None:
            self._answer(each, each.request, Answer(is_back(each.request, name)))

    def _step(self, each: _Return) -> str | None:
        """Do a step. Return the name in the inbox; None: the batch is not there yet."""
        if each.steps is None:
            if each.asked is not None:
                clear_any(self._spool.files, each.asked)
            each.steps = self._spool.batches.retries.returning(each.batch)
        try:
            next(each.steps)
        except StopIteration as end:
            del self._open[each.batch.id]
            name: str = end.value
            return name
        return None

    def _set_aside(self, each: _Return, error: Exception) -> None:
        """Move a return that cannot go on to failed/, with what it has taken."""
        item = "/".join(each.batch.folder.parts[-2:])
        reason = self._faults.log(item, error)
        clauses = [reason.removesuffix(".")]
        try:
            self._spool.set_aside(each.batch.folder, reason)
        except Exception as another:  # noqa: BLE001 - concerns this item alone
            self._faults.log(item, another)
        else:
            clauses.append(SET_ASIDE)
        self._give_up(each, *clauses)

    def _give_up(self, each: _Return, *clauses: str) -> None:
        """Forget a return that cannot go on, and tell who asked for it why."""
        del self._open[each.batch.id]
        if each.request is not None:
            name = printable(each.request.name.strip())
            text = f"{name} cannot go back to the inbox: {'; '.join(clauses)}"
            self._answer(each, each.request, Answer(text, is_refusal=True))

    def _answer(self, each: _Return, request: Request, answer: Answer) -> None:
        text = "; ".join([answer.text, *each.which])
        now, wall = self._clock.monotonic(), self._clock.wall()
        self._answers.give(request, replace(answer, text=text), now, wall)


def is_on_its_way(request: Request) -> str:
    """Return what is said of a retry whose files are on their way back."""
    name = printable(request.name.strip())
    return f"{name} goes back to the inbox, file by file"


def is_back(request: Request, name: str) -> str:
    """Return what is said of a retry whose files are in the inbox under ``name``."""
    shown = printable(request.name.strip())
    if name == request.name.strip():
        return f"{shown} is in the inbox again"
    back = printable(name)
    if fold(name) == fold(request.name.strip()):
        return f"{shown} is in the inbox again as {back}"
    return f"{shown} is in the inbox again as {back}; the result may get another number"
