"""Claims pairs from the inbox, and returns them. All files of a pair move, or none."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.config.job_options import OWN_SOUND
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.errors import ClaimFailed, NameContested
from heygem_daemon.spool.deciders import deciders, dropped_by
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.free_names import NUMBERED_TRIES
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
from heygem_daemon.spool.markers import remove_marker
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
from heygem_daemon.spool.ownership import describe_mixture, marked_names, trusted_users
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.spool.sidecars import SidecarAnswers, combine, is_version
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import CLOSED_MODE

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


def claim_pair(
    layout: SpoolLayout,
    files: FileOperations,
    pair: Pair,
    now: float,
    answers: SidecarAnswers,
    hot_folder: HotFolder = PLAIN,
) -> Job:
    """Rename the files of a pair into a new folder of processing/, whose journal is written first.

    ``layout`` is that of ``hot_folder``, in whose inbox the pair is. ``answers`` has an answer for
    the pair's sidecar, if there is one. Raises ClaimFailed if one of the files cannot be moved now,
    or if the sidecar has changed since it was read; all files are then in the inbox again.
    """
    answer = find_answer(answers, pair.sidecar.name) if pair.sidecar else None
    identity = new_id(now)
    folder = layout.processing / identity
    journal = Journal(
        id=identity,
        name=pair.name,
        audio_name=pair.audio.name,
        video_name=pair.video.name,
        sidecar_name=pair.sidecar.name if pair.sidecar else None,
        folder=layout.folder,
        owner=_owner_of(pair.audio),
        claimed_at=now,
        seconds=pair.seconds,
    )
    answered = [answer] if answer is not None else []
    journal = journal.model_copy(update=combine(answered, hot_folder))
    if journal.options.audio == OWN_SOUND and pair.audio != pair.video:
        journal = journal.model_copy(update=refuse_two_sounds(pair))
    job = job_from_journal(folder, journal)
    files.make_folder(folder, CLOSED_MODE)
    save_journal(files, folder, journal)
    try:
        if pair.audio != pair.video:
            _move_regular_file(files, pair.audio, job.audio)
        _move_regular_file(files, pair.video, job.video)
        if pair.sidecar:
            _move_regular_file(files, pair.sidecar, job.sidecar)
        files.sync_parents(pair.video, job.video)
    except OSError as error:
        return_inputs(layout, files, job)
        if error.errno in CLAIM_RETRY_ERRNOS:
            name = printable(Path(os.fsdecode(error.filename or "")).name)
            hint = PERMISSION_HINT if error.errno in {errno.EACCES, errno.EPERM} else ""
            raise ClaimFailed(f"{name} cannot be taken now: {error.strerror}.{hint}") from error
        raise
    if (owners := _owners(job)) != {journal.owner}:
        return_inputs(layout, files, job)
        why = describe_mixture(owners) if len(owners) > 1 else "were exchanged"
        raise ClaimFailed(f"The files of {journal.name} {why}.")
    if pair.sidecar and answer and not is_version(job.sidecar, answer.version):
        return_inputs(layout, files, job)
        raise changed_sidecar(pair.sidecar.name)
    # From here on the claim counts: ``is_complete`` looks for this folder.
    files.make_folder(job.workspace)
    for marker in _possible_markers(pair):
        remove_marker(files, marker, owners | trusted_users())
    return job


def _owner_of(path: Path) -> int | None:
    """Return the user id of a file's owner; None: it is gone, which its move will show."""
    try:
        return paths.lstat(path).st_uid
    except OSError:
        return None


def _owners(job: Job) -> set[int]:
    """Return the user ids of those who dropped the media and the sidecar; a trusted user's sidecar
    does not count. Nobody but the daemon can exchange these files any more; their content can still
    be changed (``render.unchanged``)."""
    owners = {path.lstat().st_uid for path in (job.audio, job.video)}
    if job.journal.sidecar_name:
        owners |= {dropped_by(job.sidecar.lstat())} - deciders()
    return owners


def refuse_two_sounds(pair: Pair) -> dict[str, str]:
    """Return the refusal of a job whose sidecar asks for the video's own sound, as fields of its
    journal."""
    audio, video = printable(pair.audio.name), printable(pair.video.name)
    return {
        "refusal": f'The sidecar says audio = "own", but {audio} is there beside {video}.',
        "remedy": f"Remove that line from the sidecar, or drop it with {video} alone.",
    }


def is_complete(job: Job) -> bool:
    """Return whether the claim of a job counts: all its files are there, and they are checked.

    A claim makes the workspace once all is checked. After a crash before that, nobody knows whether
    the sidecar has changed since it was read; who dropped the files is looked up again.
    """
    if not all(map(is_file, job.inputs.values())):
        return False
    if is_folder(job.workspace):
        return True
    owners = _owners(job)
    is_known = job.journal.owner is None or owners == {job.journal.owner}
    return job.journal.sidecar_name is None and len(owners) == 1 and is_known


def find_answer(answers: SidecarAnswers, name: str) -> SidecarAnswer:
    """Return the answer for the sidecar ``name``. Raises ClaimFailed if there is none."""
    if name not in answers:
        raise changed_sidecar(name)
    return answers[name]


def changed_sidecar(name: str) -> ClaimFailed:
    """Return the error for a sidecar that is not as it was read."""
    return ClaimFailed(f"{printable(name)} has changed since it was read.")


def return_inputs(layout: SpoolLayout, files: FileOperations, job: Job) -> Journal:
    """Move the inputs that are in a job's folder back to the inbox, then remove the folder.

    If a name is taken by now, all files are renamed to "name (2)". The journal records the new
    names before any file moves, so that a crash in between cannot separate a pair. Raises
    NameContested if somebody takes each name.
    """
    journal, tries = job.journal, 0
    while inputs := _present_inputs(job):
        if tries == NUMBERED_TRIES:
            raise NameContested(f"Somebody takes each name for {journal.name} in the inbox.")
        tries += 1
        journal = _with_free_names(layout, job.journal, set(inputs))
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
    """Make all moves, each from a source to a target, durably. Return False if a target exists, or
    its name is too long: the moves made before are then undone, unless somebody has replaced a
    file."""
    made: list[tuple[Path, Path, int]] = []
    for source, target in moves:
        inode = paths.lstat(source).st_ino
        try:
            files.move_unsynced(source, target)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENAMETOOLONG}:
                raise
            for old, new, moved in reversed(made):
                if paths.exists(new) and paths.lstat(new).st_ino == moved:
                    files.move(new, old)
            return False
        made.append((source, target, inode))
    files.sync_parents(*(path for move in moves for path in reversed(move)))
    return True


def _move_regular_file(files: FileOperations, source: Path, target: Path) -> None:
    files.move_unsynced(source, target)
    if not is_file(target):
        raise OSError(errno.ELOOP, "it is not a regular file", str(source))


def _present_inputs(job: Job) -> dict[str, Path]:
    """Return the inputs that are in the folder, by kind, even if they are not regular files."""
    return {kind: path for kind, path in job.inputs.items() if paths.exists(path)}


def _with_free_names(layout: SpoolLayout, journal: Journal, kinds: set[str]) -> Journal:
    """Return the journal of a returned job, with input names that are free in the inbox."""
    present = names_in(layout.inbox)
    taken = {fold(name) for name in present}
    names = journal.input_names
    if any(fold(names[kind]) in taken for kind in kinds):
        parts = {kind: split_extension(name) for kind, name in names.items()}
        stem = parts[min(parts)][0]
        # A stem of full length leaves no room for a number.
        fits = len(os.fsencode(stem)) <= MAX_STEM_BYTES
        free = free_name(stem if fits else safe_name(stem), (pair_key(name) for name in present))
        names = {kind: free + extension for kind, (_, extension) in parts.items()}
    fields = {f"{kind}_name": name for kind, name in names.items()}
    if journal.audio_name == journal.video_name:
        fields["audio_name"] = names["video"]
    return journal.model_copy(update={"outcome": "returned", **fields})


def _possible_markers(pair: Pair) -> set[Path]:
    """Return the paths where there may be markers of the pair."""
    names = {name for path in pair.files for name in marked_names(path.name)}
    return {pair.audio.parent / (name + READY_SUFFIX) for name in names}
