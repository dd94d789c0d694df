"""From the inbox to pairs that may be claimed, and what the rest waits for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from loguru import logger

from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.report.status import InboxStatus
from heygem_daemon.settings import Settings
from heygem_daemon.spool.claim import read_options
from heygem_daemon.spool.inbox import Entry, Snapshot, can_open, scan
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.mounts import filesystem_of, quiet_period
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing, pair_up
from heygem_daemon.spool.settle import Settler, Settling
from heygem_daemon.spool.spool import Spool

OFFER_AGAIN_SECONDS = 10.0
"""How long a pair is left alone that could not be claimed."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the inbox found: ``ready`` pairs, by priority, then first come first; what
    each other thing waits for; whether some file is still ``settling``; how many pairs could not
    be taken."""

    ready: tuple[Pair, ...] = ()
    waiting: tuple[InboxStatus, ...] = ()
    settling: bool = False
    untakable: int = 0

    def shown(self, limit: int) -> tuple[InboxStatus, ...]:
        """All that is in the inbox, at most so many; what somebody may have to see to first."""
        queue = (InboxStatus(name=pair.name, reason=_turn(pair)) for pair in self.ready)
        return tuple(islice((*self.waiting, *queue), limit))

    def without(self, pair: Pair) -> "Look":
        """The same, less a pair that has been claimed."""
        return replace(self, ready=tuple(each for each in self.ready if each != pair))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a pair could not be claimed, and the monotonic time before which it is not tried."""

    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class _Remark:
    """Something in the inbox that waits; ``loud`` for what a person has to see to."""

    name: str
    reason: str
    loud: bool = False


class Intake:
    """Looks at the inbox again and again; says of each odd thing once, in the log, what it is."""

    def __init__(self, spool: Spool, settler: Settler, lone_seconds: float) -> None:
        self._spool = spool
        self._settler = settler
        self._lone_seconds = lone_seconds
        self._told: set[_Remark] = set()
        self._untakable: dict[Pair, _Refusal] = {}
        self._priorities: dict[Entry, int] = {}

    @classmethod
    def of(
        cls, spool: Spool, settings: Settings, looks_complete: Callable[[Path], bool | None]
    ) -> "Intake":
        """With the quiet period that fits the spool's file system."""
        quiet = quiet_period(settings.settle_seconds, filesystem_of(spool.inbox))
        settler = Settler(quiet, can_open=can_open, looks_complete=looks_complete)
        return cls(spool, settler, settings.lone_file_minutes * 60)

    def look(self, now: float) -> Look:
        """Scan at monotonic time ``now``. Raises SpoolUnavailable."""
        if not self._spool.mounted():
            raise SpoolUnavailable(
                f"the spool {self._spool.root} is not there (no file .state/spool-id): is its disk"
                " or share mounted? The work goes on as soon as it is back"
            )
        snapshot = scan(self._spool.inbox)
        settling = self._settler.observe(snapshot, now)
        pairing = pair_up(snapshot.entries, snapshot.sidecars)
        ready = [pair for pair in pairing.pairs if pair.files <= settling.settled]
        ready = self._by_priority(ready, snapshot.sidecars)
        self._untakable = {pair: self._untakable[pair] for pair in ready if pair in self._untakable}
        remarks = [
            *(_Remark(pair.name, each.reason, True) for pair, each in self._untakable.items()),
            *_remarks(snapshot, settling, pairing, self._lone_seconds),
        ]
        self._tell(remarks)
        return Look(
            ready=tuple(pair for pair in ready if not self._is_held_back(pair, now)),
            waiting=tuple(InboxStatus(name=each.name, reason=each.reason) for each in remarks),
            settling=bool(settling.waiting),
            untakable=len(self._untakable),
        )

    def cannot_take(self, pair: Pair, reason: str, now: float) -> None:
        """A claim of ``pair`` failed at monotonic time ``now``: if the next look still finds it,
        it is said why, and the pair is offered again after a while."""
        self._untakable[pair] = _Refusal(reason, now + OFFER_AGAIN_SECONDS)

    def _by_priority(self, pairs: Iterable[Pair], sidecars: Iterable[Entry]) -> list[Pair]:
        """The pairs with the priorities that their sidecars ask for, the highest first."""
        asked = {entry.path: entry for entry in sidecars}
        known, self._priorities = self._priorities, {}

        def ranked(pair: Pair) -> Pair:
            if pair.sidecar is None:
                return pair
            entry = asked[pair.sidecar]
            priority = known[entry] if entry in known else _priority(pair.sidecar)
            self._priorities[entry] = priority
            return replace(pair, priority=priority)

        return sorted(map(ranked, pairs), key=lambda pair: -pair.priority)

    def _is_held_back(self, pair: Pair, now: float) -> bool:
        refusal = self._untakable.get(pair)
        return refusal is not None and now < refusal.until

    def _tell(self, remarks: Iterable[_Remark]) -> None:
        loud = {remark for remark in remarks if remark.loud}
        for remark in sorted(loud - self._told, key=lambda remark: remark.name):
            logger.bind(file=remark.name).warning(remark.reason)
        self._told = loud


def _priority(sidecar: Path) -> int:
    """What the sidecar asks for; 0 where it is wrong, which its job is told once it is claimed."""
    try:
        return read_options(sidecar, sidecar.name).priority
    except (BadInput, OSError):
        return 0


def _turn(pair: Pair) -> str:
    priority = f", priority {pair.priority}" if pair.priority else ""
    return f"is complete and waits for its turn{priority}"


def _remarks(
    snapshot: Snapshot, settling: Settling, pairing: Pairing, lone_seconds: float
) -> Iterator[_Remark]:
    for path, reason in settling.waiting.items():
        yield _Remark(printable(path.name), reason)
    for entry in pairing.lone:
        if entry.path in settling.settled:
            partner = "video" if entry.kind == "audio" else "audio"
            late = settling.ages[entry.path] >= lone_seconds
            reason = f"has no {partner} of the same name beside it; it waits for one"
            yield _Remark(printable(entry.path.name), reason, late)
    for entry in pairing.astray:
        if entry.path in settling.settled:
            late = settling.ages[entry.path] >= lone_seconds
            reason = "has no audio and video of the same name beside it; it waits for them"
            yield _Remark(printable(entry.path.name), reason, late)
    for group in pairing.ambiguous:
        names = ", ".join(printable(entry.path.name) for entry in group)
        for entry in group:
            reason = f"cannot be paired: several files share this name ({names}); rename them"
            yield _Remark(printable(entry.path.name), reason, True)
    for name in snapshot.folders:
        yield _Remark(
            printable(name), "is a folder; only files in the inbox itself are taken", True
        )
    for name in snapshot.strangers:
        yield _Remark(
            printable(name), "is neither an audio nor a video file; it is left alone", True
        )
