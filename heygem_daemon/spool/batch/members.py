"""The members of a claimed batch: those still to be rendered, and those published or failed."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from heygem_daemon.config.sidecar import MAX_SIDECAR_BYTES
from heygem_daemon.spool.batch.claim import member_id, new_member_journal, with_options
from heygem_daemon.spool.batch.journal import COMMON_SIDECAR, Batch, load_batch
from heygem_daemon.spool.batch.shared_files import move_or_link
from heygem_daemon.spool.files import FileOperations, is_file, is_folder
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.layout import (
    job_from_journal,
    load_journal,
    names_in,
    save_journal,
)
from heygem_daemon.system import paths


def pending_jobs(batch: Batch, active_ids: Collection[str] = ()) -> list[Job]:
    """Return the members that are neither published nor failed, in order, without those in
    ``active_ids``."""
    batch = with_options(batch)
    media = batch.journal.internal_names
    ended = _numbers_in(batch.ended_folder)
    started = _numbers_in(batch.folder)
    jobs = []
    for number in range(1, len(batch.journal.members) + 1):
        if number in ended or member_id(batch, number) in active_ids:
            continue
        folder = batch.member_folder(number)
        journal = load_journal(folder) if number in started else None
        jobs.append(job_from_journal(folder, journal or new_member_journal(batch, number, media)))
    return jobs


def load_final_journals(batch: Batch) -> dict[int, Journal]:
    """Return the final journals of the members that are published or failed, by number."""
    if batch.journal.outcome == "finished":  # Then their folders are being deleted.
        return {end.member.number: end for end in batch.journal.ended if end.member}
    found = (
        (number, load_journal(batch.final_journal_folder(number)))
        for number in sorted(_numbers_in(batch.ended_folder))
    )
    return {number: journal for number, journal in found if journal is not None}


def load_started_members(batch: Batch) -> list[tuple[int, Journal]]:
    """Return the numbers and journals of the members that have a folder of their own."""
    found = (
        (number, load_journal(batch.member_folder(number)))
        for number in sorted(_numbers_in(batch.folder))
    )
    return [(number, journal) for number, journal in found if journal is not None]


def _numbers_in(folder: Path) -> set[int]:
    """Return the numbers of the members that have a folder in ``folder``."""
    if not is_folder(folder):
        return set()
    return {int(name) for name in names_in(folder) if name.isascii() and name.isdigit()}


def detach_failed_member(files: FileOperations, folder: Path, journal: Journal) -> None:
    """Move a failed member's files into its folder, so that the folder can leave the batch.

    Media that other members use are linked instead. The batch keeps a copy of the journal. Can be
    repeated.
    """
    batch, member = load_batch(folder.parent), journal.member
    if batch is None or member is None:
        return
    for name, internal in ((journal.audio_name, member.audio), (journal.video_name, member.video)):
        others = set(batch.journal.members_using(name)) - {member.number}
        move_or_link(files, batch.media / internal, folder / name, shared=bool(others))
    # A sidecar is still in its user's folder, and may be withheld; it then stays with the batch.
    with suppress(PermissionError):
        if journal.sidecar_name is not None:
            move_or_link(files, batch.inputs / journal.sidecar_name, folder / journal.sidecar_name)
    with suppress(PermissionError):
        if batch.journal.common is not None and is_file(batch.inputs / batch.journal.common):
            common = paths.read(batch.inputs / batch.journal.common, MAX_SIDECAR_BYTES + 1)
            files.write(folder / COMMON_SIDECAR, common)
    final_folder = batch.final_journal_folder(member.number)
    if not is_folder(final_folder):
        files.make_folder(final_folder)
    save_journal(files, final_folder, journal)
