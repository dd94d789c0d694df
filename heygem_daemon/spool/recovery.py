"""Recovers jobs after a crash or a fault, and retries or removes finished ones on request."""

from collections.abc import Callable, Collection
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool import claim, publish
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.journal import BATCH_FILE, load_batch
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.finished import delete_finished, inputs_to_retry, take_back
from heygem_daemon.spool.job import JOURNAL_FILE, Job, Journal
from heygem_daemon.spool.kept_chunks import remove_kept_chunks
from heygem_daemon.spool.layout import (
    SpoolLayout,
    folders_in,
    job_from_journal,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.spool.names import printable, split_extension
from heygem_daemon.spool.record_store import (
    interrupted_retry,
    job_records,
    names_of_records,
    set_aside_unreadable,
)
from heygem_daemon.spool.records import JobRecord
from heygem_daemon.system import paths

Place = Callable[[str], SpoolLayout]

OnFault = Callable[[Path, Exception], None]
"""Takes what could not be recovered, most often a folder of processing/, and what was raised."""


def recover(
    layout: SpoolLayout,
    files: FileOperations,
    batches: Batches,
    active_ids: Collection[str],
    place: Place,
    on_fault: OnFault | None = None,
) -> list[Job]:
    """Finish everything in processing/ that was interrupted, and return the jobs to queue.

    ``place`` returns the layout with the folders of a hot folder.

    Jobs and batches whose id is in ``active_ids`` are skipped. What is not queued is published,
    failed, returned to the inbox, or set aside in failed/. Whatever raises anything is passed to
    ``on_fault``, and the others go on; None: the error is raised.
    """
    found: list[Job] = []

    def recover_jobs(folder: Path) -> None:
        found.extend(_recover_folder(layout, files, batches, folder, active_ids, place))

    for path in (layout.finished / name for name in names_of_records(layout)):
        _try(path, lambda path: set_aside_unreadable(layout, files, path), on_fault)
    for path in (layout.state / name for name in names_in(layout.state)):
        if path.name.endswith((".summary", ".part")):  # a write that was interrupted
            _try(path, files.remove_file, on_fault)
    for folder in folders_in(layout.processing):
        if folder.name not in active_ids:
            _try(folder, recover_jobs, on_fault)
    return found


def _try(path: Path, step: Callable[[Path], object], on_fault: OnFault | None) -> None:
    """Take a step for one path. Whatever it raises concerns this path alone."""
    try:
        step(path)
    except Exception as error:
        if on_fault is None:
            raise
        on_fault(path, error)


def return_to_inbox(
    layout: SpoolLayout, files: FileOperations, folder: Path, journal: Journal
) -> Journal:
    """Return a job's inputs to the inbox, and set other files in its folder aside. Return the
    journal with the names that the inputs have there."""
    publish.normalise_names(files, folder, journal)
    returned = claim.return_inputs(layout, files, job_from_journal(folder, journal))
    if is_folder(folder):
        set_aside(layout, files, folder, "it holds files of unknown origin")
    return returned


def retry_failed(
    layout: SpoolLayout, files: FileOperations, batches: Batches, name: str, place: Place
) -> str:
    """Return a failed job, all failed members of a batch, or one of them to its inbox. Return the
    name there. ``place`` returns the layout with the folders of a hot folder. Raises BadInput if
    nothing of that name failed or its files are missing."""
    found = _find_failed(layout, name)
    if not found:
        raise _unknown(name, "failed job")
    if found[0].journal.member is not None:
        if (resumed := batches.resume_retry(found)) is not None:
            return resumed
        for each in found:
            _check_inputs(layout, each)
        return batches.retry(found)
    record = found[-1]
    folder = layout.processing / record.id
    if not is_folder(folder):  # otherwise a retry was interrupted, and has some of the inputs
        _check_inputs(layout, record)
    journal = record.journal.model_copy(update={"outcome": "returned"})
    files.make_folder(folder)
    save_journal(files, folder, journal)
    take_back(layout, files, record, folder)
    returned = return_to_inbox(place(journal.folder), files, folder, journal)
    return split_extension(returned.audio_name)[0]


def remove_finished(
    layout: SpoolLayout, files: FileOperations, batches: Batches, name: str
) -> list[Path]:
    """Delete the published job or batch of that name, or else the failed one. Return the deleted
    paths. Raises BadInput if there is none."""
    published = [each for each in job_records(layout, "published") if each.title == name]
    if published:
        return delete_finished(layout, files, published[-1])
    if (gone := batches.remove(name)) is not None:
        return gone
    found = _find_failed(layout, name)
    if not found:
        raise _unknown(name, "published or failed job")
    for each in found:
        remove_kept_chunks(layout.cache, files, each)
    return [path for each in found for path in delete_finished(layout, files, each)]


def _recover_folder(
    layout: SpoolLayout,
    files: FileOperations,
    batches: Batches,
    folder: Path,
    active_ids: Collection[str],
    place: Place,
) -> list[Job]:
    if (batch := load_batch(folder)) is not None:
        return batches.recover(batch, active_ids)
    job = _recover_job(layout, files, folder, place)
    return [] if job is None else [job]


def _recover_job(
    layout: SpoolLayout, files: FileOperations, folder: Path, place: Place
) -> Job | None:
    journal = load_journal(folder)
    if journal is None:
        for name in (JOURNAL_FILE, BATCH_FILE):
            files.remove_file(folder / f".{name}.part")
        if not files.remove_empty(folder):
            why = "its job.json is missing or cannot be read"
            set_aside(layout, files, folder, why)
        return None
    if journal.member is not None:
        # It is not in a batch: a failed member whose deletion was interrupted.
        claim.discard_job_folder(files, folder)
    elif journal.outcome == "published":
        publish.finish_published(place(journal.folder), files, folder, journal)
    elif journal.outcome == "failed":
        publish.finish_failed(place(journal.folder), files, folder, journal)
    elif journal.outcome is None:
        job = job_from_journal(folder, journal)
        if claim.is_complete(job):
            return job
        return_to_inbox(place(journal.folder), files, folder, journal)
    else:
        if (record := interrupted_retry(layout, journal.id)) is not None:
            take_back(layout, files, record, folder)
        return_to_inbox(place(journal.folder), files, folder, journal)
    return None


def set_aside_claimed(place: Place, files: FileOperations, folder: Path, why: str) -> None:
    """Move a folder of processing/ to the failed/ of the hot folder that it came from. ``why`` is
    as for ``set_aside``."""
    batch, job = load_batch(folder), load_journal(folder)
    journal = batch.journal if batch is not None else job
    set_aside(place(journal.folder if journal is not None else ""), files, folder, why)


def set_aside(layout: SpoolLayout, files: FileOperations, folder: Path, why: str) -> None:
    """Move a folder of processing/ to failed/, with a reason.txt that says ``why`` as a clause."""
    text = (
        f"This folder lay in processing/ and was set aside: {why}.\n"
        "Nothing was deleted. To render what is in it, move the files into the inbox.\n"
    )
    publish.set_aside(layout, files, folder, text)


def _find_failed(layout: SpoolLayout, name: str) -> list[JobRecord]:
    """Return the failed job ``name``, the failed members of batch ``name``, or the one failed
    member ``batch/member``. Of several jobs of that name, whose folders somebody has moved, it is
    the last one."""
    found = [
        each
        for each in job_records(layout, "failed")
        if name == each.title or (each.journal.member and name == "/".join(each.location[1:-1]))
    ]
    return found if found and found[-1].journal.member else found[-1:]


def _check_inputs(layout: SpoolLayout, record: JobRecord) -> None:
    """Raise BadInput if the input files for another attempt are missing, or are not those that
    failed."""
    own = {path.name for path in inputs_to_retry(layout, record)}
    names = [name for name in record.journal.input_names.values() if name not in own]
    changed = [name for name in names if paths.exists(record.folder(layout) / name)]
    media = (record.journal.audio_name, record.journal.video_name)
    missing = [name for name in names if name not in changed and name in media]
    remedy = "Drop both files into the inbox again."
    if changed:
        raise BadInput(
            f"{' and '.join(map(printable, changed))} of {printable(record.title)} is not the file"
            " that failed: it was changed or replaced since.",
            remedy,
        )
    if len(missing) == len(set(media)) or (missing and record.journal.member is not None):
        raise BadInput(
            f"The input files of {printable(record.title)} are not all in its folder:"
            f" {' and '.join(map(printable, missing))} is missing.",
            remedy,
        )


def _unknown(name: str, what: str) -> BadInput:
    return BadInput(
        f"There is no {what} of the name {printable(name)}.",
        "The status command lists the names.",
    )
