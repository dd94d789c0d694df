"""The batches of a spool. A batch is claimed and closed as a whole; each member is a job."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.spool import publish
from heygem_daemon.spool.access import SpoolAccess
from heygem_daemon.spool.batch import claim, close, members
from heygem_daemon.spool.batch.journal import (
    Batch,
    MemberLayout,
    claimed_batches,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.batch.public_folders import ensure_failed_folder, ensure_outbox_folder
from heygem_daemon.spool.batch.results_zip import ZIP_FILE, PackedFile, published_results
from heygem_daemon.spool.batch.retries import BatchRetries
from heygem_daemon.spool.batch.returning import return_batch
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.layout import SpoolLayout, load_journal
from heygem_daemon.spool.record_store import latest_batches
from heygem_daemon.spool.roles import FindContent, nothing_known
from heygem_daemon.spool.sidecars import SidecarAnswers, read_now
from heygem_daemon.spool.steps import Steps, finish, guarded


class Batches:
    """Claims and closes the batches of a spool.

    Like the methods of the spool, every method raises SpoolUnavailable, and can be repeated.
    """

    def __init__(self, access: SpoolAccess) -> None:
        self._guard, self._place, self._clock = access.guard, access.place, access.clock
        self._layout, self._files = access.layout, access.files
        self.retries = BatchRetries(access)

    def claim(
        self,
        folder: Path,
        max_members: int | None = None,
        answers: SidecarAnswers | None = None,
        find_content: FindContent = nothing_known,
        hot_folder: HotFolder = PLAIN,
    ) -> Batch:
        """Claim a folder of an inbox, that of ``hot_folder``. Raises ClaimFailed: the caller scans
        again; FilesWithheld: its owner keeps it from the daemon, and it stays in processing/.

        More than ``max_members`` are no batch; None: no limit. ``answers``: what the folder's
        sidecars hold, by name; None: they are read now.
        ``find_content``: what its media hold, wherever the folder is.
        """
        with self._guard():
            if answers is None:
                found = scan(folder).sidecars if is_folder(folder) else ()
                answers = read_now([each.path for each in found])
            layout = self._place(hot_folder.name)
            batch = claim.claim_batch(
                layout,
                self._files,
                folder,
                self._clock(),
                answers,
                max_members,
                find_content,
                hot_folder,
            )
            return self._announce(batch)

    def unfinished(self, on_fault: Callable[[Path, Exception], None] | None = None) -> list[Batch]:
        """Return the batches that are claimed and not closed, oldest first; none that goes back to
        the inbox. ``on_fault`` is called with a folder whose journal cannot be read now; None: the
        error is raised."""
        with self._guard():
            found = claimed_batches(self._layout, on_fault)
            batches = [e for e in found if e.journal.members and e.journal.outcome != "returned"]
        return sorted(batches, key=lambda each: (each.journal.claimed_at, each.id))

    def pending_jobs(self, batch: Batch, active_ids: Collection[str] = ()) -> list[Job]:
        """Return the members that are to be rendered, in order, without those in ``active_ids``."""
        with self._guard():
            return members.pending_jobs(batch, active_ids)

    def final_journals(self, batch: Batch) -> dict[int, Journal]:
        """Return the final journals of the members that are published or failed, by number."""
        with self._guard():
            return members.load_final_journals(batch)

    def final_journal(self, batch: Batch, number: int) -> Journal | None:
        """Return the final journal of one member; None if it is not published or failed."""
        with self._guard():
            return load_journal(batch.final_journal_folder(number))

    def hurry(self, batch: Batch, asked_ns: int) -> Batch:
        """Record that the members of a batch that have not started go first in its line. Return
        the changed batch. ``asked_ns``: when that was asked, nanoseconds since the epoch."""
        with self._guard():
            found = load_batch(batch.folder) or batch
            journal = found.journal.model_copy(update={"hurried_ns": asked_ns})
            save_batch(self._files, changed := Batch(found.folder, journal))
            return changed

    def is_lost(self, batch: Batch) -> bool:
        """Return whether the batch's folder is missing from processing/."""
        with self._guard():
            return not is_folder(batch.folder)

    def recover(self, batch: Batch, active_ids: Collection[str]) -> list[Job]:
        """Finish what was interrupted; return the members to queue."""
        layout = self._place(batch.journal.folder)
        if batch.journal.outcome == "finished":
            finish(close.finishing_batch(layout, self._files, batch))
            return []
        if batch.journal.outcome == "returned" or not batch.journal.members:
            return_batch(layout, self._files, batch)
            return []
        batch = self._prepare_batch(batch)
        for number, journal in members.load_started_members(batch):
            folder = batch.member_folder(number)
            if journal.id in active_ids:
                continue
            if journal.outcome == "published":
                publish.finish_published(self._member_layout(batch), self._files, folder, journal)
            elif journal.outcome == "failed":
                batch = ensure_failed_folder(layout, self._files, batch)
                publish.finish_failed(self._member_layout(batch), self._files, folder, journal)
        return members.pending_jobs(batch, active_ids)

    def make_result_layout(self, job: Job) -> SpoolLayout:
        """Return the layout with the folders for the results and failures of ``job``: its batch's,
        whose folder in the outbox is made unless it is there, or for a single job those of the
        inbox in which it was dropped."""
        batch, layout = self._batch_of(job), self._place(job.journal.folder)
        if batch is None:
            return layout
        return self._member_layout(ensure_outbox_folder(layout, self._files, batch))

    def make_failure_layout(self, job: Job) -> SpoolLayout:
        """Return the same; the batch's folder in failed/ is made unless it is there."""
        batch, layout = self._batch_of(job), self._place(job.journal.folder)
        if batch is None:
            return layout
        return self._member_layout(ensure_failed_folder(layout, self._files, batch))

    def write_summary(self, batch: Batch, final_journals: Mapping[int, Journal]) -> bool:
        """Write the summary into the batch's folder in the outbox. Return False if somebody has put
        something in its way."""
        with self._guard():
            layout = self._place(batch.journal.folder)
            found = ensure_outbox_folder(layout, self._files, load_batch(batch.folder) or batch)
            return close.write_summary(layout, self._files, found, final_journals) is not None

    def prepare_zip(
        self, batch: Batch, final_journals: Mapping[int, Journal]
    ) -> tuple[Path, list[PackedFile]]:
        """Return the path for the batch's ZIP, and the files that belong in it."""
        with self._guard():
            self._files.make_folder(batch.stage)
            found = load_batch(batch.folder) or batch
            return batch.stage / ZIP_FILE, published_results(
                self._layout.in_folder(batch.journal.folder), found, final_journals
            )

    def close(self, batch: Batch, missing: Collection[str] = ()) -> Batch:
        """Publish ZIP and summary, and move the inputs to done/. ``missing`` are the names of the
        results that were gone when the ZIP was made. Return the batch in done/."""
        return finish(self.closing(batch, missing))

    def closing(self, batch: Batch, missing: Collection[str] = ()) -> Steps[Batch]:
        """Do the same in steps."""
        with self._guard():
            layout = self._place(batch.journal.folder)
        now = self._clock()
        found = close.closing_batch(layout, self._files, batch, tuple(missing), now)
        return (yield from guarded(self._guard, found))

    def latest_finished(self, limit: int) -> list[Batch]:
        """Return the last ``limit`` finished batches, latest first."""
        with self._guard():
            found = latest_batches(self._layout, limit)
        return [record.batch(self._layout) for record in found]

    def _prepare_batch(self, batch: Batch) -> Batch:
        claim.arrange_media(self._files, batch)
        return self._announce(batch)

    def _announce(self, batch: Batch) -> Batch:
        """Make the batch's folder in the outbox, with its summary."""
        layout = self._place(batch.journal.folder)
        batch = ensure_outbox_folder(layout, self._files, batch)
        close.write_summary(layout, self._files, batch, members.load_final_journals(batch))
        return batch

    def _batch_of(self, job: Job) -> Batch | None:
        """Return the batch of a member; None for a single job."""
        return load_batch(job.folder.parent) if job.journal.member else None

    def _member_layout(self, batch: Batch) -> MemberLayout:
        return MemberLayout(self._layout.root, batch.journal.folder, batch=batch)
