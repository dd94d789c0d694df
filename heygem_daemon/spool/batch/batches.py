"""The batches of a spool. A batch is claimed and closed as a whole; each member is a job."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.spool import publish
from heygem_daemon.spool.batch import claim, close, members
from heygem_daemon.spool.batch.close import PackedFile
from heygem_daemon.spool.batch.journal import (
    COMMON_SIDECAR,
    Batch,
    BatchJournal,
    MemberLayout,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.batch.last_made import published_ends
from heygem_daemon.spool.batch.made_again import plan_retry, withheld_inputs
from heygem_daemon.spool.batch.public_folders import ensure_failed_folder, ensure_outbox_folder
from heygem_daemon.spool.batch.returning import return_batch
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.finished import inputs_to_retry, take_back
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Journal, new_id
from heygem_daemon.spool.layout import (
    SpoolLayout,
    folders_in,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import latest_batches
from heygem_daemon.spool.records import BatchRecord, JobRecord
from heygem_daemon.spool.roles import FindContent, nothing_known
from heygem_daemon.spool.sidecars import SidecarAnswers, read_now
from heygem_daemon.system.folder_rights import CLOSED_MODE


class Batches:
    """Claims, closes, retries and removes the batches of a spool.

    Like the methods of the spool, every method raises SpoolUnavailable, and can be repeated.
    """

    def __init__(
        self,
        layout: SpoolLayout,
        files: FileOperations,
        clock: Callable[[], float],
        guard: Callable[[], AbstractContextManager[None]],
        place: Callable[[str], SpoolLayout],
    ) -> None:
        """``guard`` is entered around each access to the spool, and translates its errors.
        ``place`` returns the layout with the folders of a hot folder."""
        self._guard = guard
        self._place = place
        self._layout = layout
        self._files = files
        self._clock = clock

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
        """Return the batches that are claimed and not closed, oldest first. ``on_fault`` is called
        with a folder whose journal cannot be read now; None: the error is raised."""
        batches = []
        with self._guard():
            for folder in folders_in(self._layout.processing):
                try:
                    batch = load_batch(folder)
                except Exception as error:
                    if on_fault is None:
                        raise
                    on_fault(folder, error)
                else:
                    batches += [batch] if batch is not None and batch.journal.members else []
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
            close.finish_batch(layout, self._files, batch)
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
            return batch.stage / close.ZIP_FILE, close.published_results(
                self._layout.in_folder(batch.journal.folder), found, final_journals
            )

    def close(self, batch: Batch, missing: Collection[str] = ()) -> Batch:
        """Publish ZIP and summary, and move the inputs to done/. ``missing`` are the names of the
        results that were gone when the ZIP was made. Return the batch in done/."""
        with self._guard():
            layout = self._place(batch.journal.folder)
            return close.close_batch(layout, self._files, batch, tuple(missing), self._clock())

    def latest_finished(self, limit: int) -> list[Batch]:
        """Return the last ``limit`` finished batches, latest first."""
        with self._guard():
            found = latest_batches(self._layout, limit)
        return [record.batch(self._layout) for record in found]

    def retry(
        self,
        members: Sequence[JobRecord],
        options: NewOptions | None = None,
        *,
        is_alone: bool = False,
    ) -> str:
        """Return failed members of one batch to the inbox as a folder of pairs. Return its name
        there.

        ``options``: the sidecar for all; None: they keep their own. It also takes the place of the
        own sidecar of a member that ``is_alone``: nobody named the batch.
        """
        with self._guard():
            options = options.of([each.journal for each in members]) if options else None
            origin = members[0].location[-2]
            now = self._clock()
            journal = BatchJournal(
                id=new_id(now),
                name=origin,
                folder_name=origin,
                folder=members[0].journal.folder,
                claimed_at=now,
                outcome="returned",
                keeps_names=len(members) > 1 and any(map(self._lacks_media, members)),
            )
            batch = self._begin_retry(journal, options)
            self._files.make_folder(batch.retried_folder)
            for number, record in enumerate(members, 1):
                folder = batch.retried_folder / f"{number:04d}"
                self._files.make_folder(folder)
                save_journal(self._files, folder, record.journal)
                take_back(self._layout, self._files, record, folder)
                if options is not None and is_alone and record.journal.sidecar_name:
                    self._files.remove_file(folder / record.journal.sidecar_name)
            return self._return_retried(batch, options)

    def _return_retried(self, batch: Batch, options: NewOptions | None) -> str:
        """Return what is rendered again to the inbox. Return the folder's name there."""
        name = return_batch(self._place(batch.journal.folder), self._files, batch)
        if options is not None:
            options.discard(self._files)
        return name

    def _lacks_media(self, record: JobRecord) -> bool:
        """Return whether a media file of a failed member has stayed with its batch."""
        media = {record.journal.audio_name, record.journal.video_name}
        return media > {path.name for path in inputs_to_retry(self._layout, record)} & media

    def make_again(self, record: BatchRecord, asked: str, options: NewOptions | None = None) -> str:
        """Return the inputs of published members to the inbox as a folder: of all, or of the one
        that ``asked`` names as ``batch/member``. Return the folder's name there. What was published
        stays. ``options``: as for ``retry``. Raises BadInput if they are not all there unchanged.
        """
        with self._guard():
            journal = plan_retry(self._layout, record, asked, self._clock())
            options = options.of(published_ends(record, asked)) if options else None
            batch = self._begin_retry(journal, options)
            try:
                return self._return_retried(batch, options)
            except PermissionError as error:
                self._give_up_retry(batch, options)
                raise withheld_inputs(record, error) from error

    def _give_up_retry(self, batch: Batch, options: NewOptions | None) -> None:
        """Undo a retry whose inputs cannot be taken. What was taken goes to the inbox."""
        journal = batch.journal.model_copy(update={"retry_of": None})
        save_batch(self._files, batch := Batch(batch.folder, journal))
        if options is not None and names_in(batch.inputs) == [COMMON_SIDECAR]:
            options.give_back(self._files, batch.inputs / COMMON_SIDECAR)
        return_batch(self._place(journal.folder), self._files, batch)

    def _begin_retry(self, journal: BatchJournal, options: NewOptions | None) -> Batch:
        """Make the folder of a batch that a retry returns to the inbox."""
        batch = Batch(self._layout.processing / journal.id, journal)
        self._files.make_folder(batch.folder, CLOSED_MODE)
        save_batch(self._files, batch)
        if options is not None:
            self._files.make_folder(batch.inputs)
            options.place(self._files, batch.inputs / COMMON_SIDECAR)
        return batch

    def resume_retry(self, members: Sequence[JobRecord]) -> str | None:
        """Finish an interrupted retry of one of these members. Return the folder's name in the
        inbox; None if there was no such retry."""
        ids = {record.id for record in members}
        with self._guard():
            for batch in filter(None, map(load_batch, folders_in(self._layout.processing))):
                if batch.journal.outcome == "returned" and ids & set(_retried_ids(batch)):
                    layout = self._place(batch.journal.folder)
                    return return_batch(layout, self._files, batch)
        return None

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


def _retried_ids(batch: Batch) -> Iterator[str]:
    """Yield the ids of the failed members that a retry has begun to move into ``batch``."""
    if is_folder(batch.retried_folder):
        for journal in map(load_journal, folders_in(batch.retried_folder)):
            if journal is not None:
                yield journal.id
