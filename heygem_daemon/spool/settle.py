"""Decides when a file in the inbox is completely written. Uses no clock and no file system.

A file is settled when it has not changed over several scans and a quiet period, both measured by
the caller's monotonic clock. A file's own times are compared only with each other, never with a
clock. Two signs of the producer settle a file sooner: a ``.ready`` marker settles it at once, and
a rename from a temporary name ends its quiet period. A marker that is older than the file, or than
the file's last change, does not count, and neither does one that another user dropped.
"""

import math
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.spool.allowance import OwnerAllowance
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.ownership import ROOT_ALONE, marked_names
from heygem_daemon.system.subordinate_ids import holder_of

MAX_LOOKS = 100
"""How many files of one owner are looked at closely in one scan."""

BEING_CHECKED = "it is being checked"
"""Why a quiet file waits for its probe."""

JUST_STARTED = "the daemon has just started, and looks whether it is complete"
"""Why a file waits that was there at the start: nobody knows whether it has changed lately."""

RETRY_SECONDS = 10.0
"""How long what raised something while it was examined is left alone."""

MAX_FAULTS = 3
"""After so many faults in a row a file is not expected to settle any more. It is still tried."""


@dataclass(frozen=True, slots=True)
class SettleResult:
    """The state of all files of one scan."""

    settled: frozenset[Path]
    waiting_reasons: Mapping[Path, str]
    """The files that are not settled, each with the reason as a clause."""
    age_seconds: Mapping[Path, float]
    """Seconds since each file of the scan was first observed."""
    faulty: frozenset[Path] = frozenset()
    """The files among those waiting that could not be examined for ``MAX_FAULTS`` tries."""
    unseen: frozenset[Path] = frozenset()
    """The files among those waiting that were there at the start, and of which nothing is known
    yet."""
    doubtful: frozenset[Path] = frozenset()
    """The files among those waiting that are quiet, and that nobody has open for writing: they have
    yet to be checked, or look incomplete."""

    @property
    def is_settling(self) -> bool:
        """Whether any file may still settle without anybody's doing."""
        return len(self.waiting_reasons) > len(self.faulty)

    def without(self, entries: Iterable[FileEntry]) -> "SettleResult":
        """Return the same result, in which these files do not count as settled."""
        return replace(self, settled=self.settled.difference(each.path for each in entries))


class Settler:
    """Keeps track of files between scans.

    A file is quiet when it has not changed for ``quiet_seconds`` and over ``min_scans`` scans
    after the first. A quiet file that looks doubtful waits longer, and then settles anyway, so
    that its job is refused with a reason instead of being ignored. It waits until it has not
    changed for ``patience`` × quiet_seconds if ``looks_complete`` returns False, and for
    ``long_patience`` × quiet_seconds if it is empty or ``can_open`` returns False.

    A file waits as long as ``is_open_for_writing`` returns True.

    ``looks_complete(path)`` returns None while its answer is not known (a probe is running). It is
    first called when half of the quiet period is over. After an answer it is not called again for
    ``quiet_seconds``.

    A file at which any of them raises waits, and is left alone for ``RETRY_SECONDS`` unless it
    changes; ``on_fault`` is called with it and the error.

    They are called for at most MAX_LOOKS files of one owner in one scan, or as many as
    ``limit_looks`` says. Those that ``hurry`` names come first, then those that ``prefer`` names,
    then those that were looked at longest ago, in the order of their arrival.
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
        on_fault: Callable[[Path, Exception], object] = lambda _path, _error: None,
    ) -> None:
        self._min_scans = min_scans
        self._patience = patience
        self._long_patience = long_patience
        self.wait_for(quiet_seconds)
        self._can_open = can_open
        self._is_open_for_writing = is_open_for_writing
        self._looks_complete = looks_complete
        self._on_fault = on_fault
        self._looks = OwnerAllowance(MAX_LOOKS)
        self._tracked_files: dict[Path, _TrackedFile] = {}
        self._draft_sizes: Mapping[int, int] = {}
        self._trusted = ROOT_ALONE
        self._starts = False
        self._preferred: Container[Path] = ()
        self._urgent: Container[Path] = ()
        self._marker_times: dict[tuple[str, int], float] = {}
        """When each marker was first observed, by its name and owner."""

    def wait_for(self, quiet_seconds: float) -> None:
        """Change the quiet period."""
        self._quiet_seconds = quiet_seconds
        self._patience_seconds = self._patience * quiet_seconds
        self._long_patience_seconds = self._long_patience * quiet_seconds

    def trust(self, users: frozenset[int]) -> None:
        """Let the markers of these user ids, not of root alone, count for everybody's files."""
        self._trusted = users

    def begin(self) -> None:
        """Let the files of the next scan count as those that were there at the start."""
        self._starts = True

    def limit_looks(self, max_looks: int) -> None:
        """Change how many files of one owner are looked at closely in one scan."""
        self._looks = OwnerAllowance(max_looks)

    def prefer(self, files: Container[Path]) -> None:
        """Look at these files before the others of their owners."""
        self._preferred = files

    def hurry(self, files: Container[Path]) -> None:
        """Look at these files before even those."""
        self._urgent = files

    def observe(self, snapshot: FolderSnapshot, now: float) -> SettleResult:
        """Return the state of all files of a scan made at monotonic time ``now`` (seconds). Files
        that are not in the scan are forgotten."""
        before, self._tracked_files = self._tracked_files, {}
        markers = [(name, snapshot.marker_owners.get(name, 0)) for name in snapshot.ready_names]
        self._marker_times = {each: self._marker_times.get(each, now) for each in markers}
        for entry in (*snapshot.entries, *snapshot.sidecars):
            file = _track_file(before.get(entry.path), entry, now)
            file.is_unseen = file.is_unseen or self._starts
            self._tracked_files[entry.path] = file
        self._starts = False
        self._looks.renew()
        unsettled = [file for file in self._tracked_files.values() if not file.settled]
        for file in sorted(unsettled, key=lambda each: self._order_of_looks(each, now)):
            file.reason = self._find_reason(file, now)
        self._draft_sizes = snapshot.draft_sizes
        files = self._tracked_files
        ages = {path: now - file.first_seen_at for path, file in files.items()}
        return SettleResult(
            frozenset(path for path, file in files.items() if file.settled),
            {path: file.reason for path, file in files.items() if file.reason is not None},
            ages,
            frozenset(path for path, file in files.items() if file.faults >= MAX_FAULTS),
            frozenset(path for path, file in files.items() if file.is_unseen and not file.settled),
            frozenset(path for path, file in files.items() if file.doubtful and not file.settled),
        )

    def _order_of_looks(self, file: "_TrackedFile", now: float) -> tuple[bool, bool, float, int]:
        """Return what sorts files by when they are looked at: in the order of their arrival, then
        in turns. Where many wait, that one was probed early says nothing of its turn when quiet."""
        is_quiet = self._is_quiet(file, now - file.unchanged_since)
        last = file.looked_at if is_quiet else file.probed_early_at
        path = file.entry.path
        return path not in self._urgent, path not in self._preferred, last, file.entry.ctime_ns

    def _find_reason(self, file: "_TrackedFile", now: float) -> str | None:
        """Return why the file is not settled; None if it is. Whatever it raises concerns this file
        alone."""
        if now < file.retry_at:
            return file.reason
        try:
            reason = self._unsettled_reason(file, now)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            file.faults += 1
            file.retry_at = now + RETRY_SECONDS
            self._on_fault(file.entry.path, error)
            return "it cannot be examined; the log says why"
        file.faults = 0
        return reason

    def _unsettled_reason(self, file: "_TrackedFile", now: float) -> str | None:
        """Return why the file is not settled; None if it is."""
        if file.unchanged_scans == 0:
            file.renamed = file.renamed or self._was_renamed(file)
        reason = None if self._is_marked_ready(file) else self._waiting_reason(file, now)
        file.settled = reason is None
        return reason

    def _is_marked_ready(self, file: "_TrackedFile") -> bool:
        """Return whether a marker of the file's owner, or of a trusted user, appeared together with
        the file's present state, or later."""
        if not self._marker_times:
            return False
        owners = {file.entry.owner, *self._trusted}
        names = marked_names(file.entry.path.name)
        times = (self._marker_times.get((name, owner)) for name in names for owner in owners)
        return any(at is not None and at >= file.unchanged_since for at in times)

    def _was_renamed(self, file: "_TrackedFile") -> bool:
        """Return whether the file had a temporary name in the last scan. A file that is smaller
        than the draft was is a different one with the same inode."""
        is_new = file.first_seen_at == file.unchanged_since
        return is_new and file.entry.size >= self._draft_sizes.get(file.entry.inode, math.inf)

    def _waiting_reason(self, file: "_TrackedFile", now: float) -> str | None:
        """Return why the file is not settled; None if it is."""
        file.doubtful = False
        quiet = now - file.unchanged_since
        if not self._is_quiet(file, quiet):
            if file.unchanged_scans > 0 and quiet >= self._quiet_seconds / 2:
                self._probe_early(file, now)
            return JUST_STARTED if file.is_unseen else "it has changed lately"
        if not self._may_look(file):
            return "many files are looked at before it"
        file.looked_at = now
        reason = self._doubt(file, quiet, now)
        file.is_unseen = file.is_unseen and reason == BEING_CHECKED
        return reason

    def _doubt(self, file: "_TrackedFile", quiet: float, now: float) -> str | None:
        """Return why a quiet file is not settled; None if it is."""
        if self._is_open_for_writing(file.entry.path):
            return "it is still being copied, or a program has it open for writing"
        file.doubtful = True
        if quiet < self._long_patience_seconds:
            if file.entry.size == 0:
                return "it is empty so far"
            if not self._can_open(file.entry.path):
                return "it cannot be opened: another program holds it, or permission is missing"
        is_patient = quiet < self._patience_seconds and self._may_be_probed(file)
        if is_patient and not self._probe_complete(file, now):
            return BEING_CHECKED if file.probed_at is None else "it looks incomplete"
        return None

    def _is_quiet(self, file: "_TrackedFile", quiet: float) -> bool:
        return file.renamed or (
            file.unchanged_scans >= self._min_scans and quiet >= self._quiet_seconds
        )

    def _probe_early(self, file: "_TrackedFile", now: float) -> None:
        """Start the probe, so that its answer is known when the file is quiet. A file that is
        open for writing is not probed yet."""
        if not (self._may_be_probed(file) and self._may_look(file)):
            return
        file.probed_early_at = now
        if not self._is_open_for_writing(file.entry.path):
            self._probe_complete(file, now)

    def _may_look(self, file: "_TrackedFile") -> bool:
        """Return whether the file's owner may have another one looked at in this scan."""
        owner = holder_of(file.entry.owner)
        if not self._looks.has_left(owner):
            return False
        self._looks.use(owner)
        return True

    def _may_be_probed(self, file: "_TrackedFile") -> bool:
        return file.entry.kind is not None and file.entry.size > 0

    def _probe_complete(self, file: "_TrackedFile", now: float) -> bool:
        if file.probed_at is None or now - file.probed_at >= self._quiet_seconds:
            answer = self._looks_complete(file.entry.path)
            file.complete = answer is True
            file.probed_at = None if answer is None else now
        return file.complete


@dataclass(slots=True)
class _TrackedFile:
    """The state of one file over several scans. Times are in seconds, by the caller's monotonic
    clock."""

    entry: FileEntry
    first_seen_at: float
    unchanged_since: float
    unchanged_scans: int = 0
    renamed: bool = False
    probed_at: float | None = None
    complete: bool = False
    settled: bool = False
    doubtful: bool = False
    """Whether it was quiet when it was last looked at, and nobody had it open for writing."""
    is_unseen: bool = False
    """Whether it was there at the start, and nothing is known of it yet."""
    looked_at: float = -math.inf
    """When it was last looked at while it was quiet."""
    probed_early_at: float = -math.inf
    """When its probe was last begun before that."""
    faults: int = 0
    """How often in a row examining it raised something."""
    retry_at: float = -math.inf
    """When it is examined again after that."""
    reason: str | None = None
    """Why it is not settled."""


def _track_file(file: _TrackedFile | None, entry: FileEntry, now: float) -> _TrackedFile:
    if file is None:
        return _TrackedFile(entry, first_seen_at=now, unchanged_since=now)
    # A scan hands over the same object as long as the file is the same, which is quick to compare.
    if file.entry is not entry and _file_identity(file.entry) != _file_identity(entry):
        return _TrackedFile(entry, first_seen_at=file.first_seen_at, unchanged_since=now)
    file.unchanged_scans += 1
    return file


def _file_identity(entry: FileEntry) -> tuple[int, ...]:
    return (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode)
