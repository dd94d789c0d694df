"""Recovers jobs after a crash or a fault, and retries or removes finished ones on request."""

from collections.abc import Collection
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool import claim, publish
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.journal import BATCH_FILE, load_batch
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.finished import JobRecord, delete_job, job_records_in, load_job_record
from heygem_daemon.spool.job import JOURNAL_FILE, Job, Journal
from heygem_daemon.spool.layout import (
    SpoolLayout,
    folders_in,
    job_from_journal,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.spool.names import printable, split_extension


def recover(
    layout: SpoolLayout, files: FileOperations, batches: Batches, active_ids: Collection[str]
) -> list[Job]:
    """Finish everything in processing/ that was interrupted, and return the jobs to queue.

    Jobs and batches whose id is in ``active_ids`` are skipped. What is not queued is published,
    failed, returned to the inbox, or set aside in failed/.
    """
    found: list[Job] = []
    for folder in folders_in(layout.processing):
        if folder.name in active_ids:
            continue
        if (batch := load_batch(folder)) is not None:
            found += batches.recover(batch, active_ids)
        elif (job := _recover_job(layout, files, folder)) is not None:
            found.append(job)
    return found


def return_to_inbox(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> Journal:
    """Return a job's inputs to the inbox, and set other files in its folder aside. Return the
    journal with the names that the inputs have there."""
    publish.normalise_names(files, folder, journal)
    returned = claim.return_inputs(layout, files, job_from_journal(folder, journal))
    if is_folder(folder):
        _set_aside(layout, files, folder, "it holds files of unknown origin")
    return returned


def retry_failed(layout: SpoolLayout, files: FileOperations, batches: Batches, name: str) -> str:
    """Return a failed job, all failed members of a batch, or one of them to the inbox. Return the
    name there. Raises BadInput if nothing of that name failed or its files are missing."""
    found = _find_failed(layout, name)
    if not found:
        raise _unknown(name, "failed job")
    for record in found:
        _check_inputs(record)
    if found[0].journal.member is not None:
        return batches.retry(found)
    (record,) = found
    folder = layout.processing / record.journal.id
    journal = record.journal.model_copy(update={"outcome": "returned"})
    save_journal(files, record.folder, journal)
    files.move(record.folder, folder)
    return split_extension(return_to_inbox(layout, files, folder, journal).audio_name)[0]


def remove_finished(
    layout: SpoolLayout, files: FileOperations, batches: Batches, name: str
) -> list[Path]:
    """Delete the published job or batch of that name, or else the failed one. Return the deleted
    paths. Raises BadInput if there is none."""
    if (
        name in names_in(layout.done)
        and (record := load_job_record(layout.done / name)) is not None
    ):
        return delete_job(layout, files, record)
    if (gone := batches.remove(name)) is not None:
        return gone
    found = _find_failed(layout, name)
    if not found:
        raise _unknown(name, "published or failed job")
    return [path for each in found for path in delete_job(layout, files, each)]


def _recover_job(layout: SpoolLayout, files: FileOperations, folder: Path) -> Job | None:
    journal = load_journal(folder)
    if journal is None:
        for name in (JOURNAL_FILE, BATCH_FILE):
            files.remove_file(folder / f".{name}.part")
        if not files.remove_empty(folder):
            why = "its job.json is missing or cannot be read"
            _set_aside(layout, files, folder, why)
        return None
    if journal.member is not None:
        # It is not in a batch: a failed member whose deletion was interrupted.
        claim.discard_job_folder(files, folder)
    elif journal.outcome == "published":
        publish.finish_published(layout, files, folder, journal)
    elif journal.outcome == "failed":
        publish.finish_failed(layout, files, folder, journal)
    elif journal.outcome is None:
        job = job_from_journal(folder, journal)
        if claim.is_complete(job):
            return job
        return_to_inbox(layout, files, folder, journal)
    else:
        return_to_inbox(layout, files, folder, journal)
    return None


def _set_aside(layout: SpoolLayout, files: FileOperations, folder: Path, why: str) -> None:
    text = (
        f"This folder lay in processing/ and was set aside: {why}.\n"
        "Nothing was deleted. To render what is in it, move the files into the inbox.\n"
    )
    publish.set_aside(layout, files, folder, text)


def _find_failed(layout: SpoolLayout, name: str) -> list[JobRecord]:
    """Return the failed job ``name``, the failed members of batch ``name``, or the one failed
    member ``batch/member``."""
    folder, _, member = name.partition("/")
    if folder not in names_in(layout.failed) or not is_folder(layout.failed / folder):
        return []
    found = job_records_in(layout.failed / folder)
    return [each for each in found if not member or each.title == name]


def _check_inputs(record: JobRecord) -> None:
    """Raise BadInput if the input files for another attempt are missing."""
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
