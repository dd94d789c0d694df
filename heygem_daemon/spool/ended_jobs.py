"""The jobs and batches of a spool that have ended: renders them again, or deletes them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.last_made import find_last_made
from heygem_daemon.spool.batch.last_made import has_media as has_batch_media
from heygem_daemon.spool.ended import find_to_remove, find_to_retry, remove_ended, retry_ended
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.finished import has_media
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import load_record
from heygem_daemon.spool.records import AnyRecord, BatchRecord, JobRecord
from heygem_daemon.spool.recovery import Place


class EndedJobs:
    """Like the methods of the spool, every method raises SpoolUnavailable, and can be repeated."""

    def __init__(
        self,
        layout: SpoolLayout,
        files: FileOperations,
        batches: Batches,
        guard: Callable[[], AbstractContextManager[None]],
        place: Place,
    ) -> None:
        """``guard`` is entered around each access to the spool, and translates its errors.
        ``place`` returns the layout with the folders of a hot folder."""
        self._layout = layout
        self._files = files
        self._batches = batches
        self._guard = guard
        self._place = place

    def retry(self, name: str, options: NewOptions | None = None) -> str:
        """Move the inputs of what ended last under ``name`` back to their inbox, from failed/ or
        done/. Return their name there.

        ``name`` may be a batch's, for all of its failed members, or if there is none, for all that
        were published; or ``batch/member``. Both are returned as a folder. ``options``: the
        job's new sidecar, or the batch's for all; None: it keeps its own. Raises BadInput
        if there is no such job.
        """
        with self._guard():
            found = find_to_retry(self._layout, name)
            if isinstance(batch := found[-1], BatchRecord):
                last, name = find_last_made(self._layout, batch, name)
                return self._retry([last], name, options)
            return self._retry(found, name, options)

    def retry_records(
        self, names: Iterable[str], asked: str, options: NewOptions | None = None
    ) -> str:
        """Do the same for what the records ``names`` in .state/finished/ are about; of a batch
        that is not called ``asked``, for its published member of that name."""
        with self._guard():
            records = (load_record(self._layout, name) for name in names)
            found = [each for each in records if each is not None]
            if not found:
                raise BadInput("It has just been removed or taken back.")
            return self._retry(found, asked, options)

    def has_inputs(self, name: str, asked: str) -> bool:
        """Return whether the sound or the video of the job with the record ``name`` in
        .state/finished/ is where the job left it; of a batch, those of all its published members,
        or of the one that is called ``asked``."""
        with self._guard():
            record = load_record(self._layout, name)
            if isinstance(record, BatchRecord):
                return has_batch_media(self._layout, record, asked)
            return isinstance(record, JobRecord) and has_media(self._layout, record)

    def remove(self, name: str) -> list[Path]:
        """Delete what ended last under ``name``: a job or a batch, with result, report, strip and
        inputs. Return the deleted paths.

        ``batch/member`` names one member of a batch. Raises BadInput if nothing has that name.
        """
        with self._guard():
            found = find_to_remove(self._layout, name)
            return remove_ended(self._layout, self._files, found, name)

    def remove_records(self, names: Iterable[str], asked: str) -> list[Path]:
        """Do the same for what the records ``names`` in .state/finished/ are about; of a batch
        that is not called ``asked``, for its published member of that name."""
        with self._guard():
            records = (load_record(self._layout, name) for name in names)
            found = [each for each in records if each is not None]
            return remove_ended(self._layout, self._files, found, asked)

    def _retry(self, found: Sequence[AnyRecord], asked: str, options: NewOptions | None) -> str:
        layout, files, batches = self._layout, self._files, self._batches
        return retry_ended(layout, files, batches, found, asked, self._place, options)
