"""What requests may mean: the jobs that have not ended, by their names. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.snapshot import DispatchSnapshot
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.names import fold, pair_key
from heygem_daemon.spool.requests import Request, full_name

Stage = Literal["arriving", "complete", "queued", "running", "ending"]
"""arriving: in the inbox, not complete; complete: in the inbox; queued, running: claimed; ending:
its attempt is over, and its outcome is being recorded."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that has not ended."""

    stage: Stage

    owner: int | None
    """User id of who dropped it; None: not known."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    candidate: Candidate | None = None
    """Of what is complete, and of what is not but can be cancelled."""

    path: Path | None = None
    """Of what is arriving."""

    is_stuck: bool = False
    """Whether it is a folder that is no batch unless somebody acts."""

    queued: QueuedJob | None = None
    running: RunningJob | None = None

    job: Job | None = None
    """Of what is claimed."""

    @property
    def hurried_ns(self) -> int | None:
        """When its owner asked that it goes first; None: nobody did, or it is not claimed."""
        return self.job.journal.hurried_ns if self.job else None

    @property
    def lacks_partner(self) -> bool:
        """Whether it is a file that waits for another one."""
        source = self.candidate.source if self.candidate else None
        return self.stage == "arriving" and isinstance(source, Pair) and source.is_alone

    @property
    def is_being_cancelled(self) -> bool:
        """Whether its worker was asked to stop for good."""
        return self.running is not None and self.running.cancelled_by is not None


@dataclass(frozen=True, slots=True)
class Arriving:
    """A file or folder in an inbox."""

    key: str
    """Its folded name without an extension, with that of its hot folder."""

    owner: int
    """User id."""

    folder: str
    """The hot folder; empty: it is in the plain inbox."""

    path: Path

    is_stuck: bool = False
    """Whether it is a folder that is no batch unless somebody acts."""


class TargetIndex:
    """The targets by the names that requests may give them, with that of their hot folder."""

    def __init__(self) -> None:
        self._by_key: defaultdict[str, list[Target]] = defaultdict(list)
        self._members: defaultdict[str, list[Target]] = defaultdict(list)
        """Members of batches, by their own names alone."""

    def add(self, keys: Iterable[str], target: Target) -> None:
        """Add a target under its folded names."""
        for key in set(keys):
            self._by_key[key].append(target)

    def add_member(self, key: str, target: Target) -> None:
        """Add a member of a batch under its own folded name, by which no request means it."""
        self._members[key].append(target)

    def knows(self, keys: Iterable[str]) -> bool:
        """Return whether there is something of one of these folded names, whoever dropped it."""
        return any(key in self._by_key for key in keys)

    def batch_of(self, request: Request, trusted: Collection[int]) -> str | None:
        """Return the name of a batch that has a member of the request's name, and on which the
        request may act; None: there is none."""
        found = (each for key in request.keys for each in self._members.get(key, ()))
        for each in found:
            member = each.job.journal.member if each.job else None
            may_act = request.is_about(each.folder) and request.may_act_on(each.owner, trusted)
            if member is not None and may_act:
                return full_name(each.folder if request.folder is None else "", member.batch)
        return None

    def of(self, request: Request, trusted: Collection[int]) -> list[Target]:
        """Return what ``request`` means and may act on."""
        return [each for each in self._named(request) if request.may_act_on(each.owner, trusted)]

    def has_foreign(self, request: Request, trusted: Collection[int]) -> bool:
        """Return whether there is something that ``request`` names and may not act on."""
        return any(not request.may_act_on(each.owner, trusted) for each in self._named(request))

    def _named(self, request: Request) -> Iterator[Target]:
        """Yield what has the request's name in the folder in which it lies."""
        found = (each for key in request.keys for each in self._by_key.get(key, ()))
        return (each for each in found if request.is_about(each.folder))


def find_targets(
    arriving: Iterable[Arriving],
    candidates: Iterable[Candidate],
    incomplete: Iterable[Candidate],
    snapshot: DispatchSnapshot,
    dropped_names: Mapping[str, str],
) -> TargetIndex:
    """Return what has not ended, by its folded names. ``candidates`` are complete; what is
    ``incomplete`` is not, but can be cancelled.

    ``arriving``: the files and folders of the inboxes that may be meant; ``dropped_names``: the
    users' names of the folders of claimed batches, by the batch's id.
    """
    targets = TargetIndex()
    complete: set[str] = set()
    for candidate in candidates:
        key, folder = _key_of(candidate), candidate.hot_folder.name
        complete.add(key)
        targets.add({key}, Target("complete", candidate.owner, folder, candidate=candidate))
    for each, held in _with_candidates(arriving, incomplete):
        if each.key not in complete:
            target = Target(
                "arriving", each.owner, each.folder, held, each.path, is_stuck=each.is_stuck
            )
            targets.add({each.key}, target)
    for queued in snapshot.queued:
        _add_job(targets, "queued", queued.job, dropped_names, queued=queued)
    for running in snapshot.running:
        _add_job(targets, "running", running.job, dropped_names, running=running)
    for ended in snapshot.pending:
        _add_job(targets, "ending", ended.running.job, dropped_names, running=ended.running)
    return targets


def _with_candidates(
    arriving: Iterable[Arriving], incomplete: Iterable[Candidate]
) -> Iterator[tuple[Arriving, Candidate | None]]:
    """Yield each file and folder with what can be cancelled of it; None: nothing yet. The halves of
    a pair have the same."""
    by_path = {
        path: candidate
        for candidate in incomplete
        if isinstance(candidate.source, Pair)
        for path in candidate.source.files
    }
    for each in arriving:
        yield each, by_path.get(each.path)


def _add_job(
    targets: TargetIndex,
    stage: Stage,
    job: Job,
    dropped_names: Mapping[str, str],
    *,
    queued: QueuedJob | None = None,
    running: RunningJob | None = None,
) -> None:
    owner, folder = owner_uid(job), job.journal.folder
    target = Target(stage, owner, folder, queued=queued, running=running, job=job)
    targets.add(keys_of_job(job, dropped_names), target)
    if job.journal.member is not None:
        targets.add_member(full_name(fold(folder), fold(job.name)), target)


def owner_uid(job: Job) -> int | None:
    """Return the user id of who dropped a claimed job; None: an earlier version claimed it."""
    return job.journal.owner


def _key_of(candidate: Candidate) -> str:
    source = candidate.source
    own = pair_key(source.video.name) if isinstance(source, Pair) else fold(source.name)
    return full_name(fold(candidate.hot_folder.name), own)


def keys_of_job(job: Job, dropped_names: Mapping[str, str]) -> set[str]:
    """Return the folded names of a claimed job; those of a batch's member are the batch's names,
    and its own behind that."""
    member, folder = job.journal.member, job.journal.folder
    if member is None:
        keys = {pair_key(job.journal.video_name), pair_key(job.journal.audio_name)}
        return {full_name(fold(folder), key) for key in keys}
    batches = {member.batch, dropped_names.get(member.batch_id, member.batch)}
    names = {each for batch in batches for each in (batch, f"{batch}/{job.name}")}
    return {fold(full_name(folder, name)) for name in names}
