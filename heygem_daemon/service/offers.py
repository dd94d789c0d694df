"""What in the inbox may be claimed, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.claim import read_options
from heygem_daemon.spool.inbox import Entry
from heygem_daemon.spool.job import Pair


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
