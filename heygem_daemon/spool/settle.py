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

from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import split_extension


@dataclass(frozen=True, slots=True)
class SettleResult:
    """What one observation found."""

    settled: frozenset[Path]
    waiting_reasons: Mapping[Path, str]
    """Files that are not settled, each with the reason in words."""
    age_seconds: Mapping[Path, float]
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
        min_scans: int = 2,
        patience: float = 6.0,
        long_patience: float = 12.0,
        can_open: Callable[[Path], bool] = lambda _path: True,
        is_open_for_writing: Callable[[Path], bool] = lambda _path: False,
        looks_complete: Callable[[Path], bool | None] = lambda _path: True,
    ) -> None:
        self._quiet_seconds = quiet_seconds
        self._min_scans = min_scans
        self._patience_seconds = patience * quiet_seconds
        self._long_patience_seconds = long_patience * quiet_seconds
        self._can_open = can_open
        self._is_open_for_writing = is_open_for_writing
        self._looks_complete = looks_complete
        self._tracked_files: dict[Path, _TrackedFile] = {}
        self._draft_sizes: Mapping[int, int] = {}
        self._marker_times: dict[str, float] = {}

    def observe(self, snapshot: FolderSnapshot, now: float) -> SettleResult:
        """Take in a scan made at monotonic time ``now`` (seconds); forget what is gone."""
        before, self._tracked_files = self._tracked_files, {}
        self._marker_times = {
            name: self._marker_times.get(name, now) for name in snapshot.ready_names
        }
        settled: set[Path] = set()
        waiting: dict[Path, str] = {}
        for entry in (*snapshot.entries, *snapshot.sidecars):
            seen = self._tracked_files[entry.path] = _track_file(before.get(entry.path), entry, now)
            seen.renamed = seen.renamed or self._was_renamed(seen)
            if not seen.settled:
                reason = None if self._is_marked_ready(seen) else self._waiting_reason(seen, now)
                seen.settled = reason is None
            if seen.settled:
                settled.add(entry.path)
            else:
                waiting[entry.path] = reason or ""
        self._draft_sizes = snapshot.draft_sizes
        ages = {path: now - seen.first_seen_at for path, seen in self._tracked_files.items()}
        return SettleResult(frozenset(settled), waiting, ages)

    def _is_marked_ready(self, seen: "_TrackedFile") -> bool:
        """Whether a marker came with the file as it is, or after it."""
        name = seen.entry.path.name
        told = (self._marker_times.get(each) for each in (name, split_extension(name)[0]))
        return any(at is not None and at >= seen.unchanged_since for at in told)

    def _was_renamed(self, seen: "_TrackedFile") -> bool:
        """Whether the file was a draft in the last scan; one that is smaller now is another."""
        is_new = seen.unchanged_scans == 0 and seen.first_seen_at == seen.unchanged_since
        return is_new and seen.entry.size >= self._draft_sizes.get(seen.entry.inode, math.inf)

    def _waiting_reason(self, seen: "_TrackedFile", now: float) -> str | None:
        """Why the file is not settled; None if it is."""
        quiet = now - seen.unchanged_since
        if not self._is_quiet(seen, quiet):
            if seen.unchanged_scans > 0 and quiet >= self._quiet_seconds / 2:
                self._probe_early(seen, now)
            return "it has changed lately"
        if self._is_open_for_writing(seen.entry.path):
            return "a program still has it open for writing"
        if quiet < self._long_patience_seconds:
            if seen.entry.size == 0:
                return "it is empty so far"
            if not self._can_open(seen.entry.path):
                return "it cannot be opened: another program holds it, or permission is missing"
        is_patient = quiet < self._patience_seconds and self._may_be_probed(seen)
        if is_patient and not self._probe_complete(seen, now):
            return "it looks incomplete"
        return None

    def _is_quiet(self, seen: "_TrackedFile", quiet: float) -> bool:
        return seen.renamed or (
            seen.unchanged_scans >= self._min_scans and quiet >= self._quiet_seconds
        )

    def _probe_early(self, seen: "_TrackedFile", now: float) -> None:
        """So that the answer is there when the file is quiet; one that is written has none."""
        if self._may_be_probed(seen) and not self._is_open_for_writing(seen.entry.path):
            self._probe_complete(seen, now)

    def _may_be_probed(self, seen: "_TrackedFile") -> bool:
        return seen.entry.kind is not None and seen.entry.size > 0

    def _probe_complete(self, seen: "_TrackedFile", now: float) -> bool:
        if seen.probed_at is None or now - seen.probed_at >= self._quiet_seconds:
            answer = self._looks_complete(seen.entry.path)
            seen.complete = answer is True
            seen.probed_at = None if answer is None else now
        return seen.complete


@dataclass(slots=True)
class _TrackedFile:
    """A file over the scans. Times are the caller's monotonic ones, in seconds."""

    entry: FileEntry
    first_seen_at: float
    unchanged_since: float
    unchanged_scans: int = 0
    renamed: bool = False
    probed_at: float | None = None
    complete: bool = False
    settled: bool = False


def _track_file(seen: _TrackedFile | None, entry: FileEntry, now: float) -> _TrackedFile:
    if seen is None:
        return _TrackedFile(entry, first_seen_at=now, unchanged_since=now)
    if _file_identity(seen.entry) != _file_identity(entry):
        return _TrackedFile(entry, first_seen_at=seen.first_seen_at, unchanged_since=now)
    seen.unchanged_scans += 1
    return seen


def _file_identity(entry: FileEntry) -> tuple[int, ...]:
    return (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode)
