"""The folders that a batch has in outbox/ and failed/.

Anybody may make a folder there. So each one is made in the batch's folder in processing/, noted in
the journal, and then renamed, which fails where something has its name. Later it is used only while
it is still that folder; otherwise another one is made. Every step can be repeated.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

from heygem_daemon.spool.batch.journal import Batch, OwnFolder, load_batch, save_batch
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import SHARED_MODE, FileOperations, is_file, is_folder
from heygem_daemon.spool.free_names import NamePlace, TakenNames, names_to_try
from heygem_daemon.spool.layout import SpoolLayout, folders_in
from heygem_daemon.spool.names import safe_name
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import inherit_sticky_bit

_OUTBOX_DRAFT = "new-outbox"
_FAILED_DRAFT = "new-failed"
"""The folders before they are renamed."""


def free_batch_name(layout: SpoolLayout, folder_name: str) -> str:
    """Return a name for the results of a batch that was dropped as ``folder_name``."""
    return _taken_names(layout).free(safe_name(folder_name))


def draft_outbox_folder(files: FileOperations, batch: Batch) -> Batch:
    """Make the folder for the outbox in processing/. Return the batch with it in its journal, which
    the caller saves."""
    draft = batch.folder / _OUTBOX_DRAFT
    files.make_folder(draft, SHARED_MODE)
    return _changed(batch, {"outbox_folder": OwnFolder.of(paths.lstat(draft))})


def discard_drafts(files: FileOperations, batch: Batch) -> None:
    """Remove the folders of a batch that is returned before they were renamed."""
    for name in (_OUTBOX_DRAFT, _FAILED_DRAFT):
        files.remove_empty(batch.folder / name)


def ensure_outbox_folder(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Batch:
    """Make the batch's folder in the outbox, unless it is there. Return the batch with its name.

    ``layout`` is the spool's. Raises NameContested, OSError.
    """
    folder = layout.outbox / batch.journal.name
    draft = batch.folder / _OUTBOX_DRAFT
    if not is_folder(draft):
        if _is_own(folder, batch.journal.outbox_folder):
            return batch
        batch = draft_outbox_folder(files, batch)
    inherit_sticky_bit(draft, layout.outbox)
    identity = OwnFolder.of(paths.lstat(draft))
    names = names_to_try(
        safe_name(batch.journal.folder_name), lambda base: _taken_names(layout).free(base)
    )
    for name in chain([batch.journal.name], names):
        batch = _saved(files, batch, {"name": name, "outbox_folder": identity})
        if move_all(files, [(draft, layout.outbox / name)]):
            break
    return batch


def withdraw_outbox_folder(
    layout: SpoolLayout, files: FileOperations, batch: Batch, names: Iterable[str]
) -> None:
    """Remove the batch's folder in the outbox with the daemon's own files in it, which have these
    names; it stays where somebody else has put something into it. What has its place, but is
    another folder, is left alone."""
    folder = layout.outbox / batch.journal.name
    if not _is_own(folder, batch.journal.outbox_folder):
        return
    for name in names:
        if is_file(folder / name):
            files.remove_file(folder / name)
    files.remove_empty(folder)


def ensure_failed_folder(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Batch:
    """Make the batch's folder in failed/, unless it is there. Return the batch with its name.

    ``layout`` is the spool's. Raises NameContested, OSError.
    """
    journal, draft = batch.journal, batch.folder / _FAILED_DRAFT
    if not is_folder(draft):
        known = journal.failed_name
        if known is not None and _is_own(layout.failed / known, journal.failed_folder):
            return batch
        files.make_folder(draft, SHARED_MODE)
    inherit_sticky_bit(draft, layout.failed)
    identity = OwnFolder.of(paths.lstat(draft))
    names: Iterable[str] = names_to_try(journal.name, TakenNames.in_folder(layout.failed).free)
    for name in chain([journal.failed_name] if journal.failed_name else [], names):
        batch = _saved(files, batch, {"failed_name": name, "failed_folder": identity})
        if move_all(files, [(draft, layout.failed / name)]):
            break
    return batch


def _is_own(folder: Path, known: OwnFolder | None) -> bool:
    """Return whether ``folder`` is the one that the daemon made. A journal of an earlier version
    knows none; there it is one of the daemon's user."""
    if not is_folder(folder):
        return False
    status, parent = paths.lstat(folder), paths.lstat(folder.parent)
    if status.st_dev != parent.st_dev:
        return False
    return status.st_uid == os.geteuid() if known is None else OwnFolder.of(status) == known


def _saved(files: FileOperations, batch: Batch, changes: dict[str, object]) -> Batch:
    """Return the batch with ``changes``, which its journal on disk has too."""
    changed = _changed(batch, changes)
    if changed.journal != batch.journal or load_batch(batch.folder) != changed:
        save_batch(files, changed)
    return changed


def _changed(batch: Batch, changes: dict[str, object]) -> Batch:
    return replace(batch, journal=batch.journal.model_copy(update=changes))


def _taken_names(layout: SpoolLayout) -> TakenNames:
    """Return the names that no new batch may take."""
    places = (*layout.taken_names().places, NamePlace(layout.failed))
    return TakenNames(places, tuple(_unfinished_names(layout)))


def _unfinished_names(layout: SpoolLayout) -> list[str]:
    """Return the names of the batches in processing/ whose results go to the same folder."""
    found = (load_batch(folder) for folder in folders_in(layout.processing))
    journals = (batch.journal for batch in found if batch is not None)
    return [journal.name for journal in journals if journal.folder == layout.folder]
