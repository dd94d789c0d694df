"""Decides when a folder in the inbox has settled as a whole, and what the others wait for."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.candidates import Candidate, InboxNotice, SidecarPriorities
from heygem_daemon.spool.batch.roster import (
    RosterProblem,
    build_roster,
    find_excess,
    format_names,
)
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.settle import Settler, SettleResult


@dataclass(slots=True)
class _FolderState:
    """What the scans have found of one folder. Times are monotonic."""

    settler: Settler

    content: frozenset[object]
    """What the last scan found in it."""

    first_seen_at: float

    changed_at: float
    """When a file in it last came, went or changed."""

    announced_at: float | None = None
    """When a marker first said that it is complete; None without a marker."""


@dataclass(frozen=True, slots=True)
class FolderView:
    """One folder at one scan: either a candidate, or a notice of what it waits for."""

    candidate: Candidate | None = None
    notice: InboxNotice | None = None

    settling: bool = False
    """Whether it may become a candidate without anybody's doing."""


class FolderIntake:
    """Watches the folders in ``inbox``.

    A folder has settled when each file in it has, and when nothing in it came, went or changed for
    ``quiet_seconds``. A marker that is no older than the last change settles it at once:
    ``show.ready`` beside the folder, or ``.ready`` in it. ``lone_seconds``: how long a folder may
    be incomplete before the log warns of it. A folder with more than ``max_members`` members is no
    batch.
    """

    def __init__(
        self,
        inbox: Path,
        new_settler: Callable[[], Settler],
        quiet_seconds: float,
        lone_seconds: float,
        max_members: int,
    ) -> None:
        self._inbox = inbox
        self._new_settler = new_settler
        self._quiet = quiet_seconds
        self._lone_seconds = lone_seconds
        self._max_members = max_members
        self._folders: dict[str, _FolderState] = {}
        self._priorities: dict[str, SidecarPriorities] = {}

    def scan(self, names: Iterable[str], markers: Container[str], now: float) -> list[FolderView]:
        """Scan the folders ``names`` at monotonic time ``now``. ``markers``: the names that have a
        marker beside the folder. Forgets the folders that are gone."""
        present = list(names)
        self._folders = {name: self._folders[name] for name in present if name in self._folders}
        self._priorities = {
            name: self._priorities.get(name, SidecarPriorities()) for name in present
        }
        views = (self._scan_folder(name, name in markers, now) for name in present)
        return [view for view in views if view is not None]

    def _scan_folder(self, name: str, has_marker: bool, now: float) -> FolderView | None:
        folder = self._inbox / name
        try:
            snapshot = scan(folder)
        except SpoolUnavailable as fault:
            if not is_folder(folder):
                return None
            return FolderView(notice=InboxNotice(printable(name), f"cannot be read: {fault}", True))
        if (problem := find_excess(snapshot, self._max_members)) is not None:
            return FolderView(notice=InboxNotice(printable(name), problem.reason, True))
        state = self._update(name, snapshot, now)
        settling = state.settler.observe(snapshot, now)
        if not (has_marker or snapshot.is_marked_ready):
            state.announced_at = None
        elif state.announced_at is None:
            state.announced_at = now
        if state.announced_at is None or state.announced_at < state.changed_at:
            reason = self._unsettled_reason(snapshot, settling, now - state.changed_at)
            if reason is not None:
                return FolderView(notice=InboxNotice(printable(name), reason), settling=True)
        roster = build_roster(snapshot, self._max_members)
        if isinstance(roster, RosterProblem):
            is_late = now - state.first_seen_at >= self._lone_seconds
            is_warning = is_late or not roster.is_incomplete
            return FolderView(notice=InboxNotice(printable(name), roster.reason, is_warning))
        return FolderView(candidate=self._candidate(folder, snapshot))

    def _update(self, name: str, snapshot: FolderSnapshot, now: float) -> _FolderState:
        content = snapshot.content
        state = self._folders.get(name)
        if state is None:
            state = self._folders[name] = _FolderState(self._new_settler(), content, now, now)
        elif state.content != content:
            state.content, state.changed_at = content, now
        return state

    def _unsettled_reason(
        self, snapshot: FolderSnapshot, settling: SettleResult, unchanged_seconds: float
    ) -> str | None:
        if snapshot.unfinished:
            return f"an upload into it is under way: {format_names(snapshot.unfinished)}"
        if settling.waiting_reasons:
            total = len(settling.waiting_reasons) + len(settling.settled)
            path, reason = next(iter(settling.waiting_reasons.items()))
            return (
                f"{len(settling.waiting_reasons)} of its {total} files are not settled;"
                f" {printable(path.name)}: {reason}"
            )
        return "it has changed lately" if unchanged_seconds < self._quiet else None

    def _candidate(self, folder: Path, snapshot: FolderSnapshot) -> Candidate:
        entries: tuple[FileEntry, ...] = (*snapshot.entries, *snapshot.sidecars)
        priorities = self._priorities[folder.name]
        priorities.keep_only(snapshot.sidecars)
        priority = max((priorities.read_priority(each) for each in snapshot.sidecars), default=0)
        arrived_ns = max(entry.ctime_ns for entry in entries)
        owner = next((each.owner for each in snapshot.entries if each.kind == "audio"), 0)
        return Candidate(printable(folder.name), folder, priority, arrived_ns, owner)
