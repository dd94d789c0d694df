"""Removes one published member of a finished batch."""

from collections.abc import Iterable
from pathlib import Path

from heygem_daemon.spool.batch.close import (
    draft_summary,
    outbox_location,
    put_summary,
    summary_location,
)
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import fold
from heygem_daemon.spool.record_store import save_record
from heygem_daemon.spool.records import BatchRecord, recorded_file
from heygem_daemon.system import paths


def find_published_member(record: BatchRecord, name: str) -> Journal | None:
    """Return the final journal of the published member ``name``, in any case; None if there is none
    or its results were removed."""
    ends = (end for end in record.journal.ended if end.outcome == "published")
    return next((end for end in ends if fold(end.name) == fold(name) and end.published), None)


def delete_member(
    layout: SpoolLayout, files: FileOperations, record: BatchRecord, final_journal: Journal
) -> list[Path]:
    """Delete the results of one published member, its inputs that no other member uses, and the
    batch's ZIP, which holds copies. Return the paths that were deleted."""
    expired = set(_paths_of_member(record, final_journal))
    found = (file.find(layout) for file in record.files if file.path in expired)
    gone = [path for path in found if path is not None]
    for path in gone:
        files.remove_file(path)
    ends = tuple(
        each.model_copy(update={"published": ()}) if each.id == final_journal.id else each
        for each in record.journal.ended
    )
    journal = record.journal.model_copy(update={"ended": ends, "published": ()})
    kept = tuple(file for file in record.files if file.path not in expired)
    changed = record.model_copy(update={"journal": journal, "files": kept})
    _replace_summary(layout, files, changed)
    return gone


def _paths_of_member(record: BatchRecord, final_journal: Journal) -> Iterable[tuple[str, ...]]:
    """Yield the paths, from the spool's root, of all that goes with a member."""
    journal = record.journal
    for file in (*final_journal.published, *journal.published):
        yield (*outbox_location(journal), file.name)
    for name in (final_journal.audio_name, final_journal.video_name):
        if len([*journal.members_using(name)]) < 2:
            yield (*record.location, "inputs", name)
    if final_journal.sidecar_name:
        yield (*record.location, "inputs", final_journal.sidecar_name)


def _replace_summary(layout: SpoolLayout, files: FileOperations, record: BatchRecord) -> None:
    """Save a changed record, and write the summary in the outbox anew if its folder is there.

    The record names the old and the new summary, so that either is deleted with the batch.
    """
    journal = record.journal
    numbered = {each.member.number: each for each in journal.ended if each.member}
    outbox = layout.in_folder(journal.folder).outbox / journal.name
    if not is_folder(outbox):
        save_record(layout, files, record)
        return
    draft = draft_summary(layout, files, journal, numbered)
    new = recorded_file(summary_location(journal), paths.lstat(draft))
    save_record(layout, files, record.model_copy(update={"files": (*record.files, new)}))
    put_summary(files, draft, outbox)
