"""What is said of things in the inbox that wait. Pure.

What in the inbox may be claimed, and in which order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.claim import read_options
from heygem_daemon.spool.inbox import Entry, Snapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import Settling


@dataclass(frozen=True, slots=True)
class Remark:
    """Something in the inbox that waits; ``loud`` for what a person has to see to."""

    name: str
    reason: str
    loud: bool = False


def remarks_on(
    snapshot: Snapshot, settling: Settling, pairing: Pairing, lone_seconds: float
) -> Iterator[Remark]:
    """One for each file that is in no settled pair."""
    for path, reason in settling.waiting.items():
        yield Remark(printable(path.name), reason)
    for entry in pairing.lone:
        if entry.path in settling.settled:
            partner = "video" if entry.kind == "audio" else "audio"
            late = settling.ages[entry.path] >= lone_seconds
            reason = f"has no {partner} of the same name beside it; it waits for one"
            yield Remark(printable(entry.path.name), reason, late)
    for entry in pairing.astray:
        if entry.path in settling.settled:
            late = settling.ages[entry.path] >= lone_seconds
            reason = "has no audio and video of the same name beside it; it waits for them"
            yield Remark(printable(entry.path.name), reason, late)
    for group in pairing.ambiguous:
        names = ", ".join(printable(entry.path.name) for entry in group)
        for entry in group:
            reason = f"cannot be paired: several files share this name ({names}); rename them"
            yield Remark(printable(entry.path.name), reason, True)
    for name in snapshot.strangers:
        yield Remark(
            printable(name), "is neither an audio nor a video file; it is left alone", True
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """Something complete: a pair, or a folder that is a batch. ``arrived`` is when the last part of
    it came, in ns by the disk; ``name`` is printable."""

    name: str
    what: Pair | Path
    priority: int
    arrived: int

    @property
    def turn(self) -> str:
        """What it waits for, in words."""
        priority = f", priority {self.priority}" if self.priority else ""
        kind = "" if isinstance(self.what, Pair) else "is a batch, "
        return f"{kind}is complete and waits for its turn{priority}"


def in_order(offers: Iterable[Offer]) -> list[Offer]:
    """The highest priority first; equals as they came."""
    return sorted(offers, key=lambda offer: (-offer.priority, offer.arrived, offer.name))


class Priorities:
    """What sidecars in the inbox ask for; each is read once as long as it does not change."""

    def __init__(self) -> None:
        self._known: dict[Entry, int] = {}

    def keep(self, sidecars: Iterable[Entry]) -> None:
        """Forget all others."""
        self._known = {each: self._known[each] for each in sidecars if each in self._known}

    def of(self, sidecar: Entry) -> int:
        """The priority that it asks for; 0 where it is wrong, which its job is told of later."""
        if sidecar not in self._known:
            try:
                asked = read_options(sidecar.path, sidecar.path.name).priority
            except (BadInput, OSError):
                asked = 0
            self._known[sidecar] = asked
        return self._known[sidecar]
