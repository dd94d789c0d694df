"""Decides when a folder in the inbox has settled as a whole, and what the others wait for."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.contents import NOTHING_FOUND, Contents
from heygem_daemon.service.folder_views import (
    FolderView,
    ignored_notices,
    is_copy_of_failed,
    not_examined,
    retry_remedy,
    unreadable,
)
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.notices import BEING_EXAMINED, BEING_READ, REPLACE_REMEDY, InboxNotice
from heygem_daemon.service.sidecar_cache import ReadSidecar, SidecarCache
from heygem_daemon.service.unused_files import find_misplaced, first_unused
from heygem_daemon.spool.allowance import OwnerAllowance
from heygem_daemon.spool.batch.folder_tree import scan_tree
from heygem_daemon.spool.batch.roster import (
    RosterProblem,
    build_roster,
    find_excess,
    find_mixture_problem,
    format_names,
    scan_limit,
    with_contents,
)
from heygem_daemon.spool.batch.side_by_side import find_places, flattened, names_beside
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import READY_SUFFIX, printable
from heygem_daemon.spool.ownership import (
    ROOT_ALONE,
    find_person,
    folder_marker_counts,
    split_foreign_sidecars,
    trusted_users,
)
from heygem_daemon.spool.roles import FindContent
from heygem_daemon.spool.settle import JUST_STARTED, RETRY_SECONDS, Settler, SettleResult
from heygem_daemon.spool.sidecars import SidecarAnswers, own_sound
from heygem_daemon.system.subordinate_ids import holder_of

ENTRIES_A_SCAN = 600
"""How many entries in the folders of one owner one scan examines, so that thousands of folders do
not keep anybody else waiting."""

ENTRIES_A_FOLDER = 10
"""Looking into a folder costs about as much as this many of its entries."""


@dataclass(slots=True)
class _FolderState:
    """What the scans have found of one folder. Times are monotonic."""

    settler: Settler

    entries: tuple[FileEntry, ...]
    """The media that the last scan found in it."""

    content: frozenset[object]
    """What the last scan found in it."""

    first_seen_at: float

    changed_at: float
    """When a file in it last came, went or changed."""

    announced_at: float | None = None
    """When a marker first said that it is complete; None without a marker."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What the last look into a folder found."""

    at: float
    """Monotonic seconds."""

    view: "FolderView | None"

    retry_at: float = -math.inf
    """When the folder is looked into again, after it raised something."""


class FolderIntake:
    """Watches the folders in ``inbox``.

    A folder has settled when each file in it has, and when nothing in it came, went or changed for
    ``quiet_seconds``. A marker that is no older than the last change settles it at once:
    ``show.ready`` beside the folder, or ``.ready`` in it. ``lone_seconds``: how long a folder may
    be incomplete before the log warns of it. A folder with more than ``max_members`` members is no
    batch.

    One scan reads at most about ``entries_a_scan`` entries in the folders of each owner. It begins
    with the folders that were read longest ago. For the others it returns what was found then.
    """

    def __init__(
        self,
        inbox: Path,
        new_settler: Callable[[], Settler],
        quiet_seconds: float,
        lone_seconds: float,
        max_members: int,
        read_sidecar: ReadSidecar,
        faults: ItemFaults,
        entries_a_scan: int = ENTRIES_A_SCAN,
    ) -> None:
        self.contents = Contents(NOTHING_FOUND)
        """What the files hold; the intake of the inbox sets its own."""
        self.trusted = ROOT_ALONE
        """As whose markers and sidecars count for everybody's folders; the intake of the inbox sets
        its own."""
        self._inbox = inbox
        self._new_settler = new_settler
        self._quiet = quiet_seconds
        self._lone_seconds = lone_seconds
        self._max_members = max_members
        self._folders: dict[str, _FolderState] = {}
        self._read_sidecar = read_sidecar
        self._faults = faults
        self._sidecars: dict[str, SidecarCache] = {}
        self._looks: dict[str, _Look] = {}
        self._allowance = OwnerAllowance(entries_a_scan)
        self._old: frozenset[str] | None = None
        """The folders that the first scan found; None: there was none yet."""

    def apply(self, quiet_seconds: float, lone_seconds: float, max_members: int) -> None:
        """Change the limits. Folders that are settling go on from where they are."""
        self._quiet, self._lone_seconds = quiet_seconds, lone_seconds
        self._max_members = max_members
        for state in self._folders.values():
            state.settler.wait_for(quiet_seconds)

    @property
    def entries(self) -> Iterator[FileEntry]:
        """The media that the last scan found in all folders."""
        return (entry for state in self._folders.values() for entry in state.entries)

    def scan(
        self, names: Iterable[str], markers: Mapping[str, int], now: float
    ) -> list[FolderView]:
        """Scan the folders ``names`` at monotonic time ``now``. ``markers``: the owners of the
        markers beside folders, by name. Forgets the folders that are gone."""
        present = list(names)
        if self._old is None:
            self._old = frozenset(present)
        self._folders = {name: self._folders[name] for name in present if name in self._folders}
        self._sidecars = {
            name: self._sidecars.get(name) or SidecarCache(self._read_sidecar, self._faults)
            for name in present
        }
        self._looks = {name: self._looks[name] for name in present if name in self._looks}
        self._allowance.renew()
        for name in sorted(present, key=self._looked_at):
            if name in self._looks and now < self._looks[name].retry_at:
                continue
            if self._allowance.has_left(owner := _owner_of(self._inbox / name)):
                self._allowance.use(owner, ENTRIES_A_FOLDER)
                self.look(name, markers.get(name), now)
        views = [
            self._looks[name].view if name in self._looks else not_examined(name)
            for name in present
        ]
        return [view for view in views if view is not None]

    def look(self, name: str, marker_owner: int | None, now: float) -> FolderView | None:
        """Scan one folder; None: it is gone. ``marker_owner``: the user id of the owner of the
        marker beside it; None: there is none."""
        look = self._looks[name] = self._look_safely(name, marker_owner, now)
        return look.view

    def _looked_at(self, name: str) -> float:
        look = self._looks.get(name)
        return -math.inf if look is None else look.at

    def _look_safely(self, name: str, marker_owner: int | None, now: float) -> _Look:
        """Scan a folder. Whatever it raises concerns this folder alone."""
        try:
            return _Look(now, self._scan_folder(name, marker_owner, now))
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            reason = self._faults.log(f"inbox/{printable(name)}", error)
            why = f"is left alone: {reason}"
            notice = InboxNotice(printable(name), why, True, remedy=REPLACE_REMEDY)
            return _Look(now, FolderView(notice=notice), now + RETRY_SECONDS)

    def _scan_folder(self, name: str, marker_owner: int | None, now: float) -> FolderView | None:
        folder = self._inbox / name
        try:
            snapshot = scan_tree(folder, scan_limit(self._max_members))
        except SpoolUnavailable as fault:
            if not is_folder(folder):
                return None
            return FolderView(notice=unreadable(folder, fault))
        self._allowance.use(_owner_of(folder), snapshot.entry_count)
        if (problem := find_excess(snapshot, self._max_members)) is not None:
            return FolderView(notice=InboxNotice(printable(name), problem.reason, True))
        if (problem := find_mixture_problem(snapshot, trusted_users())) is not None:
            return FolderView(notice=InboxNotice(printable(name), problem.reason, True))
        markers = {name + READY_SUFFIX: marker_owner} if marker_owner is not None else {}
        if snapshot.is_marked_ready:
            markers[f"{name}/{READY_SUFFIX}"] = snapshot.marker_owners.get("", 0)
        foreign_markers = {
            marker: owner
            for marker, owner in markers.items()
            if not folder_marker_counts(owner, snapshot, self.trusted)
        }
        snapshot, foreign = split_foreign_sidecars(snapshot, self.trusted)
        view = self._view_folder(folder, snapshot, len(foreign_markers) < len(markers), now)
        ignored = {str(each.path.relative_to(self._inbox)): each.owner for each in foreign}
        ignored |= foreign_markers
        misplaced = tuple(find_misplaced(printable(name), snapshot))
        notice = view.notice and replace(view.notice, owner=snapshot.owner)
        told = ignored_notices(ignored, snapshot.owner)
        return replace(view, notice=notice, ignored=told, misplaced=misplaced)

    def _view_folder(
        self, folder: Path, snapshot: FolderSnapshot, has_marker: bool, now: float
    ) -> FolderView:
        name = folder.name
        state = self._update(name, snapshot, now)
        settling = state.settler.observe(snapshot, now)
        if not has_marker:
            state.announced_at = None
        elif state.announced_at is None:
            state.announced_at = now
        # What holds still from one scan to the next is read already, so that nobody waits for it.
        answers = self._read_sidecars(name, snapshot, now) if now > state.changed_at else {}
        if state.announced_at is None or state.announced_at < state.changed_at:
            reason = self._unsettled_reason(snapshot, settling, now - state.changed_at)
            if reason is not None:
                kind: WaitFor = "look" if reason == JUST_STARTED else "upload"
                return FolderView(
                    notice=InboxNotice(printable(name), reason, waits_for=kind),
                    settling=settling.is_settling or not settling.waiting_reasons,
                )
        answers = answers or self._read_sidecars(name, snapshot, now)
        if len(answers) < len(snapshot.sidecars):
            return _being_looked_at(name, BEING_READ)
        if unknown := self.contents.find_unknown(snapshot.entries):
            for entry in unknown:
                self.contents.examine(entry)
            return _being_looked_at(name, BEING_EXAMINED)
        return self._view_settled(folder, snapshot, answers, now - state.first_seen_at)

    def _view_settled(
        self,
        folder: Path,
        snapshot: FolderSnapshot,
        answers: Mapping[Path, SidecarAnswer],
        seconds: float,
    ) -> FolderView:
        """Return the view of a folder of which all is known, ``seconds`` after it was first
        seen."""
        places = find_places(folder, snapshot, self.contents.find)
        names = names_beside(folder, snapshot, places)
        contents = self.contents.of(snapshot.entries, names)
        found = {names[path]: answer for path, answer in answers.items() if path in names}
        flat = with_contents(flattened(folder, snapshot, places), contents)
        roster = build_roster(flat, self._max_members, own_sound(found))
        if not isinstance(roster, RosterProblem):
            return FolderView(candidate=_candidate(folder, flat, found, contents))
        is_warning = seconds >= self._lone_seconds or not roster.is_incomplete
        name = printable(folder.name)
        reason, remedy = roster.reason, ""
        if is_copy_of_failed(snapshot):
            remedy = retry_remedy(name)
        elif roster.is_incomplete and (unused := first_unused(snapshot)) is not None:
            reason, remedy = f"{roster.reason}; {unused[0]}", unused[1]
        return FolderView(notice=InboxNotice(name, reason, is_warning, "partner", remedy=remedy))

    def _update(self, name: str, snapshot: FolderSnapshot, now: float) -> _FolderState:
        content = snapshot.content
        state = self._folders.get(name)
        if state is None:
            state = self._folders[name] = _FolderState(
                self._new_settler(), snapshot.entries, content, now, now
            )
            state.settler.wait_for(self._quiet)
            if name in (self._old or ()):
                state.settler.begin()
        elif state.content != content:
            state.content, state.changed_at = content, now
            state.entries = snapshot.entries
        return state

    def _unsettled_reason(
        self, snapshot: FolderSnapshot, settling: SettleResult, unchanged_seconds: float
    ) -> str | None:
        if snapshot.unfinished:
            return f"an upload into it is under way: {format_names(snapshot.unfinished)}"
        if settling.unseen and settling.unseen >= settling.waiting_reasons.keys():
            return JUST_STARTED
        if settling.waiting_reasons:
            waiting = len(settling.waiting_reasons)
            total = waiting + len(settling.settled)
            path, reason = next(iter(settling.waiting_reasons.items()))
            counted_files = (
                f"{waiting} of {total} of its files are not complete yet"
                if waiting < total
                else "none of its files is complete yet"
            )
            return f"{counted_files}; {printable(path.name)}: {reason}"
        return "it has changed lately" if unchanged_seconds < self._quiet else None

    def _read_sidecars(
        self, name: str, snapshot: FolderSnapshot, now: float
    ) -> Mapping[Path, SidecarAnswer]:
        """Return what the folder's sidecars hold, as far as that is known."""
        sidecars = self._sidecars[name]
        sidecars.keep_only(snapshot.sidecars)
        found = {each.path: sidecars.find(each, now) for each in snapshot.sidecars}
        return {file: answer for file, answer in found.items() if answer is not None}


def _owner_of(folder: Path) -> int | None:
    """Return the user id of a folder's owner, or of who has that id; None: it is gone."""
    try:
        return holder_of(folder.lstat().st_uid)
    except OSError:
        return None


def _candidate(
    folder: Path, snapshot: FolderSnapshot, answers: SidecarAnswers, find_content: FindContent
) -> Candidate:
    priority = max((answer.options.priority for answer in answers.values()), default=0)
    arrived_ns = max(entry.ctime_ns for entry in (*snapshot.entries, *snapshot.sidecars))
    owner = find_person({each.owner for each in snapshot.entries})
    name = printable(folder.name)
    return Candidate(name, folder, priority, arrived_ns, owner, answers, find_content)


def _being_looked_at(name: str, reason: str) -> FolderView:
    """Return the view of a folder that is complete, and is being read."""
    return FolderView(notice=InboxNotice(printable(name), reason, waits_for="look"), settling=True)
