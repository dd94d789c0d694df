"""What in the inbox may be claimed, in which order, and what the rest waits for."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.service.turns import Arrival, FairnessKey, owner_name
from heygem_daemon.spool.batch.roster import MAX_SHOWN_NAMES, format_names
from heygem_daemon.spool.formats import media_kind, unreadable_format
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import is_sidecar, pair_key, printable
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.roles import FindContent, describe_conflict, nothing_known
from heygem_daemon.spool.settle import SettleResult
from heygem_daemon.spool.sidecars import SidecarAnswers


@dataclass(frozen=True, slots=True)
class InboxNotice:
    """Something in the inbox that waits."""

    name: str
    reason: str

    is_warning: bool = False
    """Whether a person has to act, so that the log warns of it."""

    waits_for: WaitFor | None = "upload"
    """What it waits for, if nobody has to act; None: for nothing, it is left alone."""


BEING_EXAMINED = "what it holds is being examined"
"""Why a settled file waits for the media probe."""
THUMBNAIL = "is a photograph beside a video of the same name, and is left alone"
"""What the status says of a photograph that is not used."""


def find_inbox_notices(
    snapshot: FolderSnapshot,
    settling: SettleResult,
    pairing: Pairing,
    lone_seconds: float,
    find_content: FindContent = nothing_known,
    unexamined: Iterable[FileEntry] = (),
) -> Iterator[InboxNotice]:
    """Yield a notice for each file that is in no settled pair. ``unexamined``: the settled files
    that are being examined."""
    for path, reason in settling.waiting_reasons.items():
        yield InboxNotice(printable(path.name), reason)
    yield from _lone_notices(snapshot, settling, pairing, lone_seconds)
    for entry in unexamined:
        if entry not in pairing.thumbnails:
            yield InboxNotice(printable(entry.path.name), BEING_EXAMINED)
    yield from _group_notices(settling, pairing, find_content)
    for entry in pairing.faulty:
        yield InboxNotice(printable(entry.path.name), "cannot be paired; the log says why", True)
    for name in snapshot.faulty:
        yield InboxNotice(printable(name), "cannot be examined; the log says why", True)
    for name in snapshot.unsupported_files:
        if (problem := unusable_reason(name)) is not None:
            yield InboxNotice(printable(name), f"{problem}; it is left alone", True)


def find_refused_sidecars(
    pairing: Pairing, settling: SettleResult, answers: Mapping[Path, SidecarAnswer]
) -> Iterator[InboxNotice]:
    """Yield a notice for each sidecar with a mistake whose job is not there: it may be why the job
    is not there."""
    for entry in pairing.lone_sidecars:
        answer = answers.get(entry.path)
        if answer is not None and answer.refusal and entry.path in settling.settled:
            yield InboxNotice(printable(entry.path.name), answer.refusal, True)


def _lone_notices(
    snapshot: FolderSnapshot, settling: SettleResult, pairing: Pairing, lone_seconds: float
) -> Iterator[InboxNotice]:
    """Yield a notice for each settled file and sidecar that has nothing to go with."""
    unknown = {pair_key(name): name for name in snapshot.unsupported_files}
    for entry in (*pairing.lone_files, *pairing.lone_sidecars):
        if entry.path not in settling.settled:
            continue
        late = settling.age_seconds[entry.path] >= lone_seconds
        near = unknown.get(pair_key(entry.path.name))
        aside = f" ({printable(near)} is of no known format)" if near else ""
        if entry.kind is None:
            reason = "has no audio and video of the same name beside it; it waits for them"
        else:
            partner = "video" if entry.kind == "audio" else "audio"
            reason = f"has no {partner} of the same name beside it{aside}; it waits for one"
        yield InboxNotice(printable(entry.path.name), reason, late, "partner")


def _group_notices(
    settling: SettleResult, pairing: Pairing, find_content: FindContent
) -> Iterator[InboxNotice]:
    """Yield notices for the files of which several have one name. Nothing is said of a group that
    may still prove to be clear."""
    for entry in pairing.thumbnails:
        yield InboxNotice(printable(entry.path.name), THUMBNAIL, waits_for=None)
    unknown = set(pairing.unexamined)
    for group in pairing.ambiguous_groups:
        if not any(each in unknown or each.path in settling.waiting_reasons for each in group):
            names = [entry.path.name for entry in group]
            yield from _ambiguity_notices(names, describe_conflict(group, find_content))


def unusable_reason(name: str) -> str | None:
    """Return why media of this name cannot be used; None for what is no medium at all, of which
    nobody needs to hear."""
    if media_kind(name) or is_sidecar(name):
        return "is a link, a pipe or a device, not a file"
    return unreadable_format(name)


def _ambiguity_notices(names: Sequence[str], conflict: str) -> Iterator[InboxNotice]:
    """Yield a notice for each of the first few files that share a name, and one for the others."""
    reason = f"cannot be paired: several files share this name ({format_names(names)}); {conflict}"
    for name in names[:MAX_SHOWN_NAMES]:
        yield InboxNotice(printable(name), reason, True)
    if (more := len(names) - MAX_SHOWN_NAMES) > 0:
        yield InboxNotice(f"{printable(names[MAX_SHOWN_NAMES])} ({more} such files)", reason, True)


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

    @property
    def engines(self) -> frozenset[str | None]:
        """The engines that its sidecars ask for; None: that of the settings."""
        asked = frozenset(answer.options.engine for answer in self.answers.values())
        return asked or frozenset((None,))

    @property
    def key(self) -> FairnessKey:
        """The line in which it waits."""
        return fairness_key(self)

    @property
    def arrival(self) -> Arrival:
        """Behind everything that is claimed already."""
        return 1, self.arrived_ns, self.name

    @property
    def wait_reason(self) -> str:
        """What it waits for, as a clause without a subject."""
        priority = f", priority {self.priority}" if self.priority else ""
        kind = "" if isinstance(self.source, Pair) else "is a batch, "
        return f"{kind}is complete and waits for its turn{priority}"


def fairness_key(candidate: Candidate) -> FairnessKey:
    """Return the line of a candidate: that of its owner's single jobs, or one of its own for a
    batch."""
    batch = None if isinstance(candidate.source, Pair) else f"inbox/{candidate.source.name}"
    return FairnessKey(owner_name(candidate.owner), batch)


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


def sort_candidates(candidates: Iterable[Candidate], max_priority: int) -> list[Candidate]:
    """Return the candidates by priority, the highest first, and then in the order of arrival. A
    priority above ``max_priority`` counts as that."""
    capped = (
        replace(each, priority=max_priority) if each.priority > max_priority else each
        for each in candidates
    )
    return sorted(capped, key=lambda each: (-each.priority, each.arrived_ns, each.name))


BEING_READ = "its options are being read"
"""Why a sidecar waits."""


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
