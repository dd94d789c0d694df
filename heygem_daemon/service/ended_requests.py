"""Carries out requests about jobs that have ended: renders them again, or deletes them."""

from collections.abc import Collection, Sequence
from pathlib import Path

from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput
from heygem_daemon.service.decisions import Answer, nothing_to
from heygem_daemon.spool.ended_item import (
    EndedItem,
    choose_to_remove,
    choose_to_retry,
    count_wholes,
)
from heygem_daemon.spool.finished_index import FinishedIndex
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.reason import format_time
from heygem_daemon.spool.requests import Request
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths

RECORDS_A_LOOK = 200
"""How many records one look reads."""

NOT_READ_YET = "the list of the jobs that have ended is being read"
"""What a request waits for whose job may be in a record that is not read yet."""


class EndedRequests:
    """Finds the ended jobs that requests name, and acts on them. Raises SpoolUnavailable."""

    def __init__(self, spool: Spool, trusted: Collection[int]) -> None:
        self._spool = spool
        self._trusted = trusted
        self._index = FinishedIndex(spool)
        self.is_complete = False
        """Whether all records are read."""

    def update(self) -> None:
        """Read the records that are new, a limited number of them."""
        self.is_complete = self._index.update(RECORDS_A_LOOK)

    def is_of_ended(self, file: Path) -> bool:
        """Return whether ``file`` is one of a job that has ended, which somebody has moved: who
        that was, nobody knows. Raises OSError."""
        return self._index.has_file(paths.lstat(file))

    def retry(
        self,
        request: Request,
        options: NewOptions | None,
        *,
        is_active: bool,
        has_foreign: bool,
        may_wait: bool,
    ) -> Answer | None:
        """Put a job's files back into its inbox; None: not all records are read yet, or another
        job is made from the files now.

        ``options``: its new sidecar; None: it keeps its own. ``is_active``:
        whether a job of that name has not ended; ``has_foreign``: whether somebody else's has not.
        ``may_wait``: whether the files may come back.
        """
        found = self._index.find(request, self._trusted)
        chosen = choose_to_retry(found)
        if not chosen:
            return self._answer_nothing(request, is_active, has_foreign)
        asked, which = _name_of(request, chosen), _which(found, chosen, is_active=is_active)
        if chosen[0].kind != "failed":
            last, asked = self._index.find_last_of(chosen[0], asked)
            if may_wait and not self._spool.ended.has_inputs(last.record_name, asked):
                return None
            chosen = [last]
        try:
            name = self._spool.ended.retry_records(_records(chosen), asked, options)
        except BadInput as error:
            return _refusal(error)
        shown = printable(request.name.strip())
        told = f"{shown} is in the inbox again"
        if name != request.name.strip():
            told = f"{shown} is in the inbox again as {printable(name)}"
        return Answer("; ".join([told, *which]))

    def remove(self, request: Request, *, is_active: bool, has_foreign: bool) -> Answer | None:
        """Delete a job and what belongs to it; None: not all records are read yet. The rest as for
        ``retry``."""
        found = self._index.find(request, self._trusted)
        chosen = choose_to_remove(found)
        if not chosen:
            return self._answer_nothing(request, is_active, has_foreign)
        which = _which(found, chosen, is_active=is_active)
        gone = self._spool.ended.remove_records(_records(chosen), _name_of(request, chosen))
        name = printable(request.name.strip())
        files = counted(len(gone), "1 file or folder", "{count} files and folders")
        told = f"{name} is deleted, {files}"
        return Answer("; ".join([told, *which]))

    def _answer_nothing(
        self, request: Request, is_active: bool, has_foreign: bool
    ) -> Answer | None:
        name = printable(request.name.strip())
        if is_active:
            return Answer(f"{name} has not ended: cancel it first", is_refusal=True)
        if not self.is_complete:
            return None
        is_foreign = has_foreign or self._index.has_foreign(request, self._trusted)
        return nothing_to(request, has_foreign=is_foreign)


def _records(items: Collection[EndedItem]) -> list[str]:
    return [each.record_name for each in items]


def _name_of(request: Request, chosen: Sequence[EndedItem]) -> str:
    """Return the folded name of what was chosen by which the request means it."""
    return next(iter(request.keys & chosen[0].keys))


def _which(
    found: Sequence[EndedItem], chosen: Sequence[EndedItem], *, is_active: bool
) -> tuple[str, ...]:
    """Return which of several jobs of one name an answer is about, as clauses; none: there is one
    alone. ``is_active``: whether one of them has not ended."""
    if not is_active and count_wholes(found) == 1:
        return ()
    when = format_time(max(each.ended_at for each in chosen))
    last = f"of this name it is what ended last, at {when}"
    return (last, "what has not ended stays as it is") if is_active else (last,)


def _refusal(error: BadInput) -> Answer:
    text = " ".join(filter(None, (error.reason, error.remedy))).removesuffix(".")
    return Answer(text, is_refusal=True)
