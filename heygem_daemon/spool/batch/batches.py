"""The batches of a spool. A batch is claimed and closed as a whole; each member is a job."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from heygem_daemon.spool import publish
from heygem_daemon.spool.batch import claim, close, members
from heygem_daemon.spool.batch.finished import (
    delete_batch,
    delete_member,
    load_batch_record,
)
from heygem_daemon.spool.batch.journal import (
    Batch,
    BatchJournal,
    MemberLayout,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.files import FileOperations, is_folder, translate_os_errors
from heygem_daemon.spool.finished import JobRecord, newest_folders
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Journal, new_id
from heygem_daemon.spool.layout import SpoolLayout, folders_in, load_journal, names_in
from heygem_daemon.spool.sidecars import SidecarAnswers, read_now

LATEST_SEARCH_LIMIT = 1000
"""Number of folders in done/ that are searched for the last batches, so that the status command
stays fast."""


class Batches:
    """Claims, closes, retries and removes the batches of a spool.

    Like the methods of the spool, every method raises SpoolUnavailable, and can be repeated.
    """

    def __init__(
        self, layout: SpoolLayout, files: FileOperations, clock: Callable[[], float]
    ) -> None:
        self._layout = layout
        self._files = files
        self._clock = clock

    def claim(
        self,
        folder: Path,
        max_members: int | None = None,
        answers: SidecarAnswers | None = None,
    ) -> Batch:
        """Claim a folder of the inbox. Raises ClaimFailed: the caller scans again.

        More than ``max_members`` are no batch; None: no limit. ``answers``: what the folder's
        sidecars hold, by name; None: they are read now.
        """
        with translate_os_errors(self._layout.root):
            if answers is None:
                found = scan(folder).sidecars if is_folder(folder) else ()
                answers = read_now([each.path for each in found])
            batch = claim.claim_batch(
                self._layout, self._files, folder, self._clock(), answers, max_members
            )
            self._prepare_batch(batch)
            return batch

    def unfinished(self) -> list[Batch]:
        """Return the batches that are claimed and not closed, oldest first."""
        with translate_os_errors(self._layout.root):
            found = (load_batch(folder) for folder in folders_in(self._layout.processing))
            batches = [each for each in found if each is not None and each.journal.members]
        return sorted(batches, key=lambda each: (each.journal.claimed_at, each.id))

    def pending_jobs(self, batch: Batch, active_ids: Collection[str] = ()) -> list[Job]:
        """Return the members that are to be rendered, in order, without those in ``active_ids``."""
        with translate_os_errors(self._layout.root):
            return members.pending_jobs(batch, active_ids)

    def final_journals(self, batch: Batch) -> dict[int, Journal]:
        """Return the final journals of the members that are published or failed, by number."""
        with translate_os_errors(self._layout.root):
            return members.load_final_journals(batch)

    def final_journal(self, batch: Batch, number: int) -> Journal | None:
        """Return the final journal of one member; None if it is not published or failed."""
        with translate_os_errors(self._layout.root):
            return load_journal(batch.final_journal_folder(number))

    def is_lost(self, batch: Batch) -> bool:
        """Return whether the batch's folder is missing from processing/."""
        with translate_os_errors(self._layout.root):
            return not is_folder(batch.folder)

    def recover(self, batch: Batch, active_ids: Collection[str]) -> list[Job]:
        """Finish what was interrupted; return the members to queue."""
        if batch.journal.outcome == "finished":
            close.finish_batch(self._layout, self._files, batch)
            return []
        if batch.journal.outcome == "returned" or not batch.journal.members:
            claim.return_batch(self._layout, self._files, batch)
            return []
        self._prepare_batch(batch)
        for number, journal in members.load_started_members(batch):
            folder = batch.member_folder(number)
            if journal.id in active_ids:
                continue
            if journal.outcome == "published":
                publish.finish_published(self._member_layout(batch), self._files, folder, journal)
            elif journal.outcome == "failed":
                layout = self._member_layout(
                    members.make_failed_folder(self._layout, self._files, batch)
                )
                publish.finish_failed(layout, self._files, folder, journal)
        return members.pending_jobs(batch, active_ids)

    def layout_of(self, job: Job) -> SpoolLayout:
        """Return the layout with the folders for the results and failures of ``job``: its batch's,
        or the spool's if it is in no batch."""
        batch = load_batch(job.folder.parent) if job.journal.member else None
        return self._member_layout(batch) if batch else self._layout

    def make_failure_layout(self, job: Job) -> SpoolLayout:
        """Make the batch's folder in failed/, and return the same as ``layout_of``."""
        batch = load_batch(job.folder.parent) if job.journal.member else None
        if batch is None:
            return self._layout
        return self._member_layout(members.make_failed_folder(self._layout, self._files, batch))

    def write_summary(self, batch: Batch, final_journals: Mapping[int, Journal]) -> None:
        """Write the summary into the batch's folder in the outbox."""
        with translate_os_errors(self._layout.root):
            found = load_batch(batch.folder) or batch
            close.write_summary(self._layout, self._files, found, final_journals)

    def prepare_zip(
        self, batch: Batch, final_journals: Mapping[int, Journal]
    ) -> tuple[Path, list[Path]]:
        """Return the path for the batch's ZIP, and the files that belong in it."""
        with translate_os_errors(self._layout.root):
            self._files.make_folder(batch.stage)
            return batch.stage / close.ZIP_FILE, close.published_results(
                self._layout, batch, final_journals
            )

    def close(self, batch: Batch, missing: Collection[str] = ()) -> Batch:
        """Publish ZIP and summary, and move the inputs to done/. ``missing`` are the names of the
        results that were gone when the ZIP was made. Return the batch in done/."""
        with translate_os_errors(self._layout.root):
            return close.close_batch(
                self._layout, self._files, batch, tuple(missing), self._clock()
            )

    def latest_finished(self, limit: int) -> list[Batch]:
        """Return the last ``limit`` finished batches, latest first. Only the LATEST_SEARCH_LIMIT
        newest folders of done/ are searched."""
        with translate_os_errors(self._layout.root):
            found = map(load_batch_record, newest_folders(self._layout.done, LATEST_SEARCH_LIMIT))
            batches = [record for record in found if record is not None]
        batches.sort(key=lambda each: -each.completed_at)
        return [record.batch for record in batches[:limit]]

    def retry(self, members: Sequence[JobRecord]) -> str:
        """Return failed members of one batch to the inbox as a folder of pairs. Return its name
        there."""
        with translate_os_errors(self._layout.root):
            origin = members[0].folder.parent
            now = self._clock()
            journal = BatchJournal(
                id=new_id(now),
                name=origin.name,
                folder_name=origin.name,
                claimed_at=now,
                outcome="returned",
            )
            batch = Batch(self._layout.processing / journal.id, journal)
            self._files.make_folder(batch.folder)
            save_batch(self._files, batch)
            self._files.make_folder(batch.retried_folder)
            for number, record in enumerate(members, 1):
                self._files.move(record.folder, batch.retried_folder / f"{number:04d}")
            self._files.remove_empty(origin)
            return claim.return_batch(self._layout, self._files, batch)

    def remove(self, name: str) -> list[Path] | None:
        """Delete the finished batch of that name, or the published member ``batch/member``. Return
        the deleted paths; None if there is neither."""
        batch_name, _, member = name.partition("/")
        with translate_os_errors(self._layout.root):
            if batch_name not in names_in(self._layout.done):
                return None
            record = load_batch_record(self._layout.done / batch_name)
            if record is None:
                return None
            if not member:
                return delete_batch(self._layout, self._files, record)
            end = record.find_final_journal(member)
            return delete_member(self._layout, self._files, record, end) if end else None

    def _prepare_batch(self, batch: Batch) -> None:
        claim.arrange_media(self._layout, self._files, batch)
        close.write_summary(self._layout, self._files, batch, members.load_final_journals(batch))

    def _member_layout(self, batch: Batch) -> MemberLayout:
        return MemberLayout(self._layout.root, batch)
