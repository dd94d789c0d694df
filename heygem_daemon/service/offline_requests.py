"""Finds and cancels jobs where no daemon runs. The caller has the spool's lock."""

from collections.abc import Iterator

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.errors import BadInput
from heygem_daemon.service.failure_reasons import CANCELLED_REMEDY, Canceller
from heygem_daemon.service.targets import keys_of_job
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.names import fold, pair_key, printable
from heygem_daemon.spool.ownership import own_name
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.places import place_for_people
from heygem_daemon.spool.spool import Spool


def cancel_offline(spool: Spool, name: str) -> str:
    """Cancel the claimed jobs, the pair or the folder of that name. Return what was done, as a
    sentence without its full stop. Raises BadInput if nothing has that name."""
    jobs = [*_find_claimed(spool, name), *_claim_waiting(spool, name)]
    if not jobs:
        raise _unknown(name)
    by = Canceller(own_name(), f"heygem-daemon cancel {printable(name)}")
    for job in jobs:
        spool.record_failure(job, by.reason, CANCELLED_REMEDY, cancelled=True)
    place = place_for_people("failed", "")
    return f"{printable(name)} is cancelled; its files are in {place}"


def require_waiting(spool: Spool, name: str) -> None:
    """Raise BadInput unless something of that name waits, claimed or in an inbox, complete or
    not."""
    if not any(_find_claimed(spool, name)):
        folder, stem = _split(spool, name)
        snapshot = scan(spool.in_folder(folder).inbox)
        folders = set(snapshot.folders) - (set() if folder else {*spool.hot_folders.inboxes()})
        present = {pair_key(each.path.name) for each in snapshot.entries}
        if fold(stem) not in present | {*map(fold, folders)}:
            raise _unknown(name)


def _find_claimed(spool: Spool, name: str) -> Iterator[Job]:
    batches = spool.batches.unfinished()
    dropped_names = {each.id: each.journal.folder_name for each in batches}
    for job in spool.recover():
        if fold(name) in keys_of_job(job, dropped_names):
            yield job


def _claim_waiting(spool: Spool, name: str) -> Iterator[Job]:
    """Claim what waits in an inbox under that name. It is not asked whether it is complete."""
    folder, stem = _split(spool, name)
    hot_folder, inbox = HotFolder(folder), spool.in_folder(folder).inbox
    snapshot, made = scan(inbox), spool.hot_folders.inboxes()
    for pair in pair_files(snapshot.entries, snapshot.sidecars, trusted=deciders()).pairs:
        if pair_key(pair.video.name) == fold(stem):
            yield spool.claim(pair, hot_folder=hot_folder)
    for each in snapshot.folders:
        if fold(each) == fold(stem) and (folder or each not in made):
            batch = spool.batches.claim(inbox / each, hot_folder=hot_folder)
            yield from spool.batches.pending_jobs(batch)


def _split(spool: Spool, name: str) -> tuple[str, str]:
    """Return the hot folder that a name begins with, empty if it begins with none, and the rest."""
    folder, _, stem = name.rpartition("/")
    return (folder, stem) if folder in spool.hot_folders.inboxes() else ("", name)


def _unknown(name: str) -> BadInput:
    return BadInput(f"No job {printable(name)} waits.", "The status command lists the names.")
