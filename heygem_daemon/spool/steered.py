"""What users change in a claimed job that waits: its place, and its sidecar."""

from dataclasses import replace
from pathlib import Path

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.config.job_options import OWN_SOUND
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.errors import ClaimFailed
from heygem_daemon.spool.claim import CLAIM_RETRY_ERRNOS, changed_sidecar, move_all
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.free_names import names_to_try
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.layout import names_in, save_journal
from heygem_daemon.spool.names import free_name, printable
from heygem_daemon.spool.new_options import has_own_sound, other_sound, with_own_sound
from heygem_daemon.spool.sidecars import combine, is_version


def record_hurry(files: FileOperations, job: Job, asked_ns: int) -> tuple[Job, bool]:
    """Record that a job goes first in its line; of a batch's member that has no journal yet,
    ``Batches.hurry`` records it. Return the changed job, and whether its journal was written.
    ``asked_ns``: when that was asked, nanoseconds since the epoch."""
    journal = job.journal.model_copy(update={"hurried_ns": asked_ns})
    if has_journal := job.journal.member is None or is_folder(job.folder):
        save_journal(files, job.folder, journal)
    return replace(job, journal=journal), has_journal


def take_late_sidecar(
    files: FileOperations, job: Job, sidecar: Path, answer: SidecarAnswer, hot_folder: HotFolder
) -> Job:
    """Move a sidecar from the inbox into a job's folder, in the place of an earlier one. Return the
    changed job. ``answer``: what it holds, for exactly the version that was read.

    The journal is written first: a crash in between gives the job back to the inbox, where the
    sidecar belongs to it, or takes the sidecar again. Raises ClaimFailed if it cannot be taken, or
    has changed since it was read; it is then in the inbox.
    """
    if not _is_there(sidecar, answer):
        raise changed_sidecar(sidecar.name)
    read, rewritten = answer, None
    if has_own_sound(job.journal):
        answer, rewritten = _for_own_sound(job, answer)
    earlier = {"refusal": "", "remedy": ""}  # it may be the correction of a wrong one
    changes = {**earlier, **combine([answer], hot_folder), "sidecar_name": sidecar.name}
    changed = replace(job, journal=job.journal.model_copy(update=changes))
    save_journal(files, job.folder, changed.journal)
    files.remove_file(changed.sidecar)
    try:
        files.move(sidecar, changed.sidecar)
    except OSError as error:
        _forget_sidecar(files, job)
        if error.errno in CLAIM_RETRY_ERRNOS:
            reason = f"{printable(sidecar.name)} cannot be taken now: {error.strerror}."
            raise ClaimFailed(reason) from error
        raise
    if not _is_there(changed.sidecar, read):
        names = names_to_try(sidecar.name, lambda base: free_name(base, names_in(sidecar.parent)))
        while not move_all(files, [(changed.sidecar, sidecar.with_name(next(names)))]):
            pass
        _forget_sidecar(files, job)
        raise changed_sidecar(sidecar.name)
    if rewritten is not None:
        files.write(changed.sidecar, rewritten.encode())
        files.keep_private(changed.sidecar)
    return changed


def _for_own_sound(job: Job, answer: SidecarAnswer) -> tuple[SidecarAnswer, str | None]:
    """Return what a sidecar says of a job whose video speaks with its own sound, and what is
    written in its place so that it says that too; None: it stays as it is."""
    if answer.refusal or answer.options.audio == OWN_SOUND:
        return answer, None
    if (problem := other_sound(answer.options, job.journal.video_name)) is not None:
        update = {"refusal": problem.reason, "remedy": problem.remedy}
        return answer.model_copy(update=update), None
    options = with_own_sound(answer.options)
    return answer.model_copy(update={"options": options}), options.sidecar_text


def _is_there(sidecar: Path, answer: SidecarAnswer) -> bool:
    """Return whether the file is there as it was read."""
    return is_file(sidecar) and is_version(sidecar, answer.version)


def _forget_sidecar(files: FileOperations, job: Job) -> None:
    """Save the journal of a job with the options that it had, but without their file."""
    journal = job.journal.model_copy(update={"sidecar_name": None})
    save_journal(files, job.folder, journal)
