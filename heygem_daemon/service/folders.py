"""Folders in the inbox: when each has settled as a whole, and what the others wait for."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.candidates import Candidate, InboxNotice, SidecarPriorities
from heygem_daemon.spool.batch.roster import RosterProblem, build_roster, format_names
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.settle import Settler, SettleResult


@dataclass(slots=True)
class _FolderState:
    """A folder over the scans. Times are monotonic: since ``since`` nothing in it has changed;
    ``announced``: since when a marker says that it is complete."""

    settler: Settler
    content: frozenset[object]
    first_seen_at: float
    changed_at: float
    announced_at: float | None = None


@dataclass(frozen=True, slots=True)
class FolderView:
    """One folder at one scan: an offer, or a remark on what it waits for. ``settling``: it may be
    an offer soon, without anybody's doing."""

    candidate: Candidate | None = None
    notice: InboxNotice | None = None
    settling: bool = False


class FolderIntake:
    """Watches the folders in ``inbox``. A folder is settled when each file in it is, and when
    nothing in it came, went or changed for ``quiet_seconds``; a marker that is no older than the
    last change says so at once: ``show.ready`` beside the folder, or ``.ready`` in it.
    ``lone_seconds``: how long one may lack something before it is said aloud."""

    def __init__(
        self,
        inbox: Path,
        new_settler: Callable[[], Settler],
        quiet_seconds: float,
        lone_seconds: float,
    ) -> None:
        self._inbox = inbox
        self._new_settler = new_settler
        self._quiet = quiet_seconds
        self._lone_seconds = lone_seconds
        self._folders: dict[str, _FolderState] = {}
        self._priorities: dict[str, SidecarPriorities] = {}

    def scan(self, names: Iterable[str], markers: Container[str], now: float) -> list[FolderView]:
        """Look into the folders ``names`` at monotonic time ``now``; ``ready`` are the markers
        beside them. Forgets what is gone."""
        present = list(names)
        self._folders = {name: self._folders[name] for name in present if name in self._folders}
        self._priorities = {
            name: self._priorities.get(name, SidecarPriorities()) for name in present
        }
        found = (self._look_into(name, name in markers, now) for name in present)
        return [look for look in found if look is not None]

    def _look_into(self, name: str, announced: bool, now: float) -> FolderView | None:
        folder = self._inbox / name
        try:
            snapshot = scan(folder)
        except SpoolUnavailable as fault:
            if not is_folder(folder):
                return None
            return FolderView(notice=InboxNotice(printable(name), f"cannot be read: {fault}", True))
        seen = self._update(name, snapshot, now)
        settling = seen.settler.observe(snapshot, now)
        if not (announced or snapshot.is_marked_ready):
            seen.announced_at = None
        elif seen.announced_at is None:
            seen.announced_at = now
        if seen.announced_at is None or seen.announced_at < seen.changed_at:
            reason = self._unsettled(snapshot, settling, now - seen.changed_at)
            if reason is not None:
                return FolderView(notice=InboxNotice(printable(name), reason), settling=True)
        roster = build_roster(snapshot)
        if isinstance(roster, RosterProblem):
            loud = not roster.is_incomplete or now - seen.first_seen_at >= self._lone_seconds
            return FolderView(notice=InboxNotice(printable(name), roster.reason, loud))
        return FolderView(candidate=self._candidate(folder, snapshot))

    def _update(self, name: str, snapshot: FolderSnapshot, now: float) -> _FolderState:
        content = snapshot.content
        seen = self._folders.get(name)
        if seen is None:
            seen = self._folders[name] = _FolderState(self._new_settler(), content, now, now)
        elif seen.content != content:
            seen.content, seen.changed_at = content, now
        return seen

    def _unsettled(
        self, snapshot: FolderSnapshot, settling: SettleResult, quiet: float
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
        return "it has changed lately" if quiet < self._quiet else None

    def _candidate(self, folder: Path, snapshot: FolderSnapshot) -> Candidate:
        entries: tuple[FileEntry, ...] = (*snapshot.entries, *snapshot.sidecars)
        priorities = self._priorities[folder.name]
        priorities.keep_only(snapshot.sidecars)
        asked = [priorities.read_priority(sidecar) for sidecar in snapshot.sidecars]
        arrived = max(entry.ctime_ns for entry in entries)
        return Candidate(printable(folder.name), folder, max(asked, default=0), arrived)
