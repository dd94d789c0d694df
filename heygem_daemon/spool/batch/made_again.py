"""Takes the inputs of published members out of done/, to render them again as a new batch.

What was published stays in the outbox, and so does the record of the finished batch.
"""

from collections.abc import Iterable
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.batch.journal import (
    COMMON_SIDECAR,
    INPUTS_FOLDER,
    Batch,
    BatchJournal,
    BatchMember,
    save_batch,
)
from heygem_daemon.spool.batch.last_made import inputs_of, published_ends
from heygem_daemon.spool.batch.roster import format_names
from heygem_daemon.spool.batch.shared_files import count_users, move_or_link, move_or_share
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.formats import extension_as
from heygem_daemon.spool.job import Journal, new_id
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import printable, split_extension
from heygem_daemon.spool.own_sidecars import close_sidecar
from heygem_daemon.spool.record_store import find_batch
from heygem_daemon.spool.records import BatchRecord
from heygem_daemon.spool.steps import Steps
from heygem_daemon.system import paths


def plan_retry(layout: SpoolLayout, record: BatchRecord, asked: str, now: float) -> BatchJournal:
    """Return the journal of a batch that takes back the inputs of published members: of all, or of
    the one that ``asked`` names, as ``batch/member``. ``now``: seconds since the epoch.

    Raises BadInput if there is none, or if the input files are not in done/ as they were.
    """
    ends = published_ends(record, asked)
    if not ends:
        raise BadInput(f"{printable(asked)} has no result any more.")
    members = tuple(record.journal.members[e.member.number - 1] for e in ends if e.member)
    _check_media(layout, record, members)
    origin = record.journal.folder_name
    return BatchJournal(
        id=new_id(now),
        name=origin,
        folder_name=origin,
        folder=record.journal.folder,
        owner=record.journal.owner,
        claimed_at=now,
        members=members,
        common=record.journal.common,
        outcome="returned",
        retry_of=record.id,
    )


def take_back_inputs(layout: SpoolLayout, files: FileOperations, batch: Batch) -> Steps[Batch]:
    """Move the inputs of the members that ``batch`` renders again into it, if it is such a batch,
    a file in each step. Return it with a journal that says that they are there. Can be repeated.

    Where their owner takes the rest away from the daemon, what was moved is all. Raises
    PermissionError if nothing was, and OSError.
    """
    if batch.journal.retry_of is None:
        return batch
    if (record := find_batch(layout, batch.journal.retry_of)) is not None:
        try:
            yield from _take_back(layout, files, record, batch)
        except PermissionError:
            if not set(names_in(batch.inputs)) - {COMMON_SIDECAR}:
                raise
    journal = batch.journal.model_copy(update={"retry_of": None})
    save_batch(files, changed := Batch(batch.folder, journal))
    return changed


def _take_back(
    layout: SpoolLayout, files: FileOperations, record: BatchRecord, batch: Batch
) -> Steps[None]:
    """Move the inputs into the batch. Media that members use that are not among its own are linked.
    Where somebody has taken all media, it takes nothing.

    A new sidecar for all that is there already takes the place of the old one; for one member alone
    also that of its own.
    """
    journal = batch.journal
    if not is_folder(batch.inputs):
        files.make_folder(batch.inputs)
    has_options = paths.exists(batch.inputs / COMMON_SIDECAR)
    inputs, returned = record.folder(layout) / batch.inputs.name, _names_in_inbox(record, journal)
    of_all, own = count_users(record.journal), count_users(journal)
    recorded = inputs_of(record)
    for name in own:
        if name in recorded and recorded[name].find(layout) is not None:
            is_shared = of_all[name] > own[name]
            move_or_share(files, inputs / name, batch.inputs / returned[name], is_shared)
            yield
    has_media = any(paths.exists(batch.inputs / returned[name]) for name in own)
    if not has_media or not _is_own_folder(layout, record, inputs):
        return
    for member in () if has_options and len(journal.members) == 1 else journal.members:
        if member.sidecar is not None and is_file(inputs / member.sidecar):
            target = batch.inputs / returned[member.sidecar]
            close_sidecar(layout, files, record, inputs / member.sidecar)
            move_or_link(files, inputs / member.sidecar, target)
            yield
    if journal.common is not None and is_file(inputs / journal.common):
        is_shared = len(journal.members) < len(record.journal.members)
        close_sidecar(layout, files, record, inputs / journal.common)
        target = batch.inputs / COMMON_SIDECAR
        move_or_share(files, inputs / journal.common, target, is_shared)


def withheld_inputs(record: BatchRecord, error: OSError) -> BadInput:
    """Return the error for a batch whose folder in done/ is not writable for the daemon."""
    place = "/".join((*record.location, INPUTS_FOLDER))
    return BadInput(
        f"The files in {printable(place)} cannot be taken: {error.strerror}.",
        "The folder must be writable for the service's user; or copy its files into the inbox.",
    )


def returned_names(journal: Journal) -> dict[str, str]:
    """Return the name in the inbox of each input of a member, by its present name. A sound in a
    container of the video's kind gets a suffix of its own beside it."""
    names = journal.input_names
    suffixes = {kind: split_extension(name)[1].lower() for kind, name in names.items()}
    if suffixes.get("audio") == suffixes.get("video"):
        suffixes["audio"] = extension_as("audio", journal.audio_name)
        suffixes["video"] = extension_as("video", journal.video_name)
    returned = {name: journal.name + suffixes[kind] for kind, name in names.items()}
    return {**returned, COMMON_SIDECAR: COMMON_SIDECAR}


def _names_in_inbox(record: BatchRecord, journal: BatchJournal) -> dict[str, str]:
    """Return the name in the inbox of each file of the members. One member alone is a pair of files
    with its name, since one sound and one video of different names would get that of the sound."""
    if len(journal.members) == 1:
        number = record.journal.members.index(journal.members[0]) + 1
        end = next(e for e in record.journal.ended if e.member and e.member.number == number)
        return returned_names(end.model_copy(update={"name": journal.members[0].name}))
    names = _media_names(journal.members)
    return {name: name for name in (*names, *(each.sidecar for each in journal.members)) if name}


def _media_names(members: Iterable[BatchMember]) -> list[str]:
    return list(dict.fromkeys(name for each in members for name in each.media_names))


def _check_media(layout: SpoolLayout, record: BatchRecord, members: Iterable[BatchMember]) -> None:
    """Raise BadInput if media of the members are missing in done/, or are not those that they
    had."""
    recorded = inputs_of(record)
    names = [
        name
        for name in _media_names(members)
        if name not in recorded or recorded[name].find(layout) is None
    ]
    if names:
        raise BadInput(
            f"Not all inputs of {printable(record.title)} are in done as they were:"
            f" {format_names(names)}.",
            "Drop the files into the inbox again.",
        )


def _is_own_folder(layout: SpoolLayout, record: BatchRecord, folder: Path) -> bool:
    """Return whether ``folder`` is the one that the daemon put into done/."""
    return folder in record.present_folders(layout)
