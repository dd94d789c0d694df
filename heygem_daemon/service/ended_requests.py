"""Carries out requests about jobs that have ended: renders them again, or deletes them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput
from heygem_daemon.service.decisions import MOVED, Answer, Decision, nothing_to
from heygem_daemon.service.look_budget import LookBudget
from heygem_daemon.service.removals import (
    Removals,
    find_left_folder,
    is_deleted,
    what_is_left,
)
from heygem_daemon.service.returns import Returns, is_back
from heygem_daemon.service.runtime import Clock
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.ended_item import (
    EndedItem,
    choose_to_remove,
    choose_to_retry,
    count_wholes,
)
from heygem_daemon.spool.finished_index import FinishedIndex
from heygem_daemon.spool.left_files import Removed
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.reason import format_time
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.requests import Request
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import Steps
from heygem_daemon.system import paths

RECORDS_A_LOOK = 200
"""How many records one look reads."""

READING_SECONDS = 0.25
"""How long one look reads them, apart from the last one."""

NOT_READ_YET = "the list of the jobs that have ended is being read"
"""What a request waits for whose job may be in a record that is not read yet."""


@dataclass(frozen=True, slots=True)
class Namesakes:
    """What else there is of the name in a request."""

    is_active: bool
    """Whether a job that the request may act on has not ended."""

    has_foreign: bool
    """Whether somebody else's has not."""

    may_wait: bool = False
    """Whether the files of what has ended may come back."""

    will_be_numbered: bool = False
    """Whether one of the name without its number has not ended, and may get the name."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """What was begun for a request and is not done."""

    steps: Steps[str | Batch] | Steps[Removed]

    which: tuple[str, ...]
    """Which of several jobs of one name it is about, as clauses."""

    removes: tuple[str, ...] = ()
    """The names of the records that it deletes or changes; none for a retry."""

    is_resumed: bool = False
    """Whether a part may have been deleted before."""

    def answer(self, text: str) -> Decision:
        """Return the decision with an answer that also says which job it is about."""
        return Decision(answer=Answer("; ".join([text, *self.which])))


class EndedRequests:
    """Finds the ended jobs that requests name, and acts on them. Raises SpoolUnavailable."""

    def __init__(
        self, spool: Spool, trusted: Collection[int], returns: Returns, removals: Removals
    ) -> None:
        self._spool = spool
        self._trusted = trusted
        self._returns = returns
        self._removals = removals
        self._begun: dict[object, _Begun] = {}
        """By the key of the request."""
        self._index = FinishedIndex(spool)
        self.is_complete = False
        """Whether all records are read."""

    def update(self, clock: Clock) -> None:
        """Read the records that are new, a limited number of them, and not for long."""
        budget = LookBudget(clock, seconds=READING_SECONDS)
        self.is_complete = self._index.update(RECORDS_A_LOOK, budget.has_time)

    def find_doubt(self, found: RequestFile) -> str | None:
        """Return why a request, or the options in its file, do not count, as far as is known; None:
        they do. A file of a job that has ended keeps its owner, and whoever may write there
        can move it. Raises OSError."""
        if found.is_command:
            return None
        if any(map(self.is_of_ended, {found.path, found.options or found.path})):
            return MOVED
        return None if self.is_complete else NOT_READ_YET

    def is_of_ended(self, path: Path) -> bool:
        """Return whether a file is one of a job that has ended, as far as is known. Raises
        OSError."""
        with suppress(FileNotFoundError):  # options become a sidecar, and their user withdraws
            return self._index.has_file(paths.lstat(path))
        return False

    def find(self, request: Request) -> list[EndedItem]:
        """Return what has ended that a request means and may act on, as far as it is read, the
        oldest first."""
        return self._index.find(request, self._trusted)

    def knows(self, keys: Iterable[str]) -> bool:
        """Return whether something of one of these folded names has ended, as far as it is read,
        whoever dropped it."""
        return self._index.knows(keys)

    def find_other_name(self, request: Request) -> str:
        """Return the name of what ended last of all that was dropped under the request's name;
        empty: it has that name, or that is not known."""
        last = self._index.find_last_dropped(request, self._trusted) if self.is_complete else None
        if last is None or not request.keys.isdisjoint(last.keys):
            return ""
        return last.title.rpartition("/")[2]

    def forget_all_but(self, keys: Collection[object]) -> None:
        """Forget what was begun for requests whose keys are not these: they are gone."""
        for key in self._begun.keys() - keys:
            self._begun.pop(key).steps.close()

    def retry(
        self,
        asked: RequestFile,
        options: NewOptions | None,
        budget: LookBudget,
        others: Namesakes,
    ) -> Decision:
        """Put a job's files back into its inbox, as far as the budget allows. ``options``: its new
        sidecar; None: it keeps its own."""
        key, request = asked.key, asked.request
        if key not in self._begun:
            found = self._begin_retry(asked, options, others)
            if isinstance(found, Decision):
                return found
            self._begun[key] = found
        begun = self._begun[key]
        try:
            result = self._go_on(key, budget)
        except BadInput as error:
            return Decision(answer=_refusal(error))
        if isinstance(result, Batch):
            return begun.answer(self._returns.begin(result, asked, begun.which))
        if isinstance(result, str):
            return begun.answer(is_back(request, result))
        name = printable(request.name.strip())
        return Decision(waits_for=f"{name} is tried again in a moment")

    def _begin_retry(
        self, file: RequestFile, options: NewOptions | None, others: Namesakes
    ) -> _Begun | Decision:
        """Find what a request tries again; or return what is said where that is not possible, or
        not now."""
        request, name = file.request, printable(file.request.name.strip())
        found = self._index.find(request, self._trusted)
        chosen = choose_to_retry(found)
        if not chosen:
            return self._answer_nothing(request, others)
        asked, is_failed = _name_of(request, chosen), chosen[0].kind == "failed"
        # A result is made again from the files of the last job made of them, whatever its name.
        later = self.find_other_name(request) if is_failed else ""
        which = _which(found, chosen, others, later)
        records, asked = self._records_of(chosen, asked)
        if self._returns.has_any(records):
            return Decision(waits_for=f"{name} is tried again first")
        ended = self._spool.ended
        if not is_failed and others.may_wait and not ended.has_inputs(records[0], asked):
            text = f"{name} is tried again as soon as the job that has its files now has ended"
            if not others.is_active:
                text = (
                    f"the files of {name} are not where they were; a job that ends may bring them"
                    " back"
                )
            return Decision(waits_for=text)
        return _Begun(ended.beginning_retry(records, asked, options, file), which)

    def _records_of(self, chosen: Sequence[EndedItem], asked: str) -> tuple[list[str], str]:
        """Return the names of the records whose files a retry takes back, given what is tried
        again, and what that is called there."""
        if chosen[0].kind != "failed":
            last, asked = self._index.find_last_of(chosen[0], asked)
            chosen = [last]
        return [each.record_name for each in chosen], asked

    def remove(self, asked: RequestFile, budget: LookBudget, others: Namesakes) -> Decision:
        """Delete a job and what belongs to it, as far as the budget allows."""
        key, request = asked.key, asked.request
        if key not in self._begun:
            found = self._begin_removal(asked, others)
            if isinstance(found, Decision):
                return found
            self._begun[key] = found
        begun, name = self._begun[key], printable(request.name.strip())
        removed = self._go_on(key, budget)
        if isinstance(removed, Removed):
            for each in begun.removes:
                self._index.read_again(each)
            text = is_deleted(request)
            if not begun.is_resumed:
                count = len(removed.gone)
                files = counted(count, "1 file or folder", "{count} files and folders")
                text = f"{name} is deleted, {files}"
            left = what_is_left(self._spool.root, removed.left, request.folder)
            return begun.answer("; ".join([text, *left]))
        return Decision(waits_for=f"{name} is being deleted")

    def _begin_removal(self, asked: RequestFile, others: Namesakes) -> _Begun | Decision:
        """Find what a request deletes, or what it had begun to delete; or return what is said where
        there is nothing."""
        request, removal = asked.request, self._removals.find(asked)
        is_resumed = removal is not None
        if removal is None:
            found = self._index.find(request, self._trusted)
            if not (chosen := choose_to_remove(found)):
                return self._answer_nothing(request, others)
            records = [each.record_name for each in chosen]
            later = self.find_other_name(request)
            name, which = _name_of(request, chosen), _which(found, chosen, others, later)
            removal = self._removals.begin(asked, records, name, which)
        steps = self._spool.ended.removing(removal.records, removal.name)
        return _Begun(steps, removal.which, removal.records, is_resumed)

    def _go_on(self, key: object, budget: LookBudget) -> str | Batch | Removed | None:
        """Go on with what was begun for a request. Return its result; None: it is not done. After
        an error it begins anew."""
        steps = self._begun[key].steps
        try:
            while budget.is_left():
                budget.spend()
                next(steps)
        except StopIteration as end:
            del self._begun[key]
            result: str | Batch | Removed = end.value
            return result
        except Exception:
            del self._begun[key]
            raise
        return None

    def _answer_nothing(self, request: Request, others: Namesakes) -> Decision:
        name = printable(request.name.strip())
        if others.is_active:
            refusal = Answer(f"{name} has not ended: cancel it first", is_refusal=True)
            return Decision(answer=refusal)
        if not self.is_complete:
            return Decision(waits_for=NOT_READ_YET)
        is_foreign = others.has_foreign or self._index.has_foreign(request, self._trusted)
        nothing = nothing_to(request, has_foreign=is_foreign)
        if is_foreign:
            text = "; ".join([nothing.text, *self._own_instead(request)])
            return Decision(answer=replace(nothing, text=text))
        text = "; ".join([nothing.text, *self._what_there_is(request, others)])
        return Decision(answer=replace(nothing, text=text))

    def _own_instead(self, request: Request) -> Iterator[str]:
        """Yield a clause on what somebody dropped under a name that is another one's."""
        if other := printable(self.find_other_name(request)):
            name, verb = printable(request.name.strip()), request.verb
            yield f"what you dropped as {name} is called {other}: ask with {other}.{verb}"

    def _what_there_is(self, request: Request, others: Namesakes) -> Iterator[str]:
        """Yield clauses on what somebody may have meant who named nothing that has ended."""
        name, verb = printable(request.name.strip()), request.verb
        if verb == "remove" and (place := find_left_folder(self._spool, request)):
            # The name of another one would lead to the deletion of that one.
            yield f"what is in {place} belongs to no job, and stays until somebody deletes it"
        elif other := printable(self.find_other_name(request)):
            said = f"what was dropped as {name} and ended last is called {other}"
            yield said if request.folder is None else f"{said}: ask with {other}.{verb}"
        if others.will_be_numbered:
            first = printable(request.unnumbered.name)
            yield f"{first} has not ended, and gets a number when it has"


def _name_of(request: Request, chosen: Sequence[EndedItem]) -> str:
    """Return the folded name of what was chosen by which the request means it."""
    return next(iter(request.keys & chosen[0].keys))


def _which(
    found: Sequence[EndedItem], chosen: Sequence[EndedItem], others: Namesakes, later: str
) -> tuple[str, ...]:
    """Return which of several jobs of one name an answer is about, as clauses; none: there is one
    alone. ``later``: what that is called which was dropped under that name and ended later; empty:
    there is none."""
    if not others.is_active and count_wholes(found) == 1 and not later:
        return ()
    when = format_time(max(each.ended_at for each in chosen))
    if later:
        clauses = [
            f"this is the one that ended at {when}",
            f"the one that was dropped under the same name later is called {printable(later)}",
        ]
    else:
        clauses = [f"several have this name, and this is the one that ended last, at {when}"]
    if others.is_active:
        clauses.append("the one that has not ended stays as it is")
    return tuple(clauses)


def _refusal(error: BadInput) -> Answer:
    text = " ".join(filter(None, (error.reason, error.remedy))).removesuffix(".")
    return Answer(text, is_refusal=True)
