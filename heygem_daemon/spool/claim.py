"""Claims pairs from the inbox, and returns them. All files of a pair move, or none."""

import errno
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heygem_daemon.config import sidecar as sidecars
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import BadInput, ClaimFailed
from heygem_daemon.spool.files import FileOperations, is_file
from heygem_daemon.spool.job import (
    JOURNAL_FILE,
    STAGE_FOLDER,
    WORKSPACE_FOLDER,
    Job,
    Journal,
    Pair,
    new_id,
)
from heygem_daemon.spool.layout import SpoolLayout, job_from_journal, names_in, save_journal
from heygem_daemon.spool.names import (
    MAX_STEM_BYTES,
    READY_SUFFIX,
    fold,
    free_name,
    pair_key,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.spool.reason import REASON_FILE

CLAIM_RETRY_ERRNOS = {
    errno.ENOENT,
    errno.EBUSY,
    errno.EACCES,
    errno.EPERM,
    errno.ETXTBSY,
    errno.EAGAIN,
    errno.ELOOP,
}
"""Errors that mean that a user or another program changed or holds the file. The next scan shows
its new state."""

PERMISSION_HINT = " The service's user needs write permission in the inbox."


def claim_pair(layout: SpoolLayout, files: FileOperations, pair: Pair, now: float) -> Job:
    """Rename the files of a pair into a new folder of processing/, whose journal is written first.

    Raises ClaimFailed if one of the files cannot be moved now; all files are then in the inbox
    again.
    """
    identity = new_id(now)
    folder = layout.processing / identity
    journal = Journal(
        id=identity,
        name=pair.name,
        audio_name=pair.audio.name,
        video_name=pair.video.name,
        sidecar_name=pair.sidecar.name if pair.sidecar else None,
        claimed_at=now,
    )
    job = job_from_journal(folder, journal)
    files.make_folder(folder)
    save_journal(files, folder, journal)
    try:
        _move_regular_file(files, pair.audio, job.audio)
        _move_regular_file(files, pair.video, job.video)
        if pair.sidecar:
            _move_regular_file(files, pair.sidecar, job.sidecar)
    except OSError as error:
        return_inputs(layout, files, job)
        if error.errno in CLAIM_RETRY_ERRNOS:
            name = printable(Path(os.fsdecode(error.filename or "")).name)
            hint = PERMISSION_HINT if error.errno in {errno.EACCES, errno.EPERM} else ""
            raise ClaimFailed(f"{name} cannot be taken now: {error.strerror}.{hint}") from error
        raise
    files.make_folder(job.workspace)
    for marker in _ready_markers(pair):
        files.remove_file(marker)
    return apply_sidecar(files, job)


def apply_sidecar(files: FileOperations, job: Job) -> Job:
    """Return the job with its sidecar's options, or the reason for its refusal, in its journal."""
    if job.journal.sidecar_name is None:
        return job
    try:
        options = read_sidecar(job.sidecar, printable(job.journal.sidecar_name))
        changes: dict[str, object] = {"options": options}
    except BadInput as error:
        changes = {"refusal": error.reason, "remedy": error.remedy}
    journal = job.journal.model_copy(update=changes)
    save_journal(files, job.folder, journal)
    return replace(job, journal=journal)


def read_sidecar(sidecar: Path, name: str) -> JobOptions:
    """Return the options in ``sidecar``. Raises BadInput, which calls the file ``name``."""
    answer = sidecars.read_sidecar(sidecar, name)
    if answer.refusal:
        raise BadInput(answer.refusal, answer.remedy)
    return answer.options


def return_inputs(layout: SpoolLayout, files: FileOperations, job: Job) -> Journal:
    """Move the inputs that are in a job's folder back to the inbox, then remove the folder.

    If a name is taken by now, all files are renamed to "name (2)". The journal records the new
    names before any file moves, so that a crash in between cannot separate a pair.
    """
    journal = job.journal
    while inputs := _present_inputs(job):
        journal = _with_free_names(layout, journal, set(inputs))
        save_journal(files, job.folder, journal)
        names = journal.input_names
        if move_all(files, [(inputs[kind], layout.inbox / names[kind]) for kind in inputs]):
            break
    discard_job_folder(files, job.folder)
    return journal


def discard_job_folder(files: FileOperations, folder: Path) -> bool:
    """Remove a job's folder and the daemon's own files in it. Return False if other files are in
    it: the folder then stays."""
    files.remove_tree(folder / WORKSPACE_FOLDER)
    files.remove_tree(folder / STAGE_FOLDER)
    files.remove_file(folder / f".{JOURNAL_FILE}.part")
    files.remove_file(folder / REASON_FILE)
    files.remove_file(folder / JOURNAL_FILE)
    return files.remove_empty(folder)


def move_all(files: FileOperations, moves: Sequence[tuple[Path, Path]]) -> bool:
    """Make all moves, each from a source to a target. Return False if a target exists: the moves
    made before are then undone."""
    made: list[tuple[Path, Path]] = []
    for source, target in moves:
        try:
            files.move(source, target)
        except FileExistsError:
            for old, new in reversed(made):
                files.move(new, old)
            return False
        made.append((source, target))
    return True


def _move_regular_file(files: FileOperations, source: Path, target: Path) -> None:
    files.move(source, target)
    if not is_file(target):
        raise OSError(errno.ELOOP, "it is not a regular file", str(source))


def _present_inputs(job: Job) -> dict[str, Path]:
    """Return the inputs that are in the folder, by kind, even if they are not regular files."""
    return {kind: path for kind, path in job.inputs.items() if os.path.lexists(path)}


def _with_free_names(layout: SpoolLayout, journal: Journal, kinds: set[str]) -> Journal:
    """Return the journal of a returned job, with input names that are free in the inbox."""
    present = names_in(layout.inbox)
    taken = {fold(name) for name in present}
    names = journal.input_names
    if any(fold(names[kind]) in taken for kind in kinds):
        parts = {kind: split_extension(name) for kind, name in names.items()}
        stem = parts["audio"][0]
        # A stem of full length leaves no room for a number.
        fits = len(os.fsencode(stem)) <= MAX_STEM_BYTES
        free = free_name(stem if fits else safe_name(stem), (pair_key(name) for name in present))
        names = {kind: free + extension for kind, (_, extension) in parts.items()}
    fields = {f"{kind}_name": name for kind, name in names.items()}
    return journal.model_copy(update={"outcome": "returned", **fields})


def _ready_markers(pair: Pair) -> set[Path]:
    folder = pair.audio.parent
    names = {path.name for path in pair.files}
    names |= {split_extension(name)[0] for name in names}
    candidates = {folder / (name + READY_SUFFIX) for name in names}
    return {path for path in candidates if is_file(path)}
