"""What in the inbox may be claimed, and in which order."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder, PriorityCaps
from heygem_daemon.config.sidecar import FileVersion
from heygem_daemon.service.turns import (
    Arrival,
    FairnessKey,
    hurried_arrival,
    owner_name,
    wanted_priority,
)
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.roles import FindContent, nothing_known
from heygem_daemon.spool.sidecars import SidecarAnswers

NOT_HURRIED: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something in the inbox that is complete and may be claimed."""

    name: str
    """Printable."""

    source: Pair | Path
    """A pair, or the folder of a batch."""

    priority: int
    """Higher goes first."""

    arrived_ns: int
    """When its last part arrived: the file's ctime in nanoseconds."""

    owner: int = 0
    """User id of the owner of its audio."""

    answers: SidecarAnswers = field(default_factory=dict, compare=False)
    """What its sidecars hold, by name."""

    find_content: FindContent = field(default=nothing_known, compare=False)
    """Tells what the media of a batch hold, wherever they are by then."""

    hurried_ns: int | None = field(default=None, compare=False)
    """When its owner asked that it goes first, nanoseconds since the epoch; None: nobody did."""

    hot_folder: HotFolder = PLAIN
    """In whose inbox it is."""

    @property
    def title(self) -> str:
        """Its name in log and status: with the hot folder's name and a slash before it."""
        folder = self.hot_folder.name
        return f"{folder}/{self.name}" if folder else self.name

    @property
    def engines(self) -> frozenset[str | None]:
        """The engines that its sidecars or its profile ask for; None: that of the settings."""
        default = self.hot_folder.profile.engine
        asked = frozenset(answer.options.engine or default for answer in self.answers.values())
        return asked or frozenset((default,))

    @property
    def key(self) -> FairnessKey:
        """The line in which it waits."""
        return fairness_key(self)

    @property
    def arrival(self) -> Arrival:
        """Behind everything that is claimed already, unless it was hurried."""
        if self.hurried_ns is not None:
            return hurried_arrival(self.hurried_ns, name=self.name)
        return 1, self.arrived_ns, self.name

    @property
    def seconds(self) -> float:
        """How long its result will be; 0: not known, as of a batch."""
        return self.source.seconds if isinstance(self.source, Pair) else 0.0

    @property
    def folder(self) -> str:
        """The hot folder in whose inbox it is; empty: the plain inbox."""
        return self.hot_folder.name


def fairness_key(candidate: Candidate) -> FairnessKey:
    """Return the line of a candidate: that of the single jobs of its owner or hot folder, or one of
    its own for a batch."""
    folder = candidate.hot_folder.name
    batch = None if isinstance(candidate.source, Pair) else f"inbox/{candidate.title}"
    return FairnessKey(owner_name(candidate.owner, folder), batch)


def in_hot_folder(candidate: Candidate, hot_folder: HotFolder) -> Candidate:
    """Return a candidate as one in the inbox of ``hot_folder``, with the priority that profile and
    sidecars give it."""
    if not hot_folder.name:
        return candidate
    options = [hot_folder.options(each.options) for each in candidate.answers.values()]
    priority = max(each.priority for each in options or [hot_folder.options()])
    return replace(candidate, hot_folder=hot_folder, priority=priority)


def find_frontrunners(
    candidates: Iterable[Candidate],
    count: int,
    can_start: Callable[[Candidate], bool] = lambda _candidate: True,
) -> list[Candidate]:
    """Return all candidates that can be among the next ``count`` ones: the first ``count`` single
    jobs and batches of each owner, and as many of those for which ``can_start`` is false, so that
    these hide none of the others. ``candidates`` are sorted."""
    taken: Counter[tuple[tuple[str, bool], bool]] = Counter()
    found = []
    for candidate in candidates:
        kind = candidate.key.kind
        if taken[kind, True] < count:
            group = kind, can_start(candidate)
            taken[group] += 1
            if taken[group] <= count:
                found.append(candidate)
    return found


def sort_candidates(
    candidates: Iterable[Candidate], caps: PriorityCaps, hurried: Mapping[str, int] = NOT_HURRIED
) -> list[Candidate]:
    """Return the candidates by priority, the highest first, and then in the order of arrival. A
    priority above its cap counts as that. ``hurried``: when the owner of a candidate asked that it
    goes first, by its title; nanoseconds since the epoch."""
    return in_order(_with_priority(each, caps, hurried.get(each.title)) for each in candidates)


def hurry_candidates(
    candidates: Iterable[Candidate], caps: PriorityCaps, hurried: Mapping[str, int]
) -> list[Candidate]:
    """Return sorted candidates in their order now that those with a title in ``hurried`` go first;
    the values are as for ``sort_candidates``."""
    return in_order(
        _with_priority(each, caps, hurried[each.title]) if each.title in hurried else each
        for each in candidates
    )


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return candidates by priority, and then in the order of arrival."""
    return sorted(candidates, key=lambda each: (-each.priority, each.arrival))


def _with_priority(candidate: Candidate, caps: PriorityCaps, hurried_ns: int | None) -> Candidate:
    wanted = wanted_priority(candidate.priority, hurried_ns is not None)
    priority = caps.clamp(wanted, candidate.hot_folder.name)
    if (priority, hurried_ns) == (candidate.priority, candidate.hurried_ns):
        return candidate
    return replace(candidate, priority=priority, hurried_ns=hurried_ns)


def versions_of(candidate: Candidate) -> frozenset[FileVersion]:
    """Return the versions of a candidate's files as they are now; of a folder its inode alone.

    A claim and its return do not change them. Files that are gone are left out.
    """
    found = set()
    with suppress(OSError):
        if isinstance(candidate.source, Path):
            found.add(FileVersion(inode=candidate.source.lstat().st_ino, size=0, mtime_ns=0))
        else:
            found |= {FileVersion.of(path.lstat()) for path in candidate.source.files}
    return frozenset(found)
