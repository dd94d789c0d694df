"""From the inbox to what may be claimed, and what the rest waits for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.report.status import InboxStatus
from heygem_daemon.service.candidates import (
    Candidate,
    InboxNotice,
    SidecarPriorities,
    find_inbox_notices,
    sort_candidates,
)
from heygem_daemon.service.folders import FolderIntake
from heygem_daemon.spool.inbox import FolderSnapshot, can_open, is_open_for_writing, scan
from heygem_daemon.spool.mounts import effective_quiet_seconds, find_mount
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.settle import Settler, SettleResult
from heygem_daemon.spool.spool import Spool

CLAIM_RETRY_SECONDS = 10.0
"""How long an offer is left alone that could not be claimed."""


@dataclass(frozen=True, slots=True)
class InboxView:
    """What one look at the inbox found: ``ready`` offers, by priority, then first come first; what
    each other thing waits for; whether something is still ``settling``; how many offers could not
    be taken."""

    ready: tuple[Candidate, ...] = ()
    waiting: tuple[InboxStatus, ...] = ()
    settling: bool = False
    failed_claims: int = 0

    def list_entries(self, limit: int) -> tuple[InboxStatus, ...]:
        """All that is in the inbox, at most so many; what somebody may have to see to first."""
        queue = (InboxStatus(name=offer.name, reason=offer.wait_reason) for offer in self.ready)
        return tuple(islice((*self.waiting, *queue), limit))

    def without(self, offer: Candidate) -> "InboxView":
        """The same, less an offer that has been claimed."""
        return replace(self, ready=tuple(each for each in self.ready if each != offer))


@dataclass(frozen=True, slots=True)
class _ClaimFailure:
    """Why an offer could not be claimed, and the monotonic time before which it is not tried."""

    reason: str
    retry_at: float


class Intake:
    """Looks at the inbox again and again; says of each odd thing once, in the log, what it is."""

    def __init__(
        self, spool: Spool, settler: Settler, folders: FolderIntake, lone_seconds: float
    ) -> None:
        self._spool = spool
        self._settler = settler
        self._folders = folders
        self._lone_seconds = lone_seconds
        self._warned: set[InboxNotice] = set()
        self._claim_failures: dict[Candidate, _ClaimFailure] = {}
        self._priorities = SidecarPriorities()
        self._snapshot = FolderSnapshot(())
        self._pairing = pair_files(())

    @classmethod
    def from_settings(
        cls, spool: Spool, settings: Settings, looks_complete: Callable[[Path], bool | None]
    ) -> "Intake":
        """With the quiet period that fits the spool's file system."""
        quiet = effective_quiet_seconds(settings.settle_seconds, find_mount(spool.inbox))
        lone = settings.lone_file_minutes * 60

        def new_settler() -> Settler:
            return Settler(
                quiet,
                can_open=can_open,
                is_open_for_writing=is_open_for_writing,
                looks_complete=looks_complete,
            )

        folders = FolderIntake(spool.inbox, new_settler, quiet, lone)
        return cls(spool, new_settler(), folders, lone)

    def scan(self, now: float) -> InboxView:
        """Scan at monotonic time ``now``. Raises SpoolUnavailable."""
        if not self._spool.is_mounted():
            raise SpoolUnavailable(
                f"the spool {self._spool.root} is not there (no file .state/spool-id): is its disk"
                " or share mounted? The work goes on as soon as it is back"
            )
        snapshot, pairing = self._scan_pairs()
        settling = self._settler.observe(snapshot, now)
        folders = self._folders.scan(snapshot.folders, snapshot.ready_names, now)
        batches = [look.candidate for look in folders if look.candidate is not None]
        ready = sort_candidates([*self._settled_candidates(snapshot, settling, pairing), *batches])
        self._claim_failures = {
            each: self._claim_failures[each] for each in ready if each in self._claim_failures
        }
        remarks = [
            *(
                InboxNotice(offer.name, each.reason, True)
                for offer, each in self._claim_failures.items()
            ),
            *find_inbox_notices(snapshot, settling, pairing, self._lone_seconds),
            *(look.notice for look in folders if look.notice is not None),
        ]
        self._log_new_warnings(remarks)
        return InboxView(
            ready=tuple(offer for offer in ready if not self._is_held_back(offer, now)),
            waiting=tuple(InboxStatus(name=each.name, reason=each.reason) for each in remarks),
            settling=bool(settling.waiting_reasons) or any(look.settling for look in folders),
            failed_claims=len(self._claim_failures),
        )

    def _scan_pairs(self) -> tuple[FolderSnapshot, Pairing]:
        """What lies there and belongs together. Nothing is made anew of what has not changed: ten
        thousand files may wait for days."""
        before, self._snapshot = self._snapshot, scan(self._spool.inbox, self._snapshot)
        files = (self._snapshot.entries, self._snapshot.sidecars)
        if files != (before.entries, before.sidecars):
            self._pairing = pair_files(*files)
        return self._snapshot, self._pairing

    def record_claim_failure(self, candidate: Candidate, reason: str, now: float) -> None:
        """A claim of ``offer`` failed at monotonic time ``now``: if the next look still finds it,
        it is said why, and it is offered again after a while."""
        self._claim_failures[candidate] = _ClaimFailure(reason, now + CLAIM_RETRY_SECONDS)

    def _settled_candidates(
        self, snapshot: FolderSnapshot, settling: SettleResult, pairing: Pairing
    ) -> Iterator[Candidate]:
        """The settled pairs."""
        entries = {entry.path: entry for entry in (*snapshot.entries, *snapshot.sidecars)}
        self._priorities.keep_only(snapshot.sidecars)
        for pair in pairing.pairs:
            if pair.files <= settling.settled:
                priority = (
                    self._priorities.read_priority(entries[pair.sidecar]) if pair.sidecar else 0
                )
                arrived = max(entries[path].ctime_ns for path in (pair.audio, pair.video))
                yield Candidate(pair.name, pair, priority, arrived)

    def _is_held_back(self, offer: Candidate, now: float) -> bool:
        refusal = self._claim_failures.get(offer)
        return refusal is not None and now < refusal.retry_at

    def _log_new_warnings(self, remarks: Iterable[InboxNotice]) -> None:
        loud = {remark for remark in remarks if remark.is_warning}
        for remark in sorted(loud - self._warned, key=lambda remark: remark.name):
            logger.bind(file=remark.name).warning(remark.reason)
        self._warned = loud
