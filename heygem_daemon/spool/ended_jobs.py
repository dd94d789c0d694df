"""The jobs and batches of a spool that have ended: renders them again, or deletes them."""

from collections.abc import Iterable, Iterator, Sequence

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.access import SpoolAccess
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.last_made import find_last_made
from heygem_daemon.spool.batch.last_made import has_media as has_batch_media
from heygem_daemon.spool.ended import (
    RECORDS_A_STEP,
    beginning_retry,
    find_to_remove,
    find_to_retry,
    is_left,
    removing,
)
from heygem_daemon.spool.finished import has_media
from heygem_daemon.spool.left_files import Removed
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import load_record, record_path
from heygem_daemon.spool.records import AnyRecord, BatchRecord, JobRecord
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.steps import Steps, finish, guarded


class EndedJobs:
    """Like the methods of the spool, every method raises SpoolUnavailable, and can be repeated."""

    def __init__(self, access: SpoolAccess, batches: Batches) -> None:
        self._guard, self._place = access.guard, access.place
        self._layout, self._files = access.layout, access.files
        self._batches = batches

    def retry(self, name: str, options: NewOptions | None = None) -> str:
        """Move the inputs of what ended last under ``name`` back to their inbox, from failed/ or
        done/. Return their name there.

        ``name`` may be a batch's, for all of its failed members, or if there is none, for all that
        were published; or ``batch/member``. Both are returned as a folder. ``options``: the
        job's new sidecar, or the batch's for all; None: it keeps its own. A retry that was
        interrupted is continued, as it began. Raises BadInput if there is no such job.
        """
        with self._guard():
            found = find_to_retry(self._layout, name)
            if isinstance(batch := found[-1], BatchRecord):
                last, name = find_last_made(self._layout, batch, name)
                found = [last]
        retries = self._batches.retries
        begun: str | Batch | None = retries.find_return_of(
            [record_path(self._layout, each).name for each in found]
        )
        if begun is None:
            begun = finish(guarded(self._guard, self._beginning(found, name, options)))
        return begun if isinstance(begun, str) else finish(retries.returning(begun))

    def beginning_retry(
        self,
        names: Sequence[str],
        asked: str,
        options: NewOptions | None = None,
        request: RequestFile | None = None,
    ) -> Steps[str | Batch]:
        """Begin the same, in steps, for what the records ``names`` in .state/finished/ are about;
        of a batch that is not called ``asked``, for its published member of that name. Return the
        job's name in the inbox, or the batch that goes back and is to be continued. ``request``: as
        for ``beginning_retry`` of the spool."""
        steps = self._loading(names, asked, options, request)
        return (yield from guarded(self._guard, steps))

    def _loading(
        self,
        names: Sequence[str],
        asked: str,
        options: NewOptions | None,
        request: RequestFile | None,
    ) -> Steps[str | Batch]:
        found: list[AnyRecord] = []
        for number, name in enumerate(names, 1):
            found += filter(None, [load_record(self._layout, name)])
            if number % RECORDS_A_STEP == 0:
                yield
        if not found:
            raise BadInput("It has just been removed or taken back.")
        return (yield from self._beginning(found, asked, options, request))

    def _beginning(
        self,
        found: Sequence[AnyRecord],
        asked: str,
        options: NewOptions | None,
        request: RequestFile | None = None,
    ) -> Steps[str | Batch]:
        layout, files, batches, place = self._layout, self._files, self._batches, self._place
        return beginning_retry(layout, files, batches, found, asked, place, options, request)

    def has_inputs(self, name: str, asked: str) -> bool:
        """Return whether the sound or the video of the job with the record ``name`` in
        .state/finished/ is where the job left it; of a batch, those of all its published members,
        or of the one that is called ``asked``."""
        with self._guard():
            record = load_record(self._layout, name)
            if isinstance(record, BatchRecord):
                return has_batch_media(self._layout, record, asked)
            return isinstance(record, JobRecord) and has_media(self._layout, record)

    def remove(self, name: str) -> Removed:
        """Delete what ended last under ``name``: a job or a batch, with result, report, strip and
        inputs.

        ``batch/member`` names one member of a batch. Raises BadInput if nothing has that name.
        """
        with self._guard():
            found = find_to_remove(self._layout, name)
        return finish(guarded(self._guard, removing(self._layout, self._files, found, name)))

    def removing(self, names: Iterable[str], asked: str) -> Steps[Removed]:
        """Do the same, in steps, for what the records ``names`` in .state/finished/ are about; of a
        batch that is not called ``asked``, for its published member of that name."""
        found = self._load(names)
        return guarded(self._guard, removing(self._layout, self._files, found, asked))

    def is_left(self, names: Iterable[str], asked: str) -> bool:
        """Return whether anything is left of what ``removing`` deletes."""
        with self._guard():
            return any(is_left(each, asked) for each in self._load(names))

    def _load(self, names: Iterable[str]) -> Iterator[AnyRecord]:
        records = (load_record(self._layout, name) for name in names)
        return (each for each in records if each is not None)
