"""Renders ended jobs again, or deletes them with all that belongs to them.

What belongs to a job is what its record in .state/finished/ names, as long as that is unchanged.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.asked import clear_any, describe_request
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.batch.finished import delete_member, find_published_member
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.shared_files import SharedMedia
from heygem_daemon.spool.ended_item import (
    EndedItem,
    choose_to_remove,
    choose_to_retry,
    describe_ended,
)
from heygem_daemon.spool.files import FileOperations, is_folder
from heygem_daemon.spool.finished import (
    deleting,
    has_media,
    input_identities,
    inputs_to_retry,
    take_back,
)
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.kept_chunks import remove_kept_chunks
from heygem_daemon.spool.layout import SpoolLayout, job_from_journal, save_journal
from heygem_daemon.spool.left_files import LeftFiles, Removed
from heygem_daemon.spool.names import SIDECAR_SUFFIX, fold, printable, split_extension
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import batch_records, job_records, record_path
from heygem_daemon.spool.records import AnyRecord, BatchRecord, JobRecord
from heygem_daemon.spool.recovery import Place, return_to_inbox
from heygem_daemon.spool.request_files import RequestFile
from heygem_daemon.spool.steps import Steps
from heygem_daemon.system import paths
from heygem_daemon.system.folder_rights import CLOSED_MODE

RECORDS_A_STEP = 25
"""How many failed members one step looks at before a retry begins."""


def find_to_retry(layout: SpoolLayout, name: str) -> list[AnyRecord]:
    """Return what ended last of the jobs and batches ``name``: a job, all failed members of a batch
    or the one failed member ``batch/member``, or if none has failed, the batch. Raises BadInput if
    there is none."""
    items, records = _of_name(layout, name)
    chosen = [records[each.record_name] for each in choose_to_retry(items)]
    if not chosen:
        raise _unknown(name)
    first = chosen[0]
    return [_last_of(layout, first)] if first.kind == "published" else chosen


def _last_of(layout: SpoolLayout, record: AnyRecord) -> AnyRecord:
    """Return the last job that was made from the files of ``record``, whose inputs it has."""
    assert isinstance(record, JobRecord)
    inputs, owner = input_identities(record), record.journal.owner
    if not inputs or has_media(layout, record):
        return record
    of_all = [*job_records(layout, "published"), *job_records(layout, "failed")]
    same = [e for e in of_all if input_identities(e) == inputs and e.journal.owner == owner]
    return max(same, key=lambda each: each.id, default=record)


def find_to_remove(layout: SpoolLayout, name: str) -> list[AnyRecord]:
    """Return what ended last of the jobs and batches ``name``: a job, the batch with its failed
    members, or the batch of the published member ``batch/member``. Raises BadInput if there is
    none."""
    items, records = _of_name(layout, name)
    chosen = [records[each.record_name] for each in choose_to_remove(items)]
    if not chosen:
        raise _unknown(name)
    return chosen


def beginning_retry(
    layout: SpoolLayout,
    files: FileOperations,
    batches: Batches,
    found: Sequence[AnyRecord],
    asked: str,
    place: Place,
    options: NewOptions | None = None,
    request: RequestFile | None = None,
) -> Steps[str | Batch]:
    """Return a failed or published job to its inbox, and its name there; or begin to return members
    of one batch. What was published stays in the outbox.

    ``asked``: the name that was asked for, which may be that of one member. ``options``: the
    new sidecar; None: they keep their own. ``request``: what asks for it, whose file is deleted
    before the first file of a job moves, and for a batch by the caller; None: a command does it
    itself. Raises BadInput if input files are missing or were changed.
    """
    record = found[-1]
    if isinstance(record, BatchRecord):
        return batches.retries.begin_published(record, asked, options, request)
    if record.journal.member is not None:
        return (yield from _beginning_members(layout, batches, found, asked, options, request))
    folder = layout.processing / record.id
    if not is_folder(folder):  # otherwise a retry was interrupted, and has some of the inputs
        _check_inputs(layout, record, SharedMedia(layout))
    options = options.of([record.journal]) if options else None
    journal = _returned(layout, record.journal, options, request)
    files.make_folder(folder, CLOSED_MODE)
    save_journal(files, folder, journal)
    sidecar = job_from_journal(folder, journal).sidecar
    if options is not None and not paths.exists(sidecar):
        options.place(files, sidecar)
    if options is not None:
        options.discard(files)
    if request is not None:
        clear_any(files, request)
    take_back(layout, files, record, folder)
    returned = return_to_inbox(place(journal.folder), files, folder, journal)
    return split_extension(returned.audio_name)[0]


def _beginning_members(
    layout: SpoolLayout,
    batches: Batches,
    found: Sequence[AnyRecord],
    asked: str,
    options: NewOptions | None,
    request: RequestFile | None,
) -> Steps[Batch]:
    members = [each for each in found if isinstance(each, JobRecord)]
    shared, lacks_media = SharedMedia(layout), False
    for number, each in enumerate(members, 1):
        lacks_media |= _check_inputs(layout, each, shared)
        if number % RECORDS_A_STEP == 0:
            yield
    return batches.retries.begin_failed(
        members,
        options,
        is_alone=fold(asked) == fold(members[-1].title),
        keeps_names=len(members) > 1 and lacks_media,
        request=request,
    )


def removing(
    layout: SpoolLayout, files: FileOperations, found: Iterable[AnyRecord], name: str
) -> Steps[Removed]:
    """Delete what the records name; of a batch the published member alone, if ``name`` is its."""
    gone: list[Path] = []
    left = LeftFiles(layout, name)
    for each in found:
        if isinstance(each, BatchRecord) and fold(each.title) != fold(name):
            member = find_published_member(each, _member_of(name))
            gone += delete_member(layout, files, each, member) if member else []
            yield
            continue
        if isinstance(each, JobRecord):
            remove_kept_chunks(layout.cache, files, each)
        gone += yield from deleting(layout, files, each)
        left.note(each)
        yield
    return Removed(gone, left.find())


def is_left(record: AnyRecord, name: str) -> bool:
    """Return whether ``removing`` has something to delete of a record that there is."""
    if isinstance(record, BatchRecord) and fold(record.title) != fold(name):
        return find_published_member(record, _member_of(name)) is not None
    return True


def _member_of(name: str) -> str:
    """Return the member in the name of one."""
    return name.rpartition("/")[2]


def _returned(
    layout: SpoolLayout,
    journal: Journal,
    options: NewOptions | None,
    request: RequestFile | None,
) -> Journal:
    """Return the journal of a job on its way to the inbox, with the name of its new sidecar."""
    changes: dict[str, object] = {"outcome": "returned"}
    if request is not None:
        has_options = options is not None
        changes["asked_by"] = describe_request(layout, request, takes_options=has_options)
    if options is not None:
        changes["sidecar_name"] = split_extension(journal.video_name)[0] + SIDECAR_SUFFIX
    return journal.model_copy(update=changes)


def _of_name(layout: SpoolLayout, name: str) -> tuple[list[EndedItem], dict[str, AnyRecord]]:
    """Return what has ended under that name, in any case, as requests in the share find it, in the
    order of the claims; and its records, by their names."""
    found: list[AnyRecord] = [*job_records(layout, "published"), *job_records(layout, "failed")]
    found += batch_records(layout)
    found.sort(key=lambda each: each.id)
    records = {record_path(layout, each).name: each for each in found}
    items = (describe_ended(*each) for each in records.items())
    return [each for each in items if fold(name) in each.keys], records


def _check_inputs(layout: SpoolLayout, record: JobRecord, shared: SharedMedia) -> bool:
    """Raise BadInput if the input files for another attempt are missing, or are not those that the
    job had. Return whether one is missing in its folder all the same: what a failed member shares
    with others may be with its batch instead."""
    own = {path.name for path in inputs_to_retry(layout, record)}
    names = [name for name in record.journal.input_names.values() if name not in own]
    changed = [name for name in names if paths.exists(record.folder(layout) / name)]
    media = (record.journal.audio_name, record.journal.video_name)
    missing = [name for name in names if name not in changed and name in media]
    if missing and shared.is_in_use(record.journal):
        raise BadInput(
            f"{' and '.join(map(printable, missing))} of {printable(record.title)} is used by other"
            " members of its batch.",
            "Try again when the batch has ended.",
        )
    is_elsewhere = bool(missing)
    missing = [name for name in missing if shared.find(record.journal, name) is None]
    remedy = "Drop both files into the inbox again."
    if changed:
        raise BadInput(
            f"{' and '.join(map(printable, changed))} of {printable(record.title)} is not the file"
            " that failed: it was changed or replaced since.",
            remedy,
        )
    if len(missing) == len(set(media)) or (missing and record.journal.member is not None):
        raise BadInput(
            f"The input files of {printable(record.title)} are not all in its folder, which lacks"
            f" {' and '.join(map(printable, missing))}.",
            remedy,
        )
    return is_elsewhere


def _unknown(name: str) -> BadInput:
    return BadInput(
        f"There is no failed or published job of the name {printable(name)}.",
        "The status command lists the names.",
    )
