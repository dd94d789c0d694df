"""What waits, in the order in which it goes: for the pages and for ``status``. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.status import BatchStatus, InboxStatus, JobStatus, Status

ORDER_NOTE = "What waits is listed in the last known order; the next daemon may choose another."
"""Said where no daemon runs. Who was served when is known to the daemon that ended alone."""

WaitingEntry = JobStatus | BatchStatus | InboxStatus


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """Something complete that waits."""

    entry: WaitingEntry

    place: int | None
    """Its place, counted from 1; None: it has none, since it is under way, pauses or rests while
    others do not."""


def waiting_in_order(status: Status) -> Iterator[PlacedEntry]:
    """Yield what is complete and waits, the next one first. What pauses, and then what rests, comes
    last, and has no place while others go before it."""
    jobs = (each for each in status.jobs if each.state != "running")
    inbox = (each for each in status.inbox if each.waits_for in CLAIMABLE)
    place, unlisted_jobs = 0, status.unlisted.jobs
    entries: list[WaitingEntry] = [*jobs, *status.batches, *inbox]
    counted = _IN_TURN if _IN_TURN in map(_kind, entries) else _RESTING
    for each in sorted(entries, key=lambda entry: (_kind(entry), by_turn(entry))):
        if _kind(each) != counted:
            yield PlacedEntry(each, None)
            continue
        if isinstance(each, InboxStatus) and each.turn is None:
            place, unlisted_jobs = place + unlisted_jobs, 0
        place += 1
        yield PlacedEntry(each, place)


def by_turn(entry: WaitingEntry) -> int:
    """Sort entries by when they go; those of which that is not known come last."""
    return _LATER if entry.turn is None else entry.turn


def rests(entry: WaitingEntry) -> bool:
    """Return whether an entry waits for the active hours."""
    return entry.waits_for == "hours" if isinstance(entry, InboxStatus) else entry.rests


_UNDER_WAY, _IN_TURN, _PAUSED, _RESTING = range(4)
_LATER = 1 << 31
"""Sorts behind all whose turn is known."""


def _kind(entry: WaitingEntry) -> int:
    if rests(entry):
        return _RESTING
    if isinstance(entry, BatchStatus):
        is_under_way = entry.packing or (bool(entry.now) and entry.turn is None)
        return _UNDER_WAY if is_under_way else _IN_TURN
    if isinstance(entry, JobStatus) and entry.state != "queued":
        return _PAUSED if entry.state == "deferred" else _UNDER_WAY
    return _IN_TURN
