"""Closes batches: publishes the ZIP and the summary, and moves the inputs to done/.

As with a single job, the journal records the outcome first, and every step can be repeated.
"""

import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from heygem_daemon.errors import Interrupted
from heygem_daemon.spool.batch.claim import restore_media_names
from heygem_daemon.spool.batch.journal import BATCH_FILE, Batch, load_batch, save_batch
from heygem_daemon.spool.batch.members import load_final_journals
from heygem_daemon.spool.batch.summary import summary_text
from heygem_daemon.spool.claim import move_all
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.job import Journal, PublishedFile
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import free_name, split_extension

ZIP_FILE = "results.zip"
"""The name of the ZIP before it is published."""

_BLOCK = 1 << 20


def close_batch(
    layout: SpoolLayout, files: FileOperations, batch: Batch, missing: tuple[str, ...], now: float
) -> Batch:
    """Close a batch whose members are all published or failed. If any was published, the ZIP must
    be in the stage folder. Return the batch in done/.

    ``missing`` are the names of the results that were gone when the ZIP was made; ``now`` is in
    seconds since the epoch.
    """
    # The journal on disk is newer than ``batch`` if an earlier attempt was interrupted.
    batch = load_batch(batch.folder) or batch
    if batch.journal.outcome is None:
        final_journals = load_final_journals(batch)
        packed = batch.stage / ZIP_FILE
        zipped = (
            (PublishedFile(name=f"{batch.journal.name}.zip", size=packed.lstat().st_size),)
            if is_file(packed)
            else ()
        )
        changes = {
            "outcome": "finished",
            "completed_at": now,
            "missing": missing,
            "published": zipped,
            "ended": tuple(journal for _, journal in sorted(final_journals.items())),
        }
        batch = _record_outcome(layout, files, batch, changes)
    return finish_batch(layout, files, batch)


def finish_batch(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Batch:
    """Move the files of a batch whose journal says that it is finished. Return the batch in
    done/."""
    final_journals = {end.member.number: end for end in batch.journal.ended if end.member}
    outbox = layout.outbox / batch.journal.name
    if not is_folder(outbox):
        files.make_folder(outbox)
    while os.path.lexists(batch.stage / ZIP_FILE):
        name = batch.journal.published[0].name
        if move_all(files, [(batch.stage / ZIP_FILE, outbox / name)]):
            break
        batch = _rename_zip(files, batch, names_in(outbox))
    write_summary(layout, files, batch, final_journals)
    restore_media_names(files, batch)
    files.remove_tree(batch.stage)
    files.remove_tree(batch.ended_folder)
    files.remove_file(batch.folder / f".{BATCH_FILE}.part")
    while True:
        target = layout.done / batch.journal.done_name
        try:
            files.move(batch.folder, target)
        except FileExistsError:
            batch = _record_outcome(layout, files, batch, {})
            continue
        except OSError:
            # Renamed, and only the sync failed: if the rename is lost, the journal has the outcome.
            if not is_folder(target):
                raise
        return replace(batch, folder=target)


def write_summary(
    layout: SpoolLayout, files: FileOperations, batch: Batch, final_journals: Mapping[int, Journal]
) -> None:
    """Write the batch's present state into its folder in the outbox."""
    folder = layout.outbox / batch.journal.name
    if not is_folder(folder):
        files.make_folder(folder)
    files.write(folder / BATCH_FILE, summary_text(batch.journal, final_journals))


def published_results(
    layout: SpoolLayout, batch: Batch, final_journals: Mapping[int, Journal]
) -> list[Path]:
    """Return the files that belong in the ZIP: those that the members published, in order."""
    folder = layout.outbox / batch.journal.name
    return [
        folder / file.name for _, end in sorted(final_journals.items()) for file in end.published
    ]


def write_zip(
    target: Path, files: Iterable[Path], folder: str, should_stop: Callable[[], bool]
) -> list[str]:
    """Write ``files`` durably to a ZIP at ``target``, in the folder ``folder`` inside it. Return
    the names of files that do not exist any more.

    Files are stored without compression: compression would take time, and does not make video
    smaller. ZIP64 is used where it is needed, so that size and number of files have no limit. An
    existing ``target`` is overwritten, and is complete only when the function returns. Raises
    Interrupted if ``should_stop`` returns True between two blocks, and OSError.
    """
    missing = []
    with target.open("wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for path in files:
                try:
                    _add(archive, path, f"{folder}/{path.name}", should_stop)
                except FileNotFoundError:
                    missing.append(path.name)
        out.flush()
        os.fsync(out.fileno())
    return missing


def _record_outcome(
    layout: SpoolLayout, files: FileOperations, batch: Batch, changes: Mapping[str, object]
) -> Batch:
    """Save ``changes`` in the batch's journal, with a name that is free in done/."""
    name = free_name(batch.journal.name, names_in(layout.done))
    journal = batch.journal.model_copy(update={**changes, "done_name": name})
    batch = replace(batch, journal=journal)
    save_batch(files, batch)
    return batch


def _rename_zip(files: FileOperations, batch: Batch, taken: Sequence[str]) -> Batch:
    """Choose another name for the ZIP, since somebody has put a file of that name into the
    outbox."""
    (file,) = batch.journal.published
    stems = (split_extension(name)[0] for name in taken if name.endswith(".zip"))
    renamed = file.model_copy(update={"name": free_name(batch.journal.name, stems) + ".zip"})
    batch = replace(batch, journal=batch.journal.model_copy(update={"published": (renamed,)}))
    save_batch(files, batch)
    return batch


def _add(archive: zipfile.ZipFile, path: Path, name: str, should_stop: Callable[[], bool]) -> None:
    with path.open("rb") as source:
        status = os.fstat(source.fileno())
        info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
        info.file_size = status.st_size
        with archive.open(info, "w", force_zip64=status.st_size > zipfile.ZIP64_LIMIT // 2) as out:
            while block := source.read(_BLOCK):
                if should_stop():
                    raise Interrupted("stopped while the ZIP of a batch was written")
                out.write(block)
