"""Closes batches: publishes the ZIP and the summary, and moves the inputs to done/.

As with a single job, the journal records the outcome first, then a record in .state/ says what the
batch leaves, and every step can be repeated.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from heygem_daemon.spool.batch.journal import (
    BATCH_FILE,
    Batch,
    BatchJournal,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.batch.members import load_final_journals
from heygem_daemon.spool.batch.public_folders import (
    discard_drafts,
    ensure_outbox_folder,
    withdraw_outbox_folder,
)
from heygem_daemon.spool.batch.results_zip import ZIP_FILE
from heygem_daemon.spool.batch.returning import restore_media_names
from heygem_daemon.spool.batch.summary import summary_text
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.claimed_folders import release_folder
from heygem_daemon.spool.files import (
    GONE_ERRNOS,
    FileOperations,
    is_file,
    is_folder,
)
from heygem_daemon.spool.free_names import NamePlace, TakenNames, names_to_try
from heygem_daemon.spool.job import Journal, PublishedFile
from heygem_daemon.spool.layout import SpoolLayout, folders_in
from heygem_daemon.spool.own_sidecars import show_sidecars
from heygem_daemon.spool.record_store import save_record
from heygem_daemon.spool.records import (
    BatchRecord,
    RecordedFile,
    describe_files,
    recorded_file,
    recorded_folder,
)
from heygem_daemon.spool.steps import Steps
from heygem_daemon.system import paths

CANCELLED_SUFFIX, FAILED_SUFFIX = " (cancelled)", " (failed)"
"""What the name of its folder in done/ ends with, where a batch left no results: some of it was
cancelled, or all of it failed."""

FOLDERS_A_STEP = 25
"""How many folders of members one step of a closing deletes."""


def closing_batch(
    layout: SpoolLayout, files: FileOperations, batch: Batch, missing: tuple[str, ...], now: float
) -> Steps[Batch]:
    """Close, in steps, a batch whose members are all published or failed. If any was published, the
    ZIP must be in the stage folder. Return the batch in done/.

    ``missing`` are the names of the results that were gone when the ZIP was made; ``now`` is in
    seconds since the epoch.
    """
    # The journal on disk is newer than ``batch`` if an earlier attempt was interrupted.
    batch = load_batch(batch.folder) or batch
    if batch.journal.outcome is None:
        final_journals = load_final_journals(batch)
        zipped = _describe_zip(batch)
        changes = {
            "outcome": "finished",
            "completed_at": now,
            "missing": missing,
            "published": zipped,
            "ended": tuple(journal for _, journal in sorted(final_journals.items())),
        }
        batch = _with(batch, changes)
        name = TakenNames.in_folder(layout.done).free(_wanted_done_name(batch.journal))
        batch = _record_outcome(files, batch, name)
        yield
    return (yield from finishing_batch(layout, files, batch))


def finishing_batch(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Steps[Batch]:
    """Move, in steps, the files of a batch whose journal says that it is finished. Return the batch
    in done/."""
    summary = None
    if batch.journal.leaves_nothing:
        withdraw_outbox_folder(layout, files, batch, [BATCH_FILE])
    else:
        batch, summary = _publish_summary(layout, files, batch)
    yield
    yield from restore_media_names(files, batch)
    files.remove_tree(batch.stage)
    for number, folder in enumerate(_folders_of_ended(batch), 1):
        files.remove_tree(folder)
        if number % FOLDERS_A_STEP == 0:
            yield
    files.remove_tree(batch.ended_folder)
    discard_drafts(files, batch)
    files.remove_file(batch.folder / f".{BATCH_FILE}.part")
    show_sidecars(files, batch.inputs, _sidecars_of(batch.journal))
    wanted = _wanted_done_name(batch.journal)
    names = names_to_try(wanted, TakenNames.in_folder(layout.done).free)
    while True:
        target = layout.done / batch.journal.done_name
        save_record(layout, files, _describe_batch(layout, batch, target, summary))
        if release_folder(files, batch.folder, target):
            return replace(batch, folder=target)
        batch = _record_outcome(files, batch, next(names))


def _publish_summary(
    layout: SpoolLayout, files: FileOperations, batch: Batch
) -> tuple[Batch, RecordedFile | None]:
    """Publish the ZIP, if there is one, and the summary. Return the batch with the names that they
    have, and the identity of the summary; None: there is none."""
    batch = ensure_outbox_folder(layout, files, batch)
    outbox = layout.outbox / batch.journal.name
    stems = names_to_try(batch.journal.name, TakenNames((NamePlace(outbox, (".zip",)),)).free)
    while paths.exists(batch.stage / ZIP_FILE):
        name = batch.journal.published[0].name
        if move_all(files, [(batch.stage / ZIP_FILE, outbox / name)]):
            break
        batch = _rename_zip(files, batch, next(stems))
    return batch, write_summary(layout, files, batch, load_final_journals(batch))


def _wanted_done_name(journal: BatchJournal) -> str:
    """Return the name of a batch's folder in done/, where it is free. One that leaves no results
    leaves its name to its retry."""
    if not journal.leaves_nothing:
        return journal.name
    is_cancelled = any(each.cancelled for each in journal.ended)
    return journal.name + (CANCELLED_SUFFIX if is_cancelled else FAILED_SUFFIX)


def _folders_of_ended(batch: Batch) -> list[Path]:
    return list(folders_in(batch.ended_folder)) if is_folder(batch.ended_folder) else []


def write_summary(
    layout: SpoolLayout, files: FileOperations, batch: Batch, final_journals: Mapping[int, Journal]
) -> RecordedFile | None:
    """Write the batch's present state into its folder in the outbox, which is there. Return the
    file's identity; None: somebody has put something in its way, and there is no summary."""
    folder = layout.outbox / batch.journal.name
    draft = draft_summary(layout, files, batch.journal, final_journals)
    identity = recorded_file(summary_location(batch.journal), paths.lstat(draft))
    return identity if put_summary(files, draft, folder) else None


def put_summary(files: FileOperations, draft: Path, folder: Path) -> bool:
    """Move a summary into the batch's ``folder`` in the outbox. Return False, and delete it, if
    somebody has put something in its way, or has taken the folder."""
    try:
        files.replace(draft, folder / BATCH_FILE)
    except OSError as error:
        if error.errno not in GONE_ERRNOS or not is_file(draft):
            raise
        files.remove_file(draft)
        return False
    return True


def draft_summary(
    layout: SpoolLayout,
    files: FileOperations,
    journal: BatchJournal,
    final_journals: Mapping[int, Journal],
) -> Path:
    """Write a summary to .state/, where nobody can put a link in its way. Return its path."""
    draft = layout.state / f"{journal.id}.summary"
    files.write(draft, summary_text(journal, final_journals))
    return draft


def summary_location(journal: BatchJournal) -> tuple[str, ...]:
    """Return the path of a batch's summary from the spool's root."""
    return (*outbox_location(journal), BATCH_FILE)


def outbox_location(journal: BatchJournal) -> tuple[str, ...]:
    """Return the path of a batch's folder in the outbox from the spool's root."""
    return ("outbox", *filter(None, (journal.folder, journal.name)))


def _describe_zip(batch: Batch) -> tuple[PublishedFile, ...]:
    """Return the ZIP in the stage folder, if there is one, as it will be in the outbox."""
    packed = batch.stage / ZIP_FILE
    if not is_file(packed):
        return ()
    status = paths.lstat(packed)
    return (
        PublishedFile(
            name=f"{batch.journal.name}.zip",
            size=status.st_size,
            inode=status.st_ino,
            mtime_ns=status.st_mtime_ns,
        ),
    )


def _describe_batch(
    layout: SpoolLayout, batch: Batch, target: Path, summary: RecordedFile | None
) -> BatchRecord:
    """Return the record of a batch whose folder will be renamed to ``target``."""
    journal, location = batch.journal, target.relative_to(layout.root).parts
    published = [file for end in journal.ended for file in end.published]
    results = [
        RecordedFile(
            path=(*outbox_location(journal), file.name),
            size=file.size,
            inode=file.inode,
            mtime_ns=file.mtime_ns,
        )
        for file in (*published, *journal.published)
    ]
    names = [*journal.internal_names, *_sidecars_of(journal), *journal.others]
    inputs = [(batch.inputs.name, name) for name in dict.fromkeys(names)]
    outbox = layout.outbox / journal.name
    has_outbox = not journal.leaves_nothing
    folders = [
        *([recorded_folder(outbox.relative_to(layout.root).parts, outbox)] if has_outbox else []),
        recorded_folder((*location, batch.inputs.name), batch.inputs),
        recorded_folder(location, batch.folder),
    ]
    return BatchRecord(
        journal=journal,
        location=location,
        files=(
            *results,
            *filter(None, [summary]),
            *describe_files(batch.folder, [*inputs, (BATCH_FILE,)], location),
        ),
        folders=tuple(folders),
    )  # fmt: skip


def _sidecars_of(journal: BatchJournal) -> list[str]:
    """Return the users' names of the sidecars of a batch's members and of that for all."""
    sidecars = {member.sidecar for member in journal.members} | {journal.common}
    return [name for name in sidecars if name]


def _record_outcome(files: FileOperations, batch: Batch, name: str) -> Batch:
    """Save the batch's journal, with the name in done/."""
    batch = _with(batch, {"done_name": name})
    save_batch(files, batch)
    return batch


def _with(batch: Batch, changes: Mapping[str, object]) -> Batch:
    return replace(batch, journal=batch.journal.model_copy(update=changes))


def _rename_zip(files: FileOperations, batch: Batch, stem: str) -> Batch:
    """Give the ZIP another name, since somebody has put a file of that name into the outbox."""
    (file,) = batch.journal.published
    renamed = file.model_copy(update={"name": stem + ".zip"})
    batch = _with(batch, {"published": (renamed,)})
    save_batch(files, batch)
    return batch
