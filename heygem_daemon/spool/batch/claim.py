"""Taking a batch out of the inbox with one rename, and putting it back with one."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import BadInput, ClaimFailed
from heygem_daemon.spool.batch.journal import (
    BATCH_FILE,
    COMMON_SIDECAR,
    Batch,
    BatchJournal,
    BatchMember,
    load_batch,
    save_batch,
)
from heygem_daemon.spool.batch.roster import Roster, RosterProblem, build_roster
from heygem_daemon.spool.claim import CLAIM_RETRY_ERRNOS, PERMISSION_HINT, move_all, read_sidecar
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import JOURNAL_FILE, Journal, Membership, new_id
from heygem_daemon.spool.layout import SpoolLayout, folders_in, load_journal, names_in
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    fold,
    free_name,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.spool.reason import REASON_FILE
from heygem_daemon.system.atomic import sync_folder


def claim_batch(layout: SpoolLayout, files: FileOperations, folder: Path, now: float) -> Batch:
    """Rename ``folder`` of the inbox into a new folder of processing/, whose journal is written
    first; then see who its members are.

    Raises ClaimFailed, with the folder back, if it cannot be had now or is no batch any more.
    """
    identity = new_id(now)
    taken = (*layout.taken_names(), *names_in(layout.failed), *_unfinished_names(layout))
    journal = BatchJournal(
        id=identity,
        name=free_name(safe_name(folder.name), taken),
        folder_name=folder.name,
        claimed_at=now,
    )
    batch = Batch(layout.processing / identity, journal)
    files.make_folder(batch.folder)
    save_batch(files, batch)
    try:
        files.move(folder, batch.inputs)
    except OSError as error:
        return_batch(layout, files, batch)
        if error.errno in CLAIM_RETRY_ERRNOS:
            reason = f"{printable(folder.name)} cannot be taken now: {error.strerror}."
            raise ClaimFailed(reason + PERMISSION_HINT) from error
        raise
    return identify_members(layout, files, batch, folder)


def identify_members(
    layout: SpoolLayout, files: FileOperations, batch: Batch, folder: Path
) -> Batch:
    """Write down who the members of a batch are whose folder has just been taken.

    Raises ClaimFailed, with the folder back, if nobody can tell: it has changed since the look.
    """
    gone = RosterProblem("is no folder any more")
    roster = build_roster(scan(batch.inputs)) if is_folder(batch.inputs) else gone
    if isinstance(roster, RosterProblem):
        return_batch(layout, files, batch)
        raise ClaimFailed(f"{printable(folder.name)} {roster.reason}")
    batch = replace(batch, journal=_with_members(batch, roster))
    save_batch(files, batch)
    files.remove_file(layout.inbox / (folder.name + READY_SUFFIX))
    return batch


def arrange_media(layout: SpoolLayout, files: FileOperations, batch: Batch) -> None:
    """Put the members' files under names of ours, and make the folders that they need. Can be
    repeated."""
    for place in (batch.media, batch.ended_folder, layout.outbox / batch.journal.name):
        if not is_folder(place):
            files.make_folder(place)
    for theirs, ours in batch.journal.internal_names.items():
        if not os.path.lexists(batch.media / ours) and os.path.lexists(batch.inputs / theirs):
            files.rename(batch.inputs / theirs, batch.media / ours)
    # Once for all of them: should a power cut undo some, they are put there again.
    sync_folder(batch.inputs)
    sync_folder(batch.media)


def restore_media_names(files: FileOperations, batch: Batch) -> None:
    """Inverse of ``arrange``: what of the members' files is still there has the users' names."""
    if not is_folder(batch.media):
        return
    for theirs, ours in batch.journal.internal_names.items():
        if os.path.lexists(batch.media / ours) and not os.path.lexists(batch.inputs / theirs):
            files.rename(batch.media / ours, batch.inputs / theirs)
    sync_folder(batch.inputs)
    files.remove_empty(batch.media)


def new_member_journal(batch: Batch, number: int, media: Mapping[str, str]) -> Journal:
    """The journal of a member that was never begun, with its options or why it is refused.
    ``media``: the batch's."""
    slot = batch.journal.members[number - 1]
    journal = Journal(
        id=member_id(batch, number),
        name=slot.name,
        audio_name=slot.audio,
        video_name=slot.video,
        sidecar_name=slot.sidecar,
        member=Membership(
            batch_id=batch.id,
            batch=batch.journal.name,
            number=number,
            of=len(batch.journal.members),
            audio=media[slot.audio],
            video=media[slot.video],
        ),
        claimed_at=batch.journal.claimed_at,
    )
    try:
        return journal.model_copy(update={"options": _read_member_options(batch, slot)})
    except BadInput as error:
        return journal.model_copy(update={"refusal": error.reason, "remedy": error.remedy})


def member_id(batch: Batch, number: int) -> str:
    """The id of the job that a member is."""
    return f"{batch.id}-{number:04d}"


def return_batch(layout: SpoolLayout, files: FileOperations, batch: Batch) -> str:
    """Return a batch's folder to the inbox under a free name, which is given; then remove what is
    ours. What was taken back from failed/ is put into it first."""
    batch = replace(batch, journal=batch.journal.model_copy(update={"outcome": "returned"}))
    found = load_batch(batch.folder)
    if found is not None and found.journal != batch.journal:
        save_batch(files, batch)
    _gather_retried_members(files, batch)
    name = batch.journal.folder_name
    while is_folder(batch.inputs) and names_in(batch.inputs):
        name = _free_folder_name(layout, batch.journal.folder_name)
        if move_all(files, [(batch.inputs, layout.inbox / name)]):
            break
    files.remove_empty(batch.inputs)
    files.remove_file(batch.folder / f".{BATCH_FILE}.part")
    files.remove_file(batch.folder / BATCH_FILE)
    files.remove_empty(batch.folder)
    return name


def _gather_retried_members(files: FileOperations, batch: Batch) -> None:
    """Put members that were taken back from failed/ into the batch's folder, each as a pair of
    files with the member's own name."""
    for folder in folders_in(batch.retried_folder) if is_folder(batch.retried_folder) else ():
        journal = load_journal(folder)
        if journal is None:
            files.remove_empty(folder)
            continue
        if not is_folder(batch.inputs):
            files.make_folder(batch.inputs)
        for theirs in (*journal.input_names.values(), COMMON_SIDECAR):
            stem = split_extension(COMMON_SIDECAR)[0] if theirs == COMMON_SIDECAR else journal.name
            target = batch.inputs / (stem + split_extension(theirs)[1].lower())
            if is_file(folder / theirs) and not os.path.lexists(target):
                files.move(folder / theirs, target)
        for name in (COMMON_SIDECAR, REASON_FILE, JOURNAL_FILE):
            files.remove_file(folder / name)
        files.remove_empty(folder)
    files.remove_empty(batch.retried_folder)


def _with_members(batch: Batch, roster: Roster) -> BatchJournal:
    known = {name for slot in roster.members for name in (*slot.media_names, slot.sidecar)}
    others = sorted(set(names_in(batch.inputs)) - known - {roster.common})
    return batch.journal.model_copy(
        update={"members": roster.members, "common": roster.common, "others": tuple(others)}
    )


def _read_member_options(batch: Batch, slot: BatchMember) -> JobOptions:
    """The member's own options over those of the batch. Raises BadInput."""
    options = JobOptions()
    for name in (batch.journal.common, slot.sidecar):
        if name is not None and is_file(batch.inputs / name):
            options = options.overridden_by(read_sidecar(batch.inputs / name, printable(name)))
    return options


def _unfinished_names(layout: SpoolLayout) -> list[str]:
    """The names of the batches under way."""
    found = (load_batch(folder) for folder in folders_in(layout.processing))
    return [batch.journal.name for batch in found if batch is not None]


def _free_folder_name(layout: SpoolLayout, wanted: str) -> str:
    present = names_in(layout.inbox)
    # A name of full length leaves no room for a number.
    clash = fold(wanted) in map(fold, present)
    return free_name(safe_name(wanted), present) if clash else wanted
