"""From the inbox to what may be claimed, and what the rest waits for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.report.status import InboxStatus
from heygem_daemon.service.candidates import Offer, Priorities, Remark, in_order, remarks_on
from heygem_daemon.service.folders import FolderIntake
from heygem_daemon.spool.inbox import Snapshot, can_open, is_written, scan
from heygem_daemon.spool.mounts import filesystem_of, quiet_period
from heygem_daemon.spool.pairing import Pairing, pair_up
from heygem_daemon.spool.settle import Settler, Settling
from heygem_daemon.spool.spool import Spool

OFFER_AGAIN_SECONDS = 10.0
"""How long an offer is left alone that could not be claimed."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbox found: ``ready`` offers, by priority, then first come first; what
    each other thing waits for; whether something is still ``settling``; how many offers could not
    be taken."""

    ready: tuple[Offer, ...] = ()
    waiting: tuple[InboxStatus, ...] = ()
    settling: bool = False
    untakable: int = 0

    def shown(self, limit: int) -> tuple[InboxStatus, ...]:
        """All that is in the inbox, at most so many; what somebody may have to see to first."""
        queue = (InboxStatus(name=offer.name, reason=offer.turn) for offer in self.ready)
        return tuple(islice((*self.waiting, *queue), limit))

    def without(self, offer: Offer) -> "Look":
        """The same, less an offer that has been claimed."""
        return replace(self, ready=tuple(each for each in self.ready if each != offer))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why an offer could not be claimed, and the monotonic time before which it is not tried."""

    reason: str
    until: float


class Intake:
    """Looks at the inbox again and again; says of each odd thing once, in the log, what it is."""

    def __init__(
        self, spool: Spool, settler: Settler, folders: FolderIntake, lone_seconds: float
    ) -> None:
        self._spool = spool
        self._settler = settler
        self._folders = folders
        self._lone_seconds = lone_seconds
        self._told: set[Remark] = set()
        self._untakable: dict[Offer, _Refusal] = {}
        self._priorities = Priorities()
        self._snapshot = Snapshot(())
        self._pairing = pair_up(())

    @classmethod
    def of(
        cls, spool: Spool, settings: Settings, looks_complete: Callable[[Path], bool | None]
    ) -> "Intake":
        """With the quiet period that fits the spool's file system."""
        quiet = quiet_period(settings.settle_seconds, filesystem_of(spool.inbox))
        lone = settings.lone_file_minutes * 60

        def new_settler() -> Settler:
            return Settler(
                quiet, can_open=can_open, is_written=is_written, looks_complete=looks_complete
            )

        folders = FolderIntake(spool.inbox, new_settler, quiet, lone)
        return cls(spool, new_settler(), folders, lone)

    def look(self, now: float) -> Look:
        """Scan at monotonic time ``now``. Raises SpoolUnavailable."""
        if not self._spool.mounted():
            raise SpoolUnavailable(
                f"the spool {self._spool.root} is not there (no file .state/spool-id): is its disk"
                " or share mounted? The work goes on as soon as it is back"
            )
        snapshot, pairing = self._scan()
        settling = self._settler.observe(snapshot, now)
        folders = self._folders.look(snapshot.folders, snapshot.ready, now)
        batches = [look.offer for look in folders if look.offer is not None]
        ready = in_order([*self._offers(snapshot, settling, pairing), *batches])
        self._untakable = {each: self._untakable[each] for each in ready if each in self._untakable}
        remarks = [
            *(Remark(offer.name, each.reason, True) for offer, each in self._untakable.items()),
            *remarks_on(snapshot, settling, pairing, self._lone_seconds),
            *(look.remark for look in folders if look.remark is not None),
        ]
        self._tell(remarks)
        return Look(
            ready=tuple(offer for offer in ready if not self._is_held_back(offer, now)),
            waiting=tuple(InboxStatus(name=each.name, reason=each.reason) for each in remarks),
            settling=bool(settling.waiting) or any(look.settling for look in folders),
            untakable=len(self._untakable),
        )

    def _scan(self) -> tuple[Snapshot, Pairing]:
        """What lies there and belongs together. Nothing is made anew of what has not changed: ten
        thousand files may wait for days."""
        before, self._snapshot = self._snapshot, scan(self._spool.inbox, self._snapshot)
        files = (self._snapshot.entries, self._snapshot.sidecars)
        if files != (before.entries, before.sidecars):
            self._pairing = pair_up(*files)
        return self._snapshot, self._pairing

    def cannot_take(self, offer: Offer, reason: str, now: float) -> None:
        """A claim of ``offer`` failed at monotonic time ``now``: if the next look still finds it,
        it is said why, and it is offered again after a while."""
        self._untakable[offer] = _Refusal(reason, now + OFFER_AGAIN_SECONDS)

    def _offers(self, snapshot: Snapshot, settling: Settling, pairing: Pairing) -> Iterator[Offer]:
        """The settled pairs."""
        entries = {entry.path: entry for entry in (*snapshot.entries, *snapshot.sidecars)}
        self._priorities.keep(snapshot.sidecars)
        for pair in pairing.pairs:
            if pair.files <= settling.settled:
                priority = self._priorities.of(entries[pair.sidecar]) if pair.sidecar else 0
                arrived = max(entries[path].ctime_ns for path in (pair.audio, pair.video))
                yield Offer(pair.name, pair, priority, arrived)

    def _is_held_back(self, offer: Offer, now: float) -> bool:
        refusal = self._untakable.get(offer)
        return refusal is not None and now < refusal.until

    def _tell(self, remarks: Iterable[Remark]) -> None:
        loud = {remark for remark in remarks if remark.loud}
        for remark in sorted(loud - self._told, key=lambda remark: remark.name):
            logger.bind(file=remark.name).warning(remark.reason)
        self._told = loud
