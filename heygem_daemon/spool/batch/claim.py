"""Claims batches from the inbox, each with one rename."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.errors import ClaimFailed, FilesWithheld, SpoolUnavailable
from heygem_daemon.spool.batch.journal import (
    Batch,
    BatchJournal,
    BatchMember,
    save_batch,
)
from heygem_daemon.spool.batch.public_folders import (
    draft_outbox_folder,
    free_batch_name,
)
from heygem_daemon.spool.batch.returning import return_batch
from heygem_daemon.spool.batch.roster import (
    Roster,
    RosterProblem,
    build_roster,
    find_excess,
    find_mixture_problem,
    scan_limit,
    with_contents,
    with_seconds,
)
from heygem_daemon.spool.batch.side_by_side import unfold
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.spool.claim import (
    CLAIM_RETRY_ERRNOS,
    PERMISSION_HINT,
    changed_sidecar,
    find_answer,
)
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Journal, Membership, new_id
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.markers import remove_marker
from heygem_daemon.spool.names import (
    READY_SUFFIX,
    printable,
)
from heygem_daemon.spool.ownership import find_person, split_foreign_sidecars, trusted_users
from heygem_daemon.spool.roles import FindContent, nothing_known
from heygem_daemon.spool.sidecars import SidecarAnswers, combine, is_version, own_sound, read_now
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import CLOSED_MODE

MAX_OTHERS_BYTES = 16 << 20
"""How much of a batch's record may be about the files that are not used."""

_RECORDED_FILE_BYTES = 1000
"""The most that a record says of a file, beside its name: also its folder's name, which may be
long, and numbers."""


def claim_batch(
    layout: SpoolLayout,
    files: FileOperations,
    folder: Path,
    now: float,
    answers: SidecarAnswers,
    max_members: int | None = None,
    find_content: FindContent = nothing_known,
    hot_folder: HotFolder = PLAIN,
) -> Batch:
    """Rename ``folder`` into a new folder of processing/, whose journal is written first; then
    find its members, and move their media to internal names. ``now`` is in seconds since the epoch;
    ``answers`` are those for the folder's sidecars. ``find_content`` tells what its media hold,
    wherever the folder is. ``layout`` is that of ``hot_folder``, in whose inbox it is.

    Raises ClaimFailed if the folder or its files cannot be moved now, it is not a batch any more,
    or holds a sidecar that has changed since it was read; it is then in the inbox again. Raises
    FilesWithheld if its owner takes its permissions, so that it can neither be used nor returned.
    """
    batch = _move_folder(layout, files, folder, now)
    try:
        batch = unfold(files, batch, find_content, scan_limit(max_members))
        batch = identify_members(
            layout, files, batch, folder, answers, max_members, find_content, hot_folder
        )
        arrange_media(files, batch)
    except (OSError, SpoolUnavailable) as error:
        if not is_users_fault(error, batch.folder):
            raise
        _give_back(layout, files, batch)
        raise _not_ours(folder, error) from error
    return batch


def _move_folder(layout: SpoolLayout, files: FileOperations, folder: Path, now: float) -> Batch:
    identity = new_id(now)
    journal = BatchJournal(
        id=identity,
        name=free_batch_name(layout, folder.name),
        folder_name=folder.name,
        folder=layout.folder,
        claimed_at=now,
    )
    batch = Batch(layout.processing / identity, journal)
    files.make_folder(batch.folder, CLOSED_MODE)
    save_batch(files, batch)
    try:
        files.move(folder, batch.inputs)
    except OSError as error:
        return_batch(layout, files, batch)
        if error.errno in CLAIM_RETRY_ERRNOS:
            reason = f"{printable(folder.name)} cannot be taken now: {error.strerror}."
            raise ClaimFailed(reason + PERMISSION_HINT) from error
        raise
    return batch


def identify_members(
    layout: SpoolLayout,
    files: FileOperations,
    batch: Batch,
    folder: Path,
    answers: SidecarAnswers,
    max_members: int | None = None,
    find_content: FindContent = nothing_known,
    hot_folder: HotFolder = PLAIN,
) -> Batch:
    """Find the members of a batch whose folder was just moved, and record them with their options
    in its journal. ``answers`` are those for the folder's sidecars; ``find_content`` tells what its
    media hold, wherever the folder is. ``layout`` is that of ``hot_folder``.

    Raises ClaimFailed if the folder is not a valid batch, or a sidecar is not as it was read, since
    it changed after the scan; it is then in the inbox again.
    """
    roster = _find_roster(batch, answers, max_members, find_content)
    if isinstance(roster, RosterProblem):
        return_batch(layout, files, batch)
        raise ClaimFailed(f"{printable(folder.name)} {roster.reason}")
    try:
        checked = _check_answers(batch, roster, answers)
    except ClaimFailed:
        return_batch(layout, files, batch)
        raise
    batch = replace(batch, journal=_with_members(batch, roster, checked, hot_folder))
    owners = _owners(batch)
    journal = batch.journal.model_copy(update={"owner": find_person(owners)})
    batch = replace(batch, journal=journal)
    batch = draft_outbox_folder(files, batch)
    save_batch(files, batch)
    marker = layout.inbox / (folder.name + READY_SUFFIX)
    remove_marker(files, marker, owners | trusted_users())
    return batch


def _owners(batch: Batch) -> set[int]:
    """Return the user ids of those who dropped the folder and the members' media, before any of
    them has moved."""
    dropped = (batch.inputs, *(batch.inputs / name for name in batch.journal.internal_names))
    return {paths.lstat(path).st_uid for path in dropped}


def _find_roster(
    batch: Batch, answers: SidecarAnswers, max_members: int | None, find_content: FindContent
) -> Roster | RosterProblem:
    """Return the members in the folder that was moved, or why it is no batch. Whose the files are
    is looked up now: nobody but the daemon can add to the folder any more, or exchange a file."""
    if not is_folder(batch.inputs):
        return RosterProblem("is not a folder any more")
    found = scan(batch.inputs, limit=scan_limit(max_members))
    if max_members is not None and (problem := find_excess(found, max_members)) is not None:
        return problem
    snapshot, _ = split_foreign_sidecars(found, deciders())
    if (problem := find_mixture_problem(snapshot, trusted_users())) is not None:
        return problem
    own = {
        each.path.name: answers[each.path.name]
        for each in snapshot.sidecars
        if each.path.name in answers
    }
    roster = build_roster(with_contents(snapshot, find_content), max_members, own_sound(own))
    if isinstance(roster, RosterProblem):
        return roster
    contents = {each.path.name: find_content(each) for each in snapshot.entries}
    return with_seconds(roster, {name: each.seconds for name, each in contents.items() if each})


def arrange_media(files: FileOperations, batch: Batch) -> None:
    """Move the members' media to internal names, and make the folders for them and for what has
    ended. Can be repeated."""
    for folder in (batch.media, batch.ended_folder):
        if not is_folder(folder):
            files.make_folder(folder)
    for name, internal in batch.journal.internal_names.items():
        if not paths.exists(batch.media / internal) and paths.exists(batch.inputs / name):
            files.rename(batch.inputs / name, batch.media / internal)
    # One sync for all renames: those that a power cut undoes are made again.
    paths.sync_folder(batch.inputs)
    paths.sync_folder(batch.media)


def _give_back(layout: SpoolLayout, files: FileOperations, batch: Batch) -> None:
    """Return a batch to the inbox. Raises FilesWithheld where its owner prevents that too: the
    recovery then sets it aside."""
    try:
        return_batch(layout, files, batch)
    except OSError as error:
        if not is_users_fault(error, batch.folder):
            raise
        raise FilesWithheld(f"The owner of {batch.journal.name} withholds its files.") from error


def _not_ours(folder: Path, error: Exception) -> ClaimFailed:
    """Return the error for a folder whose files cannot be moved."""
    cause = error if isinstance(error, OSError) else error.__cause__
    strerror = cause.strerror if isinstance(cause, OSError) else str(error)
    return ClaimFailed(
        f"the files in {printable(folder.name)} cannot be taken: {strerror}. The folder must"
        " be writable for the service's user, without the sticky bit."
    )


def new_member_journal(batch: Batch, number: int, media: Mapping[str, str]) -> Journal:
    """Return the journal of a member that has had no attempt, with its options or the reason for
    its refusal.

    ``number`` is from 1. ``media`` maps the users' names of the batch's media to internal names.
    """
    member = batch.journal.members[number - 1]
    return Journal(
        id=member_id(batch, number),
        name=member.name,
        audio_name=member.audio,
        video_name=member.video,
        sidecar_name=member.sidecar,
        member=Membership(
            batch_id=batch.id,
            batch=batch.journal.name,
            number=number,
            of=len(batch.journal.members),
            audio=media[member.audio],
            video=media[member.video],
        ),
        options=member.options or JobOptions(),
        refusal=member.refusal,
        remedy=member.remedy,
        folder=batch.journal.folder,
        owner=batch.journal.owner,
        hurried_ns=batch.journal.hurried_ns,
        claimed_at=batch.journal.claimed_at,
        seconds=member.seconds,
    )


def with_options(batch: Batch) -> Batch:
    """Return a batch whose members have their options. A journal that an earlier version wrote has
    none; its sidecars are read now. Raises OSError."""
    names = {batch.journal.common, *(member.sidecar for member in batch.journal.members)}
    is_recorded = any(each.options or each.refusal for each in batch.journal.members)
    if is_recorded or names == {None}:
        return batch
    answers = read_now([batch.inputs / name for name in names if name is not None])
    members = _members_with_options(batch.journal.members, batch.journal.common, answers, PLAIN)
    return replace(batch, journal=batch.journal.model_copy(update={"members": members}))


def member_id(batch: Batch, number: int) -> str:
    """Return the job id of member ``number`` (from 1)."""
    return f"{batch.id}-{number:04d}"


def _check_answers(batch: Batch, roster: Roster, answers: SidecarAnswers) -> SidecarAnswers:
    """Return the answers for the sidecars of ``roster``. Raises ClaimFailed if one is missing, or
    the sidecar has changed since."""
    names = {roster.common, *(member.sidecar for member in roster.members)}
    found = {name: find_answer(answers, name) for name in names if name is not None}
    for name, answer in found.items():
        if not is_version(batch.inputs / name, answer.version):
            raise changed_sidecar(name)
    return found


def _members_with_options(
    members: Iterable[BatchMember],
    common: str | None,
    answers: SidecarAnswers,
    hot_folder: HotFolder,
) -> tuple[BatchMember, ...]:
    """Return the members with the options of profile, common and own sidecar, each of which
    overrides those before, or with their refusal. A sidecar that is gone changes nothing."""

    def updated(member: BatchMember) -> BatchMember:
        names = [name for name in (common, member.sidecar) if name in answers]
        own = combine([answers[name] for name in names if name is not None], hot_folder)
        return member.model_copy(update=own) if names or hot_folder.name else member

    return tuple(map(updated, members))


def _with_members(
    batch: Batch, roster: Roster, answers: SidecarAnswers, hot_folder: HotFolder
) -> BatchJournal:
    """Return the batch's journal with the members of ``roster``, and their options."""
    used = {name for member in roster.members for name in (*member.media_names, member.sidecar)}
    others = sorted(_few_others(batch.inputs, {*used, roster.common}))
    members = _members_with_options(roster.members, roster.common, answers, hot_folder)
    return batch.journal.model_copy(
        update={"members": members, "common": roster.common, "others": tuple(others)}
    )


def _few_others(folder: Path, used: Collection[str | None]) -> Iterator[str]:
    """Yield the names of the files in a batch's folder that are not in ``used``, as many as a
    record can name. Whoever has the folder open can add files to it at any time; those that are not
    named stay in done/."""
    left = MAX_OTHERS_BYTES
    with paths.listing(folder) as entries:
        for name in (entry.name for entry in entries if entry.name not in used):
            # The record names it in its journal, and among its files.
            left -= 2 * len(json.dumps(name)) + _RECORDED_FILE_BYTES
            if left < 0:
                break
            yield name
