"""Scans the inbox for what may be claimed, and for what the rest waits for."""

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder, PriorityCaps
from heygem_daemon.config.job_options import OWN_SOUND
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.arrivals import Arrivals, split_late
from heygem_daemon.service.candidates import (
    NOT_HURRIED,
    Candidate,
    in_hot_folder,
    sort_candidates,
)
from heygem_daemon.service.contents import NOTHING_FOUND, ContentProbe, Contents
from heygem_daemon.service.folder_views import find_folder_notices
from heygem_daemon.service.folders import ENTRIES_A_SCAN, FolderIntake
from heygem_daemon.service.inbox_view import InboxView, in_arrival
from heygem_daemon.service.incomplete import Incomplete
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.service.left_alone import LeftAlone
from heygem_daemon.service.lone_notices import LoneNotices
from heygem_daemon.service.lone_sidecars import without_media
from heygem_daemon.service.notice_log import NoticeLog
from heygem_daemon.service.notices import (
    BEING_READ,
    InboxNotice,
    find_inbox_notices,
    with_owners,
)
from heygem_daemon.service.owner_notices import find_owner_notices
from heygem_daemon.service.pair_candidates import find_pair_candidates
from heygem_daemon.service.pair_notices import find_pair_notices
from heygem_daemon.service.pairs import InboxPairs
from heygem_daemon.service.sidecar_cache import ReadSidecar, SidecarCache
from heygem_daemon.service.sidecar_mistakes import find_mistakes
from heygem_daemon.service.unused_files import find_unused
from heygem_daemon.spool.deciders import deciders
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot, scan
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.mounts import effective_quiet_seconds, find_mount
from heygem_daemon.spool.names import fold, printable
from heygem_daemon.spool.open_files import can_open, is_open_for_writing
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.recheck import is_as_scanned
from heygem_daemon.spool.requests import full_name
from heygem_daemon.spool.settle import MAX_LOOKS, Settler, SettleResult
from heygem_daemon.spool.spool import Spool

CLAIM_RETRY_SECONDS = 10.0
"""Seconds until a candidate that could not be claimed is tried again."""


@dataclass(frozen=True, slots=True)
class _ClaimFailure:
    """Why a candidate could not be claimed."""

    reason: str

    retry_at: float
    """Monotonic time of the next try."""


class Intake:
    """Scans one inbox again and again, and logs each warning about it once."""

    def __init__(
        self,
        spool: Spool,
        settler: Settler,
        folders: FolderIntake,
        read_sidecar: ReadSidecar,
        pairs: InboxPairs,
        faults: ItemFaults,
        hot_folder: HotFolder = PLAIN,
    ) -> None:
        self._spool = spool
        self._inbox = spool.in_folder(hot_folder.name).inbox
        self.hot_folder = hot_folder
        """Whose inbox it is."""
        self._faults = faults
        self._left_alone = LeftAlone()
        self._incomplete: Incomplete | None = None
        self._caps = PriorityCaps()
        self._heeds_requests = True
        self._settler = settler
        self._folders = folders
        self._lone_seconds = 0.0
        self._pair_minutes = 0.0
        self._arrivals = Arrivals()
        self._notice_log = NoticeLog()
        self._lone_notices = LoneNotices()
        self._claim_failures: dict[Candidate, _ClaimFailure] = {}
        self._sidecars = SidecarCache(read_sidecar, faults)
        self._hurried: Mapping[str, int] = NOT_HURRIED
        self.snapshot = FolderSnapshot(())
        """What the last scan found in the inbox."""
        self.lone_sidecars: tuple[tuple[FileEntry, SidecarAnswer], ...] = ()
        """The settled sidecars without a pair that it found, with what they hold."""
        self._pairs = pairs

    @classmethod
    def from_settings(
        cls,
        spool: Spool,
        settings: Settings,
        looks_complete: Callable[[Path], bool | None],
        read_sidecar: ReadSidecar,
        faults: ItemFaults,
        content_probe: ContentProbe = NOTHING_FOUND,
        hot_folder: HotFolder = PLAIN,
    ) -> "Intake":
        """Build an intake with the quiet period that fits the spool's file system, for the inbox of
        ``hot_folder``, which is there.

        ``looks_complete`` says whether a file is a complete audio or video, ``read_sidecar`` what a
        sidecar holds; None: not known yet. ``content_probe`` tells what a file holds.
        """
        quiet, trusted = _quiet_seconds(spool, settings), deciders()
        lone_seconds = settings.lone_file_minutes * 60

        def new_settler(max_looks: int = MAX_LOOKS) -> Settler:
            settler = Settler(
                quiet,
                can_open=can_open,
                is_open_for_writing=is_open_for_writing,
                looks_complete=looks_complete,
                on_fault=lambda path, error: faults.log(f"inbox/{printable(path.name)}", error),
            )
            settler.trust(trusted)
            settler.limit_looks(max_looks)
            return settler

        contents = Contents(content_probe)
        folders = FolderIntake(
            spool.in_folder(hot_folder.name).inbox,
            partial(new_settler, ENTRIES_A_SCAN),
            quiet,
            lone_seconds,
            settings.max_batch_members,
            read_sidecar,
            faults,
        )
        folders.contents, folders.trusted = contents, trusted
        pairs, settler = InboxPairs(contents, faults, trusted), new_settler()
        settler.begin()
        intake = cls(spool, settler, folders, read_sidecar, pairs, faults, hot_folder)
        intake.apply(settings, hot_folder)
        return intake

    def apply(self, settings: Settings, hot_folder: HotFolder = PLAIN) -> None:
        """Follow changed settings, and the profile of ``hot_folder``. Files that are settling go on
        from where they are."""
        self.hot_folder = hot_folder
        quiet = _quiet_seconds(self._spool, settings)
        self._lone_seconds = settings.lone_file_minutes * 60
        self._heeds_requests = settings.share_requests
        self._caps = PriorityCaps.of(settings.max_priority, settings.folders)
        self._pair_minutes = 0.0 if hot_folder.name else settings.pair_minutes
        self._settler.wait_for(quiet)
        self._folders.apply(quiet, self._lone_seconds, settings.max_batch_members)

    def scan(self, now: float, hidden: Container[str] = ()) -> InboxView:
        """Scan at monotonic time ``now``. ``hidden``: names of folders that are no batches. Raises
        SpoolUnavailable."""
        self._require_spool()
        before = frozenset(self.snapshot.sidecars)
        earlier, found = self.snapshot, scan(self._inbox, self.snapshot, self._log_fault)
        batches = tuple(name for name in found.folders if name not in hidden)
        snapshot = self.snapshot = replace(found, folders=batches)
        now_wall, trusted = self._spool.now(), self._pairs.trusted
        self._arrivals.observe(earlier, snapshot, now_wall, trusted)
        settling = self._settler.observe(snapshot, now)
        has_news, find_content = self._pairs.contents.update(), self._pairs.contents.find
        folders = self._folders.scan(snapshot.folders, snapshot.marker_owners, now)
        candidates = [view.candidate for view in folders if view.candidate is not None]
        self._pairs.contents.keep_only((*snapshot.entries, *self._folders.entries))
        pairing, answers = self._find_pairs(snapshot, settling, before, now, has_news)
        self.lone_sidecars = without_media(snapshot, settling, pairing, answers)
        self._settler.prefer(self._pairs.wanted)
        unexamined = self._pairs.examine(settling)
        pairs, unhandled = find_pair_candidates(
            snapshot, settling.without(unexamined), pairing, answers, self._faults
        )
        pairs, late = split_late(pairs, snapshot, self._arrivals, self._pair_minutes, trusted)
        self._incomplete = Incomplete(snapshot, settling, tuple(unexamined), pairing, answers)
        ready, left_alone = self._left_alone.split(self._sort([*pairs, *candidates]))
        being_read = [
            pair.sidecar
            for pair in pairing.pairs
            if pair.sidecar in settling.settled and pair.sidecar not in answers
        ]
        self._claim_failures = {
            each: self._claim_failures[each] for each in ready if each in self._claim_failures
        }
        notices = [
            *left_alone,
            *unhandled,
            *(notice for _, notice in late),
            *self._arrivals.exchanged(),
            *(
                InboxNotice(candidate.name, failure.reason, True)
                for candidate, failure in self._claim_failures.items()
            ),
            *self._lone_notices.find(snapshot, settling, pairing, answers, self._lone_seconds),
            *find_inbox_notices(
                snapshot,
                settling,
                pairing,
                find_content,
                unexamined,
                heeds_requests=self._heeds_requests,
            ),
            *find_unused(snapshot, hidden, heeds_requests=self._heeds_requests),
            *(
                InboxNotice(printable(path.name), BEING_READ, waits_for="look")
                for path in being_read
            ),
            *find_pair_notices(pairing, settling, unexamined, answers),
            *find_folder_notices(folders, heeds_requests=self._heeds_requests),
            *find_owner_notices(snapshot, settling, pairing, self._pairs.trusted),
        ]
        notices = list(with_owners(notices, snapshot))
        if folder := self.hot_folder.name:
            notices = [each.in_folder(folder) for each in notices]
        arrivals = {
            full_name(folder, printable(name)): entry.ctime_ns
            for name, entry in snapshot.by_name().items()
        }
        self._notice_log.log([*notices, *find_mistakes(ready)], now)
        return InboxView(
            ready=tuple(each for each in ready if not self._is_held_back(each, now)),
            waiting=tuple(in_arrival(notices, arrivals)),
            arrivals=arrivals,
            settling=bool(settling.is_settling or being_read or unexamined)
            or any(view.settling for view in folders),
            faulty_items=len(self._claim_failures) + len(settling.faulty),
            stuck_folders=frozenset(
                full_name(fold(self.hot_folder.name), fold(view.notice.name))
                for view in folders
                if view.notice is not None and not view.settling
            ),
        )

    def _require_spool(self) -> None:
        """Raise SpoolUnavailable where the spool's disk or share is not mounted."""
        if not self._spool.is_mounted():
            raise SpoolUnavailable(
                f"the spool {self._spool.root} is not there (no file .state/spool-id): is its disk"
                " or share mounted? The work goes on as soon as it is back"
            )

    def hurry(self, names: Mapping[str, int], files: Container[Path] = ()) -> None:
        """Let the candidates with these titles go first from the next scan on, and no others. The
        values are when that was asked, nanoseconds since the epoch. ``files``: those that are
        examined before others."""
        self._hurried = names
        self._settler.hurry(files)

    def find_incomplete(self, names: Collection[str]) -> list[Candidate]:
        """Return what the last scan found under these names that cannot start unless somebody acts,
        but can be cancelled. ``names``: folded, with that of the hot folder and a slash before."""
        if self._incomplete is None:
            return []
        folder = fold(self.hot_folder.name)
        return self._sort(self._incomplete.find(lambda key: full_name(folder, key) in names))

    def look_again(self, candidate: Candidate, now: float) -> Candidate | None:
        """Return a candidate of the last scan as it is now, so that it can be claimed; None: it has
        changed since, and the next scan decides. Raises SpoolUnavailable."""
        self._require_spool()
        if isinstance(candidate.source, Pair):
            is_same = is_as_scanned(candidate.source, self._inbox, self.snapshot)
            return candidate if is_same else None
        name = candidate.source.name
        view = self._folders.look(name, self.snapshot.marker_owners.get(name), now)
        if view is None or view.candidate is None:
            return None
        found = self._sort([view.candidate])[0]
        return found if found == candidate else None

    def _sort(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the candidates in their order, with what the folder's profile makes of them."""
        found = (in_hot_folder(each, self.hot_folder) for each in candidates)
        return sort_candidates(found, self._caps, self._hurried)

    def _log_fault(self, name: str, error: Exception) -> None:
        folder = self.hot_folder.name
        self._faults.log("/".join(filter(None, ("inbox", folder, printable(name)))), error)

    def set_aside(
        self, candidate: Candidate, versions: frozenset[FileVersion], reason: str
    ) -> None:
        """Leave ``candidate`` alone as long as it is in the inbox in these ``versions``."""
        self._left_alone.add(candidate, versions, reason)

    def record_claim_failure(self, candidate: Candidate, reason: str, now: float) -> None:
        """Record that a claim of ``candidate`` failed at monotonic time ``now``. If the next scan
        still finds it, the log says why, and it is tried again ``CLAIM_RETRY_SECONDS`` later."""
        self._claim_failures[candidate] = _ClaimFailure(reason, now + CLAIM_RETRY_SECONDS)

    def _find_pairs(
        self,
        snapshot: FolderSnapshot,
        settling: SettleResult,
        before: Container[FileEntry],
        now: float,
        has_news: bool,
    ) -> tuple[Pairing, Mapping[Path, SidecarAnswer]]:
        """Return what belongs together, and what its sidecars hold, as far as that is known."""
        pairing = self._pairs.find(snapshot, now, has_news=has_news)
        answers = self._read_sidecars(snapshot, settling, pairing, before, now)
        own = (path for path, answer in answers.items() if answer.options.audio == OWN_SOUND)
        pairing = self._pairs.with_own_sound(own)
        return pairing, answers

    def _read_sidecars(
        self,
        snapshot: FolderSnapshot,
        settling: SettleResult,
        pairing: Pairing,
        before: Container[FileEntry],
        now: float,
    ) -> Mapping[Path, SidecarAnswer]:
        """Return what the sidecars of pairs, and those without one, hold, as far as that is known.
        What holds still since the last scan, ``before``, is read ahead: nobody waits for it."""
        self._sidecars.keep_only(snapshot.sidecars)
        paired = {pair.sidecar for pair in pairing.pairs}
        paired |= {entry.path for entry in pairing.lone_sidecars}
        answers = {}
        for entry in snapshot.sidecars:
            is_still = entry in before or entry.path in settling.settled
            if entry.path in paired and is_still and (answer := self._sidecars.find(entry, now)):
                answers[entry.path] = answer
        return answers

    def _is_held_back(self, candidate: Candidate, now: float) -> bool:
        failure = self._claim_failures.get(candidate)
        return failure is not None and now < failure.retry_at


def _quiet_seconds(spool: Spool, settings: Settings) -> float:
    """Return the quiet period of new files, which is longer on a network mount."""
    return effective_quiet_seconds(settings.settle_seconds, find_mount(spool.inbox))
