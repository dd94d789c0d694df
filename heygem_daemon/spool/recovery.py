"""Recovers jobs after a crash or a fault."""

from collections.abc import Callable, Collection
from pathlib import Path

from heygem_daemon.language.translator import LanguageSetting, Translator, in_each
from heygem_daemon.spool import claim, publish
from heygem_daemon.spool.asked import clear_any, is_open, request_of
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.journal import BATCH_FILE, load_batch
from heygem_daemon.spool.claimed_folders import close_claimed_folders, open_released_folders
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.finished import take_back
from heygem_daemon.spool.hot_folders import HotFolders
from heygem_daemon.spool.input_names import normalise_names
from heygem_daemon.spool.job import JOURNAL_FILE, SIDECAR_FILE, Job, Journal
from heygem_daemon.spool.layout import (
    SpoolLayout,
    folders_in,
    job_from_journal,
    load_journal,
    names_in,
)
from heygem_daemon.spool.names import split_extension
from heygem_daemon.spool.reason import LANGUAGE_RULE
from heygem_daemon.spool.record_store import (
    interrupted_retry,
    names_of_records,
    set_aside_unreadable,
)
from heygem_daemon.spool.request_files import RequestFile

Place = Callable[[str], SpoolLayout]

OnFault = Callable[[Path, Exception], None]
"""Takes what could not be recovered, most often a folder of processing/, and what was raised."""

OnReturn = Callable[[RequestFile, str], None]
"""Takes the request for which a job is in the inbox again, and the job's name there."""


def recover(
    layout: SpoolLayout,
    files: FileOperations,
    batches: Batches,
    active_ids: Collection[str],
    place: Place,
    on_fault: OnFault | None = None,
    on_return: OnReturn = lambda _request, _name: None,
) -> list[Job]:
    """Finish everything in processing/ that was interrupted, and return the jobs to queue.

    ``place`` returns the layout with the folders of a hot folder.

    Jobs and batches whose id is in ``active_ids`` are skipped. What is not queued is published,
    failed, returned to the inbox, or set aside in failed/. Whatever raises anything is passed to
    ``on_fault``, and the others go on; None: the error is raised. ``on_return`` is called with each
    request for which a job goes back.
    """
    found: list[Job] = []

    def recover_jobs(folder: Path) -> None:
        found.extend(_recover_folder(layout, files, batches, folder, active_ids, place, on_return))

    _try(layout.processing, lambda _path: close_claimed_folders(layout), on_fault)
    for path in (layout.finished / name for name in names_of_records(layout)):
        _try(path, lambda path: set_aside_unreadable(layout, files, path), on_fault)
    for path in (layout.state / name for name in names_in(layout.state)):
        if path.name.endswith((".summary", ".part")):  # a write that was interrupted
            _try(path, files.remove_file, on_fault)
    for folder in folders_in(layout.processing):
        if folder.name not in active_ids:
            _try(folder, recover_jobs, on_fault)
    _try(layout.done, lambda _path: _open_released(layout, files), on_fault)
    return found


def _open_released(layout: SpoolLayout, files: FileOperations) -> None:
    for name in ("", *HotFolders(layout, files).inboxes()):
        open_released_folders(files, layout.in_folder(name))


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
    normalise_names(files, folder, journal)
    returned = claim.return_inputs(layout, files, job_from_journal(folder, journal))
    if is_folder(folder):
        set_aside(layout, files, folder, "it holds files of unknown origin")
    return returned


def _recover_folder(
    layout: SpoolLayout,
    files: FileOperations,
    batches: Batches,
    folder: Path,
    active_ids: Collection[str],
    place: Place,
    on_return: OnReturn,
) -> list[Job]:
    if (batch := load_batch(folder)) is not None:
        return batches.recover(batch, active_ids)
    job = _recover_job(layout, files, folder, place, on_return)
    return [] if job is None else [job]


def _recover_job(
    layout: SpoolLayout, files: FileOperations, folder: Path, place: Place, on_return: OnReturn
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
        _finish_return(layout, files, folder, journal, place, on_return)
    return None


def _finish_return(
    layout: SpoolLayout,
    files: FileOperations,
    folder: Path,
    journal: Journal,
    place: Place,
    on_return: OnReturn,
) -> None:
    """Continue a return to the inbox that was interrupted. One that waits for the options of its
    request has taken nothing: it is undone, and the request carried out anew."""
    request = request_of(layout, journal.asked_by) if journal.asked_by is not None else None
    if journal.asked_by is not None and request is not None:
        lacks_options = journal.asked_by.takes_options and not is_file(folder / SIDECAR_FILE)
        if lacks_options and is_open(request):
            claim.discard_job_folder(files, folder)
            return
        clear_any(files, request)
    if (record := interrupted_retry(layout, journal.id)) is not None:
        take_back(layout, files, record, folder)
    returned = return_to_inbox(place(journal.folder), files, folder, journal)
    if request is not None:
        on_return(request, split_extension(returned.audio_name)[0])


def set_aside_claimed(
    place: Place, files: FileOperations, folder: Path, why: str, language: LanguageSetting
) -> None:
    """Move a folder of processing/ to the failed/ of the hot folder that it came from. ``why`` is
    as for ``set_aside``."""
    batch, job = load_batch(folder), load_journal(folder)
    journal = batch.journal if batch is not None else job
    layout = place(journal.folder if journal is not None else "")
    set_aside(layout, files, folder, why, language)


def set_aside(
    layout: SpoolLayout,
    files: FileOperations,
    folder: Path,
    why: str,
    language: LanguageSetting = "both",
) -> None:
    """Move a folder of processing/ to failed/, with a reason.txt that says ``why`` as a clause."""

    def write(translate: Translator) -> str:
        said = translate(
            "This folder lay in processing/ and was set aside: {why}.", why=translate(why)
        )
        more = "Nothing was deleted. To render what is in it, move the files into the inbox."
        return f"{said}\n{translate(more)}\n"

    publish.set_aside(layout, files, folder, LANGUAGE_RULE.join(in_each(language, write)))
