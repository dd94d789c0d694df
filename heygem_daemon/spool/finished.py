"""What people do with jobs and batches that have ended: try them again, or remove them."""

from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batches import Batches
from heygem_daemon.spool.files import Files, is_file, is_folder
from heygem_daemon.spool.layout import Layout, names_in, save
from heygem_daemon.spool.names import printable, split_extension
from heygem_daemon.spool.records import Record, delete, record_of, records_in
from heygem_daemon.spool.recovery import give_back


def retry(layout: Layout, files: Files, batches: Batches, name: str) -> str:
    """Put a failed job, the failed members of a batch, or one of them back into the inbox; gives
    the name they have there. Raises BadInput."""
    found = _failed(layout, name)
    if not found:
        raise _unknown(name, "failed job")
    for record in found:
        _check_inputs(record)
    if found[0].journal.member is not None:
        return batches.retry(found)
    (record,) = found
    folder = layout.processing / record.journal.id
    journal = record.journal.model_copy(update={"outcome": "returned"})
    save(files, record.folder, journal)
    files.move(record.folder, folder)
    return split_extension(give_back(layout, files, folder, journal).audio_name)[0]


def remove(layout: Layout, files: Files, batches: Batches, name: str) -> list[Path]:
    """Delete what is published under that name, or else what has failed; gives what was deleted.
    Raises BadInput."""
    if name in names_in(layout.done) and (record := record_of(layout.done / name)) is not None:
        return delete(layout, files, record)
    if (gone := batches.remove(name)) is not None:
        return gone
    found = _failed(layout, name)
    if not found:
        raise _unknown(name, "published or failed job")
    return [path for each in found for path in delete(layout, files, each)]


def _failed(layout: Layout, name: str) -> list[Record]:
    """The failed job of that name, or the failed members of the batch, or the one of them."""
    folder, _, member = name.partition("/")
    if folder not in names_in(layout.failed) or not is_folder(layout.failed / folder):
        return []
    found = records_in(layout.failed / folder)
    return [each for each in found if not member or each.title == name]


def _check_inputs(record: Record) -> None:
    """Raise BadInput where there is nothing to try again with."""
    journal = record.journal
    media = [record.folder / name for name in (journal.audio_name, journal.video_name)]
    missing = [printable(path.name) for path in media if not is_file(path)]
    if len(missing) == 2 or (missing and journal.member is not None):
        raise BadInput(
            f"The input files of {printable(record.title)} are not all in its folder:"
            f" {' and '.join(missing)} is missing.",
            "Drop both files into the inbox again.",
        )


def _unknown(name: str, what: str) -> BadInput:
    return BadInput(
        f"There is no {what} of the name {printable(name)}.",
        "The status command lists the names.",
    )
