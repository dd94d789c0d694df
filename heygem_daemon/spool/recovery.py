"""What a crash or a fault left half done in processing/, brought to its end."""

from collections.abc import Collection
from pathlib import Path

from heygem_daemon.spool import claim, finish
from heygem_daemon.spool.batch.journal import BATCH, load_batch
from heygem_daemon.spool.batches import Batches
from heygem_daemon.spool.files import Files, is_file, is_folder
from heygem_daemon.spool.job import JOURNAL, Job, Journal
from heygem_daemon.spool.layout import Layout, folders_in, job_in, load


def recover(layout: Layout, files: Files, batches: Batches, known: Collection[str]) -> list[Job]:
    """The jobs to queue, but for those ``known``; everything else is finished, put back into the
    inbox, or set aside under failed/."""
    found: list[Job] = []
    for folder in folders_in(layout.processing):
        if folder.name in known:
            continue
        if (batch := load_batch(folder)) is not None:
            found += batches.recover(batch, known)
        elif (job := _recover_job(layout, files, folder)) is not None:
            found.append(job)
    return found


def give_back(layout: Layout, files: Files, folder: Path, journal: Journal) -> Journal:
    """Return a job's inputs to the inbox; what else is in its folder is set aside."""
    finish.normalise_names(files, folder, journal)
    returned = claim.give_back(layout, files, job_in(folder, journal))
    if is_folder(folder):
        _set_aside(layout, files, folder, "it holds files of unknown origin")
    return returned


def _recover_job(layout: Layout, files: Files, folder: Path) -> Job | None:
    journal = load(folder)
    if journal is None:
        for name in (JOURNAL, BATCH):
            files.remove_file(folder / f".{name}.part")
        if not files.remove_empty(folder):
            why = "its job.json is missing or cannot be read"
            _set_aside(layout, files, folder, why)
        return None
    if journal.member is not None:
        # No batch is around it: the last of a failed member that was being deleted.
        claim.discard(files, folder)
    elif journal.outcome == "published":
        finish.finish_published(layout, files, folder, journal)
    elif journal.outcome == "failed":
        finish.finish_failed(layout, files, folder, journal)
    elif journal.outcome is None:
        job = job_in(folder, journal)
        if all(map(is_file, job.inputs.values())):
            return claim.with_options(files, job)
        give_back(layout, files, folder, journal)
    else:
        give_back(layout, files, folder, journal)
    return None


def _set_aside(layout: Layout, files: Files, folder: Path, why: str) -> None:
    text = (
        f"This folder lay in processing/ and was set aside: {why}.\n"
        "Nothing was deleted. To render what is in it, move the files into the inbox.\n"
    )
    finish.set_aside(layout, files, folder, text)
