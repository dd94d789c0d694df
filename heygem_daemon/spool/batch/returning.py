"""Returns batches to the inbox, each with one rename."""

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
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.finished import take_back
from heygem_daemon.spool.free_names import names_to_try
from heygem_daemon.spool.job import JOURNAL_FILE, Journal
from heygem_daemon.spool.layout import SpoolLayout, folders_in, load_journal, names_in
from heygem_daemon.spool.names import fold, free_name, safe_name
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.spool.record_store import interrupted_retry
from heygem_daemon.system import paths


def return_batch(layout: SpoolLayout, files: FileOperations, batch: Batch) -> str:
    """Move a batch's folder back to the inbox, then remove the daemon's own files. Members that
    a retry takes from failed/, or from done/, are first put into the folder. Return its name
    there."""
    batch = replace(batch, journal=batch.journal.model_copy(update={"outcome": "returned"}))
    found = load_batch(batch.folder)
    if found is not None and found.journal != batch.journal:
        save_batch(files, batch)
    _gather_retried_members(layout, files, batch)
    batch = take_back_inputs(layout, files, batch)
    restore_media_names(files, batch)
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


def _gather_retried_members(layout: SpoolLayout, files: FileOperations, batch: Batch) -> None:
    """Move members that were taken from failed/ for a retry into the batch's folder, each as a pair
    of files with the member's name, or with the users' names."""
    folders = list(folders_in(batch.retried_folder)) if is_folder(batch.retried_folder) else []
    shared = SharedMedia(layout)
    for folder in folders:
        journal = load_journal(folder)
        files.remove_file(folder / f".{JOURNAL_FILE}.part")
        if journal is None:
            files.remove_empty(folder)
            continue
        if (record := interrupted_retry(layout, journal.id)) is not None:
            take_back(layout, files, record, folder)
        if not is_folder(batch.inputs):
            files.make_folder(batch.inputs)
        for name, returned in _names_of_retried(batch, journal).items():
            target = batch.inputs / returned
            if is_file(folder / name) and not paths.exists(target):
                files.move(folder / name, target)
            elif is_file(folder / name) and _is_same_file(folder / name, target):
                files.remove_file(folder / name)
            elif not paths.exists(target) and (batch.journal.keeps_names or len(folders) == 1):
                with suppress(PermissionError):  # withheld by its owner, who will miss it
                    shared.take(files, journal, name, target, len(folders))
        for name in (COMMON_SIDECAR, REASON_FILE, JOURNAL_FILE):
            files.remove_file(folder / name)
        files.remove_empty(folder)
    files.remove_empty(batch.retried_folder)


def _names_of_retried(batch: Batch, journal: Journal) -> dict[str, str]:
    """Return the name in the inbox of each input of a retried member, by its present name."""
    names = returned_names(journal)
    return {name: name for name in names} if batch.journal.keeps_names else names


def _is_same_file(path: Path, other: Path) -> bool:
    return os.path.samestat(paths.lstat(path), paths.lstat(other))


def restore_media_names(files: FileOperations, batch: Batch) -> None:
    """Undo ``arrange_media``: move the media that are still there back to the users' names. Raises
    PermissionError if the users' folder can be written to no more."""
    if not is_folder(batch.media):
        return
    for name, internal in batch.journal.internal_names.items():
        if paths.exists(batch.media / internal) and not paths.exists(batch.inputs / name):
            files.rename(batch.media / internal, batch.inputs / name)
    paths.sync_folder(batch.inputs)
    files.remove_empty(batch.media)


def _free_folder_name(layout: SpoolLayout, name: str) -> str:
    """Return ``name`` if it is free in the inbox, else a numbered one."""
    present = names_in(layout.inbox)
    # A name of full length leaves no room for a number, so it is shortened by safe_name.
    is_taken = fold(name) in map(fold, present)
    return free_name(safe_name(name), present) if is_taken else name
