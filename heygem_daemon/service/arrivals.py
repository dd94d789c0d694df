"""When the files of the inbox came, and from whom: what may be two people's is not taken for one's.

A file came from when it was first seen, also under the name of an unfinished copy, until its last
change. After a restart only the last change is known.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import READY_SUFFIX, pair_key, printable, split_extension
from heygem_daemon.spool.ownership import may_decide, user_name
from heygem_daemon.spool.reason import format_time

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a file came, in nanoseconds since the epoch."""

    began_ns: int
    ended_ns: int


class Arrivals:
    """Remembers of each file in one inbox when it was first seen, and who had it before."""

    def __init__(self) -> None:
        self._first_seen: dict[int, int] = {}
        """In nanoseconds since the epoch, by inode."""
        self._owners: dict[str, tuple[int, int]] = {}
        """Of the files that were exchanged while they waited: the first owner and the last one, by
        name."""
        self._observed: tuple[object, ...] = ()
        """The files of the last scan, and who was trusted then."""

    def observe(
        self,
        before: FolderSnapshot,
        after: FolderSnapshot,
        now: float,
        trusted: Collection[int] = (),
    ) -> None:
        """Take note of a scan at ``now``, seconds since the epoch. ``before``: the scan before.
        ``trusted``: user ids that may exchange everybody's files."""
        observed = after.entries, after.sidecars, after.draft_sizes, trusted
        if observed == self._observed:
            return
        self._observed = observed
        now_ns = round(now * SECOND_NS)
        inodes = [*(entry.inode for entry in after.entries), *after.draft_sizes]
        self._first_seen = {each: self._first_seen.get(each, now_ns) for each in inodes}
        earlier = {entry.path.name: entry.owner for entry in (*before.entries, *before.sidecars)}
        owners = {}
        for entry in (*after.entries, *after.sidecars):
            name = entry.path.name
            first = self._owners.get(name, (earlier.get(name, entry.owner), 0))[0]
            if first != entry.owner and not {first, entry.owner} & {*trusted}:
                owners[name] = (first, entry.owner)
        self._owners = owners

    def arrival(self, entry: FileEntry) -> Arrival:
        """Return when a file of the last scan came."""
        seen = self._first_seen.get(entry.inode, entry.ctime_ns)
        return Arrival(min(seen, entry.ctime_ns), entry.ctime_ns)

    def exchanged(self) -> Iterator[InboxNotice]:
        """Yield a notice for each file that another user put in the place of the first one's."""
        for name, (first, last) in self._owners.items():
            reason = (
                f"was replaced while it waited: it came from {user_name(first)}, and is now"
                f" {user_name(last)}'s"
            )
            yield InboxNotice(printable(name), reason, True)


def split_late(
    candidates: Collection[Candidate],
    snapshot: FolderSnapshot,
    arrivals: Arrivals,
    pair_minutes: float,
    trusted: Collection[int],
) -> tuple[list[Candidate], list[tuple[Candidate, InboxNotice]]]:
    """Return the candidates without the pairs whose halves came too far apart, and these, each with
    its notice. ``pair_minutes``: how far is too far; 0: nothing is.

    A sidecar that came with the later half, or a marker for the pair, says that they belong
    together.
    """
    if not pair_minutes:
        return list(candidates), []
    entries = {entry.path: entry for entry in (*snapshot.entries, *snapshot.sidecars)}
    markers = _owners_of_markers(snapshot)
    kept, late = [], []
    for each in candidates:
        source = each.source
        if not isinstance(source, Pair) or source.audio == source.video:
            kept.append(each)
            continue
        halves = [entries[source.audio], entries[source.video]]
        limit_ns = round(pair_minutes * 60 * SECOND_NS)
        if not _is_late(halves, arrivals, limit_ns) or _is_confirmed(
            source, halves, entries, markers, arrivals, limit_ns, trusted
        ):
            kept.append(each)
        else:
            late.append((each, _late_notice(each.name, halves, arrivals, pair_minutes)))
    return kept, late


def _is_late(halves: Collection[FileEntry], arrivals: Arrivals, limit_ns: int) -> bool:
    came = [arrivals.arrival(each) for each in halves]
    gap_ns = max(each.began_ns for each in came) - min(each.ended_ns for each in came)
    return gap_ns > limit_ns


def _is_confirmed(
    pair: Pair,
    halves: Collection[FileEntry],
    entries: Mapping[Path, FileEntry],
    markers: Mapping[str, Collection[int]],
    arrivals: Arrivals,
    limit_ns: int,
    trusted: Collection[int],
) -> bool:
    """Return whether somebody said that both halves belong together, after both had come."""
    later = max(halves, key=lambda each: arrivals.arrival(each).began_ns)
    if pair.sidecar is not None:
        sidecar = entries[pair.sidecar]
        if arrivals.arrival(later).began_ns - sidecar.ctime_ns <= limit_ns:
            return True
    owners = markers.get(pair_key(later.path.name), ())
    return any(may_decide(owner, later.owner, trusted) for owner in owners)


def _owners_of_markers(snapshot: FolderSnapshot) -> Mapping[str, Collection[int]]:
    """Return the owners of the markers, by the folded name of what they are for."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for name in snapshot.ready_names:
        found[pair_key(name + READY_SUFFIX)].add(snapshot.marker_owners.get(name, 0))
    return found


def _late_notice(
    name: str, halves: Collection[FileEntry], arrivals: Arrivals, pair_minutes: float
) -> InboxNotice:
    first, last = sorted(halves, key=lambda each: arrivals.arrival(each).ended_ns)
    first_at, last_at = (
        format_time(arrivals.arrival(each).ended_ns / SECOND_NS) for each in (first, last)
    )
    first_name, last_name = printable(first.path.name), printable(last.path.name)
    marker = printable(split_extension(first.path.name)[0] + READY_SUFFIX)
    reason = (
        f"waits: {first_name} came at {first_at} and {last_name} at {last_at}, more than"
        f" {pair_minutes:g} min apart, so they may not belong together. If they do, copy"
        f" {first_name} into the inbox again, or put an empty file {marker} beside them; if not,"
        " rename one of them"
    )
    return InboxNotice(name, reason, True)
