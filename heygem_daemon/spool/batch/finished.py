"""Finished batches in done/: reads them, and deletes a batch or one of its members."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.spool.batch.close import write_summary
from heygem_daemon.spool.batch.journal import BATCH_FILE, Batch, load_batch, save_batch
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout, folders_in
from heygem_daemon.spool.publish import is_unchanged_output


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A finished batch in done/."""

    batch: Batch

    @property
    def completed_at(self) -> float:
        """Seconds since the epoch."""
        return self.batch.journal.completed_at or 0.0

    def outbox_folder(self, layout: SpoolLayout) -> Path:
        """Return the batch's folder in the outbox."""
        return layout.outbox / self.batch.journal.name

    def results(self, layout: SpoolLayout) -> list[Path]:
        """Return the batch's files in the outbox that are still as the daemon published them."""
        of_members = [file for end in self.batch.journal.ended for file in end.published]
        folder = self.outbox_folder(layout)
        found = [
            folder / file.name
            for file in (*of_members, *self.batch.journal.published)
            if is_unchanged_output(file, folder / file.name)
        ]
        return [*found, *([folder / BATCH_FILE] if is_file(folder / BATCH_FILE) else [])]

    def files(self) -> list[Path]:
        """Return the dropped files that are in done/, and the journal last."""
        journal = self.batch.journal
        sidecars = {member.sidecar for member in journal.members} | {journal.common}
        names = [*journal.internal_names, *(name for name in sidecars if name), *journal.others]
        dropped = (self.batch.inputs / name for name in names)
        return [*(path for path in dropped if _is_there(path)), self.batch.folder / BATCH_FILE]

    def find_final_journal(self, name: str) -> Journal | None:
        """Return the final journal of the published member ``name``; None if there is none or its
        results were removed."""
        ends = (end for end in self.batch.journal.ended if end.outcome == "published")
        return next((end for end in ends if end.name == name and end.published), None)


def load_batch_record(folder: Path) -> BatchRecord | None:
    """Return the finished batch in ``folder``; None if no journal there says that one finished."""
    batch = load_batch(folder)
    if batch is None or batch.journal.outcome != "finished" or batch.journal.completed_at is None:
        return None
    return BatchRecord(batch)


def batch_records(done: Path) -> Iterator[BatchRecord]:
    """Return all finished batches; none if ``done`` is not a real folder."""
    if not is_folder(done):
        return iter(())
    found = (load_batch_record(folder) for folder in folders_in(done))
    return (record for record in found if record is not None)


def delete_batch(layout: SpoolLayout, files: FileOperations, record: BatchRecord) -> list[Path]:
    """Delete results, inputs and journal of a batch, and its folders if nothing else is in them.

    The journal goes last, so that the deletion can be repeated after a crash. Return the paths
    that were deleted, folders last.
    """
    gone = [*record.results(layout), *record.files()]
    for path in gone[:-1]:
        files.remove_file(path)
    outbox = record.outbox_folder(layout)
    emptied = [path for path in (outbox, record.batch.inputs) if files.remove_empty(path)]
    files.remove_file(gone[-1])
    if files.remove_empty(record.batch.folder):
        emptied.append(record.batch.folder)
    return [*gone, *emptied]


def delete_member(
    layout: SpoolLayout, files: FileOperations, record: BatchRecord, final_journal: Journal
) -> list[Path]:
    """Delete the results of one published member, its inputs that no other member uses, and the
    batch's ZIP, which holds copies. Return the paths that were deleted."""
    journal, folder = record.batch.journal, record.outbox_folder(layout)
    published = (*final_journal.published, *journal.published)
    gone = [
        folder / file.name for file in published if is_unchanged_output(file, folder / file.name)
    ]
    names = [
        name
        for name in (final_journal.audio_name, final_journal.video_name)
        if len([*journal.members_using(name)]) < 2
    ]
    names += [final_journal.sidecar_name] if final_journal.sidecar_name else []
    gone += [path for path in (record.batch.inputs / name for name in names) if is_file(path)]
    for path in gone:
        files.remove_file(path)
    ends = tuple(
        each.model_copy(update={"published": ()}) if each.id == final_journal.id else each
        for each in journal.ended
    )
    changed = journal.model_copy(update={"ended": ends, "published": ()})
    batch = replace(record.batch, journal=changed)
    save_batch(files, batch)
    if is_folder(folder):
        numbered = {each.member.number: each for each in ends if each.member}
        write_summary(layout, files, batch, numbered)
    return gone


def _is_there(path: Path) -> bool:
    """Return whether ``path`` is a file or a link. A link itself is deleted, never its target."""
    return is_file(path) or path.is_symlink()
