"""What is said of things in the inbox that wait. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.spool.inbox import Snapshot
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
