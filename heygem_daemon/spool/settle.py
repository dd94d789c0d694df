"""When a file counts as completely written. Bookkeeping only: no clock, no file system.

A file is settled when it has not changed over several scans and a quiet period, both measured by
the caller's monotonic clock; a file's own times are only compared with themselves, never with a
clock. A producer's word settles at once: a ``.ready`` marker, or the rename from a temporary name.
A marker that was there before the file, or before its last change, is an old one and says nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.inbox import Entry, Snapshot
from heygem_daemon.spool.names import split_extension


@dataclass(frozen=True, slots=True)
class Settling:
    """What one observation found."""

    settled: frozenset[Path]
    waiting: Mapping[Path, str]
    """Files that are not settled, each with the reason in words."""
    ages: Mapping[Path, float]
    """Seconds since each file was first seen, for every file of the scan."""


class Settler:
    """Remembers files between scans.

    ``quiet_seconds``: how long a file must not change; ``scans``: in how many scans it must have
    been seen unchanged after the first. A file that looks doubtful once it is quiet waits longer,
    and is settled all the same after its patience, so that the job is refused with a reason
    rather than ignored: ``patience`` × quiet_seconds for one that ``looks_complete`` denies,
    ``long_patience`` × quiet_seconds for one that is empty or that ``can_open`` denies.

    A file that ``is_written`` says is open for writing waits as long as that lasts.

    ``looks_complete(path)`` may answer None: not known yet (a probe still runs). It is asked when
    half of the quiet period is over, and at most once in so long again.
    """

    def __init__(
        self,
        quiet_seconds: float,
        *,
        scans: int = 2,
        patience: float = 6.0,
        long_patience: float = 12.0,
        can_open: Callable[[Path], bool] = lambda _path: True,
        is_written: Callable[[Path], bool] = lambda _path: False,
        looks_complete: Callable[[Path], bool | None] = lambda _path: True,
    ) -> None:
        self._quiet = quiet_seconds
        self._scans = scans
        self._patience = patience * quiet_seconds
        self._long_patience = long_patience * quiet_seconds
        self._can_open = can_open
        self._is_written = is_written
        self._looks_complete = looks_complete
        self._seen: dict[Path, _Seen] = {}
        self._drafts: Mapping[int, int] = {}
        self._markers: dict[str, float] = {}

    def observe(self, snapshot: Snapshot, now: float) -> Settling:
        """Take in a scan made at monotonic time ``now`` (seconds); forget what is gone."""
        before, self._seen = self._seen, {}
        self._markers = {name: self._markers.get(name, now) for name in snapshot.ready}
        settled: set[Path] = set()
        waiting: dict[Path, str] = {}
        for entry in (*snapshot.entries, *snapshot.sidecars):
            seen = self._seen[entry.path] = _update(before.get(entry.path), entry, now)
            seen.renamed = seen.renamed or self._was_renamed(seen)
            if not seen.settled:
                reason = None if self._is_announced(seen) else self._doubt(seen, now)
                seen.settled = reason is None
            if seen.settled:
                settled.add(entry.path)
            else:
                waiting[entry.path] = reason or ""
        self._drafts = snapshot.drafts
        ages = {path: now - seen.first for path, seen in self._seen.items()}
        return Settling(frozenset(settled), waiting, ages)

    def _is_announced(self, seen: "_Seen") -> bool:
        """Whether a marker came with the file as it is, or after it."""
        name = seen.entry.path.name
        told = (self._markers.get(each) for each in (name, split_extension(name)[0]))
        return any(at is not None and at >= seen.since for at in told)

    def _was_renamed(self, seen: "_Seen") -> bool:
        """Whether the file was a draft in the last scan; one that is smaller now is another."""
        is_new = seen.scans == 0 and seen.first == seen.since
        return is_new and seen.entry.size >= self._drafts.get(seen.entry.inode, math.inf)

    def _doubt(self, seen: "_Seen", now: float) -> str | None:
        """Why the file is not settled; None if it is."""
        quiet = now - seen.since
        if not self._is_quiet(seen, quiet):
            if seen.scans > 0 and quiet >= self._quiet / 2:
                self._ask_early(seen, now)
            return "it has changed lately"
        if self._is_written(seen.entry.path):
            return "a program still has it open for writing"
        if quiet < self._long_patience:
            if seen.entry.size == 0:
                return "it is empty so far"
            if not self._can_open(seen.entry.path):
                return "it cannot be opened: another program holds it, or permission is missing"
        is_patient = quiet < self._patience and self._may_be_probed(seen)
        if is_patient and not self._complete(seen, now):
            return "it looks incomplete"
        return None

    def _is_quiet(self, seen: "_Seen", quiet: float) -> bool:
        return seen.renamed or (seen.scans >= self._scans and quiet >= self._quiet)

    def _ask_early(self, seen: "_Seen", now: float) -> None:
        """So that the answer is there when the file is quiet; one that is written has none."""
        if self._may_be_probed(seen) and not self._is_written(seen.entry.path):
            self._complete(seen, now)

    def _may_be_probed(self, seen: "_Seen") -> bool:
        return seen.entry.kind is not None and seen.entry.size > 0

    def _complete(self, seen: "_Seen", now: float) -> bool:
        if seen.asked is None or now - seen.asked >= self._quiet:
            answer = self._looks_complete(seen.entry.path)
            seen.complete = answer is True
            seen.asked = None if answer is None else now
        return seen.complete


@dataclass(slots=True)
class _Seen:
    """A file over the scans. Times are the caller's monotonic ones, in seconds."""

    entry: Entry
    first: float
    since: float
    scans: int = 0
    renamed: bool = False
    asked: float | None = None
    complete: bool = False
    settled: bool = False


def _update(seen: _Seen | None, entry: Entry, now: float) -> _Seen:
    if seen is None:
        return _Seen(entry, first=now, since=now)
    if _print(seen.entry) != _print(entry):
        return _Seen(entry, first=seen.first, since=now)
    seen.scans += 1
    return seen


def _print(entry: Entry) -> tuple[int, ...]:
    return (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode)
