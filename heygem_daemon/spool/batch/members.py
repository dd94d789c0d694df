"""The members of a claimed batch: which are still to be rendered, how each came to its end."""

import errno
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from heygem_daemon.spool.batch.claim import first_journal, member_id
from heygem_daemon.spool.batch.journal import COMMON, Batch, load_batch, save_batch
from heygem_daemon.spool.files import Files, is_file, is_folder
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.layout import Layout, job_in, load, names_in, save
from heygem_daemon.spool.names import free_name

_NO_LINKS = {
    errno.EPERM,
    errno.EACCES,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
    errno.EINVAL,
}
"""Answers of file systems that know no hard links (CIFS, exFAT), or no more of them."""


def pending(batch: Batch, known: Collection[str] = ()) -> list[Job]:
    """The members that are neither published nor failed, in their order, but for the ``known``."""
    media = batch.journal.media
    over = _numbers_in(batch.ended)
    begun = _numbers_in(batch.folder)
    jobs = []
    for number in range(1, len(batch.journal.members) + 1):
        if number in over or member_id(batch, number) in known:
            continue
        folder = batch.member(number)
        journal = load(folder) if number in begun else None
        jobs.append(job_in(folder, journal or first_journal(batch, number, media)))
    return jobs


def ended(batch: Batch) -> dict[int, Journal]:
    """The final journals of the members that are published or failed, by the member's number."""
    found = ((number, load(batch.end_of(number))) for number in sorted(_numbers_in(batch.ended)))
    return {number: journal for number, journal in found if journal is not None}


def begun(batch: Batch) -> list[tuple[int, Journal]]:
    """The members that have a folder of their own, with their journals."""
    found = ((number, load(batch.member(number))) for number in sorted(_numbers_in(batch.folder)))
    return [(number, journal) for number, journal in found if journal is not None]


def _numbers_in(folder: Path) -> set[int]:
    """The members that have a folder there."""
    if not is_folder(folder):
        return set()
    return {int(name) for name in names_in(folder) if name.isascii() and name.isdigit()}


def with_failures(layout: Layout, files: Files, batch: Batch) -> Batch:
    """The batch with a folder of its own in failed/."""
    if batch.journal.failed_name is None:
        name = free_name(batch.journal.name, names_in(layout.failed))
        batch = replace(batch, journal=batch.journal.model_copy(update={"failed_name": name}))
        save_batch(files, batch)
    folder = layout.failed / str(batch.journal.failed_name)
    if not is_folder(folder):
        files.make_folder(folder)
    return batch


def leave(files: Files, folder: Path, journal: Journal) -> None:
    """Make a failed member ready to leave its batch: what others need as well is linked, the rest
    moved into its folder; that it has ended is written down in the batch. Can be repeated."""
    batch, member = load_batch(folder.parent), journal.member
    if batch is None or member is None:
        return
    for theirs, ours in ((journal.audio_name, member.audio), (journal.video_name, member.video)):
        others = set(batch.journal.sharing(theirs)) - {member.number}
        _take(files, batch.media / ours, folder / theirs, shared=bool(others))
    if journal.sidecar_name is not None:
        _take(files, batch.inputs / journal.sidecar_name, folder / journal.sidecar_name)
    if batch.journal.common is not None and is_file(batch.inputs / batch.journal.common):
        files.write(folder / COMMON, (batch.inputs / batch.journal.common).read_bytes())
    note = batch.end_of(member.number)
    if not is_folder(note):
        files.make_folder(note)
    save(files, note, journal)


def _take(files: Files, source: Path, target: Path, shared: bool = False) -> None:
    """Move or link a file; one that cannot be linked stays where it is, for done/ to keep."""
    if os.path.lexists(target) or not os.path.lexists(source):
        return
    if not shared:
        files.move(source, target)
        return
    try:
        files.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
