"""Renders members of finished batches again: they go back to the inbox as a folder.

The journal of such a return is written before the first file moves, and says what is to move. So a
return can be continued at any time, by the loop of the service or after a crash.
"""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.access import SpoolAccess
from heygem_daemon.spool.asked import describe_request
from heygem_daemon.spool.batch.journal import (
    COMMON_SIDECAR,
    Batch,
    BatchJournal,
    claimed_batches,
    save_batch,
)
from heygem_daemon.spool.batch.last_made import published_ends
from heygem_daemon.spool.batch.made_again import (
    plan_retry,
    take_back_inputs,
    withheld_inputs,
)
from heygem_daemon.spool.batch.returning import return_batch, returning, without_members
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.job import new_id
from heygem_daemon.spool.layout import folders_in, load_journal, names_in
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import record_path
from heygem_daemon.spool.records import BatchRecord, JobRecord
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.steps import Steps, guarded
from heygem_daemon.system.folder_rights import CLOSED_MODE


class BatchRetries:
    """Begins and continues the returns of ended batches. Every method raises SpoolUnavailable."""

    def __init__(self, access: SpoolAccess) -> None:
        self._guard, self._place, self._clock = access.guard, access.place, access.clock
        self._layout, self._files = access.layout, access.files

    def begin_failed(
        self,
        members: Sequence[JobRecord],
        options: NewOptions | None = None,
        *,
        is_alone: bool = False,
        keeps_names: bool = False,
        request: RequestFile | None = None,
    ) -> Batch:
        """Begin to return failed members of one batch to the inbox as a folder of pairs.

        ``options``: the sidecar for all; None: they keep their own. It also takes the place of the
        own sidecar of a member that ``is_alone``: nobody named the batch.
        ``keeps_names``: whether they share media, which then keep the users' names. ``request``:
        what asks for it; None: a command does it itself.
        """
        with self._guard():
            options = options.of([each.journal for each in members]) if options else None
            origin, journal = members[0].location[-2], members[0].journal
            batch = self._begin(
                BatchJournal(
                    id=new_id(now := self._clock()),
                    name=origin,
                    folder_name=origin,
                    folder=journal.folder,
                    owner=journal.owner,
                    claimed_at=now,
                    outcome="returned",
                    keeps_names=keeps_names,
                    retried=tuple(record_path(self._layout, each).name for each in members),
                    replaces_sidecar=options is not None and is_alone,
                ),
                options,
                request,
            )
            if options is not None:
                options.discard(self._files)
            return batch

    def begin_published(
        self,
        record: BatchRecord,
        asked: str,
        options: NewOptions | None = None,
        request: RequestFile | None = None,
    ) -> Batch:
        """Begin to return the inputs of published members to the inbox as a folder: of all, or of
        the one that ``asked`` names as ``batch/member``. What was published stays. ``options``
        and ``request``: as for ``begin_failed``. Raises BadInput if they are not all there
        unchanged."""
        with self._guard():
            journal = plan_retry(self._layout, record, asked, self._clock())
            options = options.of(published_ends(record, asked)) if options else None
            batch = self._begin(journal, options, request)
            first = take_back_inputs(self._place(journal.folder), self._files, batch)
            try:
                next(first)
            except PermissionError as error:
                self._give_up(batch, options)
                raise withheld_inputs(record, error) from error
            except StopIteration:
                self._give_up(batch, options)
                reason = f"The inputs of {printable(asked)} have just been taken."
                raise BadInput(reason) from None
            finally:
                first.close()
            if options is not None:
                options.discard(self._files)
            return batch

    def returning(self, batch: Batch) -> Steps[str]:
        """Continue a return in steps, and return the folder's name in the inbox."""
        found = returning(self._place(batch.journal.folder), self._files, batch)
        return (yield from guarded(self._guard, found))

    def under_way(self, on_fault: Callable[[Path, Exception], None] | None = None) -> list[Batch]:
        """Return the returns that are not complete, oldest first. ``on_fault`` is called with a
        folder whose journal cannot be read now; None: the error is raised."""
        with self._guard():
            found = claimed_batches(self._layout, on_fault)
            returned = (each for each in found if each.journal.outcome == "returned")
            return sorted(returned, key=lambda each: each.id)

    def find_return_of(self, names: Collection[str]) -> Batch | None:
        """Return the return that takes files of one of the records ``names`` in .state/finished/;
        None: none does."""
        found = (each for each in self.under_way() if records_of(each) & {*names})
        return next(found, None)

    def _begin(
        self, journal: BatchJournal, options: NewOptions | None, request: RequestFile | None
    ) -> Batch:
        """Make the folder of a batch that goes back to the inbox."""
        changes: dict[str, object] = {"takes_options": options is not None}
        if request is not None:
            has_options = options is not None
            changes["asked_by"] = describe_request(self._layout, request, takes_options=has_options)
        journal = journal.model_copy(update=changes)
        batch = Batch(self._layout.processing / journal.id, journal)
        self._files.make_folder(batch.folder, CLOSED_MODE)
        save_batch(self._files, batch)
        if options is not None:
            try:
                self._files.make_folder(batch.inputs)
                options.place(self._files, batch.inputs / COMMON_SIDECAR)
            except OSError:
                self._give_up(batch, options)
                raise
        return batch

    def _give_up(self, batch: Batch, options: NewOptions | None) -> None:
        """Undo a return before anything was taken."""
        save_batch(self._files, batch := without_members(batch))
        if options is not None and names_in(batch.inputs) == [COMMON_SIDECAR]:
            options.give_back(self._files, batch.inputs / COMMON_SIDECAR)
        return_batch(self._place(batch.journal.folder), self._files, batch)


def records_of(batch: Batch) -> set[str]:
    """Return the names of the records in .state/finished/ whose files go back with ``batch``."""
    found = {*batch.journal.retried}
    if batch.journal.retry_of is not None:
        found.add(f"{batch.journal.retry_of}.batch.json")
    if not found and is_folder(batch.retried_folder):  # an earlier version began it
        journals = map(load_journal, folders_in(batch.retried_folder))
        found |= {f"{each.id}.failed.json" for each in journals if each is not None}
    return found
