"""Returns batches to the inbox, each with one rename at the end."""

import os
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from heygem_daemon.spool.batch.journal import (
    BATCH_FILE,
    COMMON_SIDECAR,
    Batch,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.batch.made_again import returned_names, take_back_inputs
from heygem_daemon.spool.batch.public_folders import discard_drafts
from heygem_daemon.spool.batch.shared_files import SharedMedia
from heygem_daemon.spool.batch.side_by_side import lay_side_by_side
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.finished import FILES_A_STEP, take_back
from heygem_daemon.spool.free_names import names_to_try
from heygem_daemon.spool.job import JOURNAL_FILE, Journal
from heygem_daemon.spool.layout import (
    SpoolLayout,
    folders_in,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.spool.names import fold, free_name, safe_name
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.spool.record_store import interrupted_retry, load_record
from heygem_daemon.spool.records import JobRecord
from heygem_daemon.spool.steps import Steps, finish
from heygem_daemon.system import paths


def return_batch(layout: SpoolLayout, files: FileOperations, batch: Batch) -> str:
    """Move a batch's folder back to the inbox, then remove the daemon's own files. Return its name
    there."""
    return finish(returning(layout, files, batch))


def returning(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Steps[str]:
    """Do the same in steps. Members that a retry takes from failed/, or from done/, are first put
    into the folder, one in each step."""
    found = load_batch(batch.folder)
    # An earlier try may have taken the inputs: then the journal says so, or is gone already.
    changes = {"outcome": "returned", "retry_of": found.journal.retry_of if found else None}
    batch = replace(batch, journal=batch.journal.model_copy(update=changes))
    if found is not None and found.journal != batch.journal:
        save_batch(files, batch)
    if batch.journal.takes_options and not paths.exists(batch.inputs / COMMON_SIDECAR):
        batch = without_members(batch)  # the request that has the options is still there
    yield from _take_members(layout, files, batch)
    batch = yield from take_back_inputs(layout, files, batch)
    yield from restore_media_names(files, batch)
    with suppress(PermissionError):  # withheld by its owner: it goes back as it is
        lay_side_by_side(files, batch)
    files.remove_empty(batch.ended_folder)
    name = batch.journal.folder_name
    names = chain(
        [_free_folder_name(layout, name)],
        names_to_try(safe_name(name), lambda base: free_name(base, names_in(layout.inbox))),
    )
    while is_folder(batch.inputs) and names_in(batch.inputs):
        name = next(names)
        if move_all(files, [(batch.inputs, layout.inbox / name)]):
            break
    files.remove_empty(batch.inputs)
    discard_drafts(files, batch)
    files.remove_file(batch.folder / f".{BATCH_FILE}.part")
    files.remove_file(batch.folder / BATCH_FILE)
    files.remove_empty(batch.folder)
    return name


def without_members(batch: Batch) -> Batch:
    """Return the same batch with a journal that takes no members back."""
    changes: dict[str, object] = {"retry_of": None, "retried": ()}
    return replace(batch, journal=batch.journal.model_copy(update=changes))


def _take_members(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Steps[None]:
    """Take the failed members that a retry returns from failed/ into the batch's folder, each as a
    pair of files with the member's name, or with the users' names."""
    present = list(folders_in(batch.retried_folder)) if is_folder(batch.retried_folder) else []
    if not (present or batch.journal.retried):
        return
    if not is_folder(batch.retried_folder):
        files.make_folder(batch.retried_folder)
    shared, count = SharedMedia(layout), len(batch.journal.retried) or len(present)
    for folder in present:  # what was interrupted
        _gather_member(layout, files, batch, folder, shared, count)
        yield
    for number, name in enumerate(batch.journal.retried, 1):
        record = load_record(layout, name)
        if isinstance(record, JobRecord):
            folder = batch.retried_folder / f"{number:04d}"
            files.make_folder(folder)
            save_journal(files, folder, record.journal)
            _gather_member(layout, files, batch, folder, shared, count)
            yield
    files.remove_empty(batch.retried_folder)


def _gather_member(
    layout: SpoolLayout,
    files: FileOperations,
    batch: Batch,
    folder: Path,
    shared: SharedMedia,
    count: int,
) -> None:
    """Take the files of the failed member whose journal is in ``folder`` into the batch's inputs.
    ``count``: how many members the retry returns."""
    journal = load_journal(folder)
    files.remove_file(folder / f".{JOURNAL_FILE}.part")
    if journal is None:
        files.remove_empty(folder)
        return
    if (record := interrupted_retry(layout, journal.id)) is not None:
        take_back(layout, files, record, folder)
    if batch.journal.replaces_sidecar and journal.sidecar_name:
        files.remove_file(folder / journal.sidecar_name)
    if not is_folder(batch.inputs):
        files.make_folder(batch.inputs)
    for name, returned in _names_of_retried(batch, journal).items():
        target = batch.inputs / returned
        if is_file(folder / name) and not paths.exists(target):
            files.move(folder / name, target)
        elif is_file(folder / name) and _is_same_file(folder / name, target):
            files.remove_file(folder / name)
        elif not paths.exists(target) and (batch.journal.keeps_names or count == 1):
            with suppress(PermissionError):  # withheld by its owner, who will miss it
                shared.take(files, journal, name, target, count)
    for name in (COMMON_SIDECAR, REASON_FILE, JOURNAL_FILE):
        files.remove_file(folder / name)
    files.remove_empty(folder)


def _names_of_retried(batch: Batch, journal: Journal) -> dict[str, str]:
    """Return the name in the inbox of each input of a retried member, by its present name."""
    names = returned_names(journal)
    return {name: name for name in names} if batch.journal.keeps_names else names


def _is_same_file(path: Path, other: Path) -> bool:
    return os.path.samestat(paths.lstat(path), paths.lstat(other))


def restore_media_names(files: FileOperations, batch: Batch) -> Steps[None]:
    """Undo ``arrange_media``, in steps: move the media that are still there back to the users'
    names. Raises PermissionError if the users' folder can be written to no more."""
    if not is_folder(batch.media):
        return
    for number, (name, internal) in enumerate(batch.journal.internal_names.items(), 1):
        if paths.exists(batch.media / internal) and not paths.exists(batch.inputs / name):
            files.rename(batch.media / internal, batch.inputs / name)
        if number % FILES_A_STEP == 0:
            yield
    paths.sync_folder(batch.inputs)
    files.remove_empty(batch.media)


def _free_folder_name(layout: SpoolLayout, name: str) -> str:
    """Return ``name`` if it is free in the inbox, else a numbered one."""
    present = names_in(layout.inbox)
    # A name of full length leaves no room for a number, so it is shortened by safe_name.
    is_taken = fold(name) in map(fold, present)
    return free_name(safe_name(name), present) if is_taken else name
