"""What is said of things in the inbox that wait. Pure.

What in the inbox may be claimed, and in which order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.spool.claim import read_sidecar
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


@dataclass(frozen=True, slots=True)
class InboxNotice:
    """Something in the inbox that waits; ``loud`` for what a person has to see to."""

    name: str
    reason: str
    is_warning: bool = False


def find_inbox_notices(
    snapshot: FolderSnapshot, settling: SettleResult, pairing: Pairing, lone_seconds: float
) -> Iterator[InboxNotice]:
    """One for each file that is in no settled pair."""
    for path, reason in settling.waiting_reasons.items():
        yield InboxNotice(printable(path.name), reason)
    for entry in pairing.lone_files:
        if entry.path in settling.settled:
            partner = "video" if entry.kind == "audio" else "audio"
            late = settling.age_seconds[entry.path] >= lone_seconds
            reason = f"has no {partner} of the same name beside it; it waits for one"
            yield InboxNotice(printable(entry.path.name), reason, late)
    for entry in pairing.lone_sidecars:
        if entry.path in settling.settled:
            late = settling.age_seconds[entry.path] >= lone_seconds
            reason = "has no audio and video of the same name beside it; it waits for them"
            yield InboxNotice(printable(entry.path.name), reason, late)
    for group in pairing.ambiguous_groups:
        names = ", ".join(printable(entry.path.name) for entry in group)
        for entry in group:
            reason = f"cannot be paired: several files share this name ({names}); rename them"
            yield InboxNotice(printable(entry.path.name), reason, True)
    for name in snapshot.unsupported_files:
        yield InboxNotice(
            printable(name), "is neither an audio nor a video file; it is left alone", True
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something complete: a pair, or a folder that is a batch. ``arrived`` is when the last part of
    it came, in ns by the disk; ``name`` is printable."""

    name: str
    source: Pair | Path
    priority: int
    arrived_ns: int

    @property
    def wait_reason(self) -> str:
        """What it waits for, in words."""
        priority = f", priority {self.priority}" if self.priority else ""
        kind = "" if isinstance(self.source, Pair) else "is a batch, "
        return f"{kind}is complete and waits for its turn{priority}"


def sort_candidates(offers: Iterable[Candidate]) -> list[Candidate]:
    """The highest priority first; equals as they came."""
    return sorted(offers, key=lambda offer: (-offer.priority, offer.arrived_ns, offer.name))


class SidecarPriorities:
    """What sidecars in the inbox ask for; each is read once as long as it does not change."""

    def __init__(self) -> None:
        self._priorities: dict[FileEntry, int] = {}

    def keep_only(self, sidecars: Iterable[FileEntry]) -> None:
        """Forget all others."""
        self._priorities = {
            each: self._priorities[each] for each in sidecars if each in self._priorities
        }

    def read_priority(self, sidecar: FileEntry) -> int:
        """The priority that it asks for; 0 where it is wrong, which its job is told of later."""
        if sidecar not in self._priorities:
            try:
                asked = read_sidecar(sidecar.path, sidecar.path.name).priority
            except (BadInput, OSError):
                asked = 0
            self._priorities[sidecar] = asked
        return self._priorities[sidecar]
