"""Reads from the spool itself what waits there, for ``status`` where no daemon reports it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from heygem_daemon import __version__
from heygem_daemon.report.backlog import Backlog, WaitFor
from heygem_daemon.report.status import BatchStatus, InboxStatus, JobStatus, Status, Unlisted
from heygem_daemon.report.status_file import shorten
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import is_file
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.job import JOURNAL_FILE, Job, Pair
from heygem_daemon.spool.kept_chunks import count_chunks
from heygem_daemon.spool.layout import folders_in, job_from_journal, load_journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.sidecars import own_sound, read_now
from heygem_daemon.spool.spool import Spool

MAX_SIDECARS = 200
"""How many sidecars of the inbox are read: a child process has to do it."""

READY = "waits for a daemon"
ALONE = "has no {} of the same name beside it"
AMBIGUOUS = "has the name of other files; a daemon looks what they hold"
MIXED = "has the name of another user's files, and is no pair with them"
FOREIGN = "belongs to another user than the files of its name, and does not count"


def read_spool(spool: Spool, last: Status | None, now: float) -> Status:
    """Return what lies in the spool, as a status that no daemon wrote. Nothing is examined: files
    are paired by their names alone. ``last``: the status that the last daemon wrote.

    Raises SpoolUnavailable, OSError.
    """
    known = {job.id: job for job in last.jobs} if last else {}
    claimed = sorted(_claimed_jobs(spool), key=_turn)
    batches = spool.batches.unfinished(lambda _folder, _error: None)
    snapshot = scan(spool.inbox, on_fault=lambda _name, _error: None)
    pairing = _pair(snapshot)
    found = list(_inbox(snapshot, pairing))
    members = sum(len(spool.batches.pending_jobs(batch)) for batch in batches)
    files: Counter[WaitFor] = Counter(
        each.waits_for for each in found if each.waits_for not in (None, "turn")
    )
    jobs, more_jobs = shorten([_job_status(job, known.get(job.id)) for job in claimed])
    inbox, more_inbox = shorten(found)
    return Status(
        version=__version__,
        pid=0,
        state="stopped",
        started=now,
        written=now,
        spool=printable(str(spool.root)),
        engine="",
        device="",
        jobs=jobs,
        batches=tuple(_batch_status(spool, batch) for batch in batches),
        inbox=inbox,
        unlisted=Unlisted(jobs=more_jobs, inbox=more_inbox),
        backlog=Backlog(
            pairs={"turn": len(claimed) + members + len(pairing.pairs)},
            folders=len(snapshot.folders),
            files=dict(sorted(files.items())),
        ),
    )


def _claimed_jobs(spool: Spool) -> Iterator[Job]:
    """Yield the claimed single jobs that have not ended."""
    for folder in folders_in(spool.processing):
        if not is_file(folder / JOURNAL_FILE):
            continue
        journal = load_journal(folder)
        if journal is not None and journal.outcome is None:
            yield job_from_journal(folder, journal)


def _turn(job: Job) -> tuple[int, float, str]:
    return -job.journal.options.priority, job.journal.claimed_at, job.id


def _job_status(job: Job, known: JobStatus | None) -> JobStatus:
    """Return what is known of a claimed job. ``known``: what the last daemon said of it."""
    chunks = count_chunks(job.workspace)
    total = f" of {known.chunks}" if known is not None and known.chunks else ""
    left = known.left_seconds if known is not None else None
    return JobStatus(
        id=job.id,
        name=printable(job.title),
        state="queued",
        attempt=job.journal.attempts,
        priority=job.journal.options.priority,
        chunks=known.chunks if known is not None else 0,
        left_seconds=left,
        reason=f"{chunks}{total} chunks are finished" if chunks else "not begun",
    )


def _batch_status(spool: Spool, batch: Batch) -> BatchStatus:
    ended = spool.batches.final_journals(batch).values()
    published = sum(journal.outcome == "published" for journal in ended)
    return BatchStatus(
        id=batch.id,
        name=printable(batch.journal.title),
        dropped_as=printable(batch.journal.folder_name),
        members=len(batch.journal.members),
        published=published,
        failed=len(ended) - published,
        waits="a daemon",
    )


def _pair(snapshot: FolderSnapshot) -> Pairing:
    """Pair the files of the inbox, those first whose sidecars ask for it."""
    answers = read_now([entry.path for entry in snapshot.sidecars[:MAX_SIDECARS]])
    own_names = own_sound(answers)
    own = {entry.path for entry in snapshot.sidecars if entry.path.name in own_names}
    pairing = pair_files(snapshot.entries, snapshot.sidecars, own_sound=own)
    priorities = {name: answer.options.priority for name, answer in answers.items()}

    def priority(pair: Pair) -> int:
        return -priorities.get(pair.sidecar.name, 0) if pair.sidecar else 0

    return replace(pairing, pairs=tuple(sorted(pairing.pairs, key=priority)))


def _inbox(snapshot: FolderSnapshot, pairing: Pairing) -> Iterator[InboxStatus]:
    """Yield the pairs in the order of their arrival, then the folders, then what is not complete
    and what needs a person."""
    for pair in pairing.pairs:
        yield InboxStatus(name=printable(pair.name), reason=READY, waits_for="turn")
    for name in sorted(snapshot.folders):
        yield InboxStatus(name=printable(name), reason=f"is a folder and {READY}", waits_for="turn")
    for entry in pairing.lone_files:
        partner = "video" if entry.kind == "audio" else "audio"
        yield _entry(entry, ALONE.format(partner), "partner")
    for entry in pairing.lone_sidecars:
        yield _entry(entry, ALONE.format("audio and video"), "partner")
    for entry in (each for group in pairing.ambiguous_groups for each in group):
        yield _entry(entry, AMBIGUOUS, None)
    for entry in (each for group in pairing.mixed_groups for each in group):
        yield _entry(entry, MIXED, "attention")
    for entry, _ in pairing.foreign_sidecars:
        yield _entry(entry, FOREIGN, "attention")


def _entry(entry: FileEntry, reason: str, waits_for: WaitFor | None) -> InboxStatus:
    return InboxStatus(name=printable(entry.path.name), reason=reason, waits_for=waits_for)
