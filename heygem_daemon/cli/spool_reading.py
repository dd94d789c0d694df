"""Reads from the spool itself what waits there, for ``status`` where no daemon reports it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon import __version__
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.report.backlog import Backlog, WaitFor
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.report.status_file import shorten, shorten_inbox
from heygem_daemon.report.unlisted import Unlisted
from heygem_daemon.report.waiting import TURN, WaitingEntry, all_in_order, by_turn, rests
from heygem_daemon.spool.batch.folder_tree import scan_tree
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.batch.roster import RosterProblem, build_roster
from heygem_daemon.spool.batch.side_by_side import find_places, flattened
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.files import is_file, is_folder
from heygem_daemon.spool.inbox import FileEntry, scan
from heygem_daemon.spool.job import JOURNAL_FILE, Job, Pair
from heygem_daemon.spool.kept_chunks import count_chunks
from heygem_daemon.spool.layout import folders_in, job_from_journal, load_journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import MAX_OF_NAME, Pairing, pair_files
from heygem_daemon.spool.request_names import is_request
from heygem_daemon.spool.roles import nothing_known
from heygem_daemon.spool.sidecars import own_sound, read_now
from heygem_daemon.spool.spool import Spool

MAX_SIDECARS = 200
"""How many sidecars of the inbox are read: a child process has to do it."""

MAX_FOLDERS = 200
"""How many folders of the inbox are looked into."""

MAX_NAMES = 2000
"""How many names of each of them are looked at."""

NO_AUDIO = "has no audio of the same name beside it"
NO_VIDEO = "has no video of the same name beside it"
NO_MEDIA = "has no audio and video of the same name beside it"
AMBIGUOUS = "has the name of other files; a daemon looks what they hold"
MIXED = "has the name of another user's files, and is no pair with them"
FOREIGN = "belongs to another user than the files of its name, and does not count"


def read_spool(
    spool: Spool, last: Status | None, now: float, hot_folders: Collection[str] = ()
) -> Status:
    """Return what lies in the spool, as a status that no daemon wrote. Nothing is examined: files
    are paired by their names alone. ``last``: the status that the last daemon wrote;
    ``hot_folders``: the names of the configured ones.

    Raises SpoolUnavailable, OSError.
    """
    known = {job.id: job for job in last.jobs} if last else {}
    order = _LastOrder.of(last)
    claimed = sorted(_claimed_jobs(spool), key=_turn)
    batches = spool.batches.unfinished(lambda _folder, _error: None)
    inboxes = [_read_inbox(spool, name, hot_folders) for name in ("", *hot_folders)]
    pairs = sorted((pair for inbox in inboxes for pair in inbox.pairs), key=lambda pair: pair[:2])
    folders = [each for inbox in inboxes for each in inbox.folders]
    ready = [order.with_turn(each) for each in [*(status for *_, status in pairs), *folders]]
    others = [each for inbox in inboxes for each in inbox.others]
    members = sum(len(spool.batches.pending_jobs(batch)) for batch in batches)
    files: Counter[WaitFor] = Counter(
        each.waits_for for each in others if each.waits_for is not None
    )
    jobs, more_jobs = shorten([_job_status(job, known.get(job.id), order) for job in claimed])
    inbox, unlisted = _list_inbox(ready, others)
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
        batches=tuple(_batch_status(spool, batch, order) for batch in batches),
        inbox=inbox,
        unlisted=unlisted.model_copy(update={"jobs": more_jobs}),
        backlog=Backlog(
            pairs={"turn": len(claimed) + members + len(pairs)},
            folders=len(folders),
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


def _list_inbox(
    ready: Sequence[InboxStatus], others: Sequence[InboxStatus]
) -> tuple[tuple[InboxStatus, ...], Unlisted]:
    """Return the entries of the inbox that are listed, as a daemon lists them, and the count of the
    rest. ``ready``: those that are complete."""
    urgent = (each for each in others if each.waits_for == "attention")
    rest = (each for each in others if each.waits_for != "attention")
    listed = shorten_inbox(urgent, rest, sorted(ready, key=by_turn))
    left_out = Counter(each.waits_for for each in [*ready, *others])
    left_out.subtract(each.waits_for for each in listed)
    return listed, Unlisted().with_inbox(left_out)


@dataclass(frozen=True, slots=True)
class _LastOrder:
    """The order in which things go, as the last daemon said: nobody else knows whose turn it is.
    Its keys are ids, and the names of what was in the inbox."""

    turns: Mapping[str, int]
    resting: frozenset[str]
    """What waited for the active hours."""

    @classmethod
    def of(cls, last: Status | None) -> "_LastOrder":
        """Return the order in a status; None: there is none."""
        if last is None:
            return cls({}, frozenset())
        waiting = all_in_order(last)
        turns = {_key(each): number for number, each in enumerate(waiting)}
        # What ran when it ended goes on first.
        turns |= {each.id: -1 for each in last.jobs if each.state == "running"}
        return cls(turns, frozenset(_key(each) for each in waiting if rests(each)))

    def with_turn(self, entry: InboxStatus) -> InboxStatus:
        """Return a complete entry of the inbox with its turn."""
        update: dict[str, object] = {"turn": self.turns.get(entry.name)}
        if entry.name in self.resting:
            update["waits_for"] = "hours"
        return entry.model_copy(update=update)


def _key(entry: WaitingEntry) -> str:
    return entry.name if isinstance(entry, InboxStatus) else entry.id


def _turn(job: Job) -> tuple[int, float, str]:
    return -job.journal.options.priority, job.journal.claimed_at, job.id


def _job_status(job: Job, known: JobStatus | None, order: _LastOrder) -> JobStatus:
    """Return what is known of a claimed job. ``known``: what the last daemon said of it."""
    chunks = count_chunks(job.workspace)
    left = known.left_seconds if known is not None else None
    return JobStatus(
        id=job.id,
        name=printable(job.title),
        state="queued",
        attempt=job.journal.attempts,
        priority=job.journal.options.priority,
        chunks=known.chunks if known is not None else 0,
        left_seconds=left,
        reason=_chunks_text(chunks, known.chunks if known is not None else 0),
        turn=order.turns.get(job.id),
        rests=job.id in order.resting,
    )


def _chunks_text(finished: int, total: int) -> str:
    """Return what a claimed job waits for, and how far it is. ``total``: 0 where that is not
    known."""
    if not finished:
        return TURN
    chunks = f"chunks finished: {finished} of {total}" if total else f"chunks finished: {finished}"
    return "; ".join((TURN, chunks))


def _batch_status(spool: Spool, batch: Batch, order: _LastOrder) -> BatchStatus:
    ended = spool.batches.final_journals(batch).values()
    published = sum(journal.outcome == "published" for journal in ended)
    return BatchStatus(
        id=batch.id,
        name=printable(batch.journal.title),
        dropped_as=printable(batch.journal.folder_name),
        members=len(batch.journal.members),
        published=published,
        failed=len(ended) - published,
        waits=TURN,
        turn=order.turns.get(batch.id),
        rests=batch.id in order.resting,
    )


@dataclass(frozen=True, slots=True)
class _Inbox:
    """What one inbox holds."""

    pairs: tuple[tuple[int, int, InboxStatus], ...] = ()
    """The pairs, each after the key of its turn: priority, and arrival in nanoseconds."""

    folders: tuple[InboxStatus, ...] = ()
    others: tuple[InboxStatus, ...] = ()
    """What is not complete, or needs a person."""


def _read_inbox(spool: Spool, name: str, hot_folders: Collection[str]) -> _Inbox:
    """Read the plain inbox, where ``name`` is empty, or that of a hot folder."""
    inbox = spool.in_folder(name).inbox
    if not is_folder(inbox):
        return _Inbox()
    snapshot = scan(inbox, on_fault=lambda _name, _error: None)
    prefix = f"{name}/" if name else ""
    answers = read_now([entry.path for entry in snapshot.sidecars[:MAX_SIDECARS]])
    own_names = own_sound(answers)
    own = {entry.path for entry in snapshot.sidecars if entry.path.name in own_names}
    pairing = pair_files(
        snapshot.entries,
        snapshot.sidecars,
        own_sound=own,
        trusted=deciders(),
        most_of_name=MAX_OF_NAME,
    )
    priorities = {file: answer.options.priority for file, answer in answers.items()}
    arrivals = {entry.path: entry.ctime_ns for entry in snapshot.entries}

    def shown(each: str) -> str:
        return printable(prefix + each)

    def turn(pair: Pair) -> tuple[int, int]:
        priority = priorities.get(pair.sidecar.name, 0) if pair.sidecar else 0
        return -priority, max(arrivals[pair.audio], arrivals[pair.video])

    names = [
        each
        for each in sorted(snapshot.folders)
        if (name or each not in hot_folders) and not is_request(each)
    ]
    problems = {each: _folder_problem(inbox / each) for each in names[:MAX_FOLDERS]}
    return _Inbox(
        tuple(
            (*turn(pair), _ready(shown(pair.name), priority=-turn(pair)[0]))
            for pair in pairing.pairs
        ),
        tuple(_ready(shown(each), is_batch=True) for each in names if problems.get(each) is None),
        (
            *_others(pairing, prefix),
            *(
                InboxStatus(name=shown(each), reason=problem.reason, waits_for=_awaited(problem))
                for each, problem in problems.items()
                if problem is not None
            ),
        ),
    )


def _ready(name: str, *, priority: int = 0, is_batch: bool = False) -> InboxStatus:
    return InboxStatus(
        name=name, reason=TURN, waits_for="turn", priority=priority, is_batch=is_batch
    )


def _folder_problem(folder: Path) -> RosterProblem | None:
    """Return why a folder is no batch; None: it is one, or only a daemon knows."""
    try:
        snapshot = scan_tree(folder, MAX_NAMES, lambda _name, _error: None)
    except (SpoolUnavailable, OSError):
        return None
    places = find_places(folder, snapshot, nothing_known)
    found = build_roster(flattened(folder, snapshot, places))
    # With a sidecar, the videos may speak with their own sound.
    return found if isinstance(found, RosterProblem) and not snapshot.sidecars else None


def _awaited(problem: RosterProblem) -> WaitFor:
    return "partner" if problem.is_incomplete else "attention"


def _others(pairing: Pairing, prefix: str) -> Iterator[InboxStatus]:
    """Yield what is not complete, and what needs a person. ``prefix``: of their names."""

    def entry(file: FileEntry, reason: str, waits_for: WaitFor) -> InboxStatus:
        name = printable(prefix + file.path.name)
        return InboxStatus(name=name, reason=reason, waits_for=waits_for)

    for file in pairing.lone_files:
        yield entry(file, NO_VIDEO if file.kind == "audio" else NO_AUDIO, "partner")
    for file in pairing.lone_sidecars:
        yield entry(file, NO_MEDIA, "partner")
    for file in (each for group in pairing.ambiguous_groups for each in group):
        yield entry(file, AMBIGUOUS, "upload")
    for file in (each for crowd in pairing.crowds for each in crowd):
        yield entry(file, AMBIGUOUS, "upload")
    for file in (each for group in pairing.mixed_groups for each in group):
        yield entry(file, MIXED, "attention")
    for file, _ in pairing.foreign_sidecars:
        yield entry(file, FOREIGN, "attention")
