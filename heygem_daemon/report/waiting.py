"""What waits, in the order in which it goes, and why: for the pages and for ``status``. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from heygem_daemon.durations import time_of_day
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import InboxStatus, JobStatus, Status

ORDER_NOTE = "What waits is listed in the last known order, which may change once it runs again."
"""Said where no daemon runs. Who was served when is known to the daemon that ended alone."""

TURN = "waits for its turn"
"""Said of what waits for nothing but others that go first: its place says how many."""

OTHERS_FIRST = "pauses, so that others have their turn"

PUBLISHING = "its result is being published"

WaitingEntry = JobStatus | BatchStatus | InboxStatus


@dataclass(frozen=True, slots=True)
class PlacedEntry:
    """Something complete that waits."""

    entry: WaitingEntry

    place: int | None
    """Its place, counted from 1; None: it has none, since it is under way, pauses or rests while
    others do not."""

    @property
    def name(self) -> str:
        """Its name; that of a batch, or of a folder in the inbox, ends with a slash."""
        is_job = isinstance(self.entry, JobStatus)
        is_pair = isinstance(self.entry, InboxStatus) and not self.entry.is_batch
        return self.entry.name if is_job or is_pair else f"{self.entry.name}/"

    @property
    def reason(self) -> str:
        """Why it waits; never empty."""
        return wait_reason(self.entry)

    @property
    def estimate(self) -> str:
        """When it starts and is ready, in words; empty: not known."""
        return self.entry.estimate


def wait_reason(entry: WaitingEntry) -> str:
    """Return why something complete waits, in the words of all that shows it, without a full stop:
    more may follow. Never empty."""
    return _reason(entry).removesuffix(".")


def _reason(entry: WaitingEntry) -> str:
    if isinstance(entry, BatchStatus):
        has_reason = entry.now or entry.waits or entry.has_ended
        return entry.progress if has_reason else f"{entry.progress}; {TURN}"
    if isinstance(entry, InboxStatus):
        return _with_priority(entry.reason, entry.priority)
    if entry.reason and entry.retry_at is not None:
        return f"waits until {time_of_day(entry.retry_at)} because {_clause(entry.reason)}"
    own = PUBLISHING if entry.state == "publishing" else TURN
    reason = _with_priority(entry.reason or own, entry.priority)
    if entry.state == "paused":
        # That others go first says why it waits for its turn.
        more = [] if entry.reason in (None, TURN) else [reason]
        return "; ".join([pause_reason(entry.percent, entry.first), *more])
    return "; ".join([reason, f"done so far: {entry.percent} %"]) if entry.percent else reason


def pause_reason(percent: int | None, first: str) -> str:
    """Return why a job waits that made room for another one, and how far it came. ``first``: the
    name of that one; empty: it is not known, or nobody's business."""
    if percent and first:
        return f"pauses at {percent} %, so that {first} goes first"
    if percent:
        return f"pauses at {percent} %, so that others have their turn"
    return f"pauses, so that {first} goes first" if first else OTHERS_FIRST


def _with_priority(reason: str, priority: int) -> str:
    """Return a reason with the priority, where others go before or after because of it."""
    return reason + (f", priority {priority}" if priority and reason == TURN else "")


def _clause(sentence: str) -> str:
    """Return the sentence as it can follow 'because'. A name such as GPU at its start stays upper
    case."""
    starts_with_word = sentence[:2].istitle() or sentence[:2] in {"A ", "I "}
    start = sentence[:1].lower() if starts_with_word else sentence[:1]
    return (start + sentence[1:]).removesuffix(".")


def common_hold(status: Status) -> str | None:
    """Return why nothing starts; None: something would. A job that waits alone after a fault of its
    own keeps no other one from starting, and says itself why it waits."""
    claimed = sum(status.backlog.claimed.values())
    own = [job for job in status.jobs if job.state in ("deferred", "publishing")]
    is_own = claimed == 1 and any(job.reason == status.hold for job in own)
    return None if is_own else status.hold


def cannot_start(status: Status) -> tuple[InboxStatus, ...]:
    """Return what a person has to act on: files in the inbox, the claimed jobs whose sidecar is
    wrong, and the requests whose options are."""
    jobs = (
        InboxStatus(
            name=job.name,
            reason=job.reason or "",
            waits_for="attention",
            dropped_by=job.dropped_by,
        )
        for job in status.jobs
        if job.is_mistaken
    )
    requests = (
        InboxStatus(
            name=each.name,
            reason=each.text,
            waits_for="attention",
            folder=each.folder,
            dropped_by=each.dropped_by,
        )
        for each in status.requests
        if each.needs_person
    )
    return (*(each for each in status.inbox if each.waits_for == "attention"), *jobs, *requests)


def all_in_order(status: Status) -> list[WaitingEntry]:
    """Return what is complete and does not run, the next one first, also what cannot start as it
    is."""
    jobs = (each for each in status.jobs if each.state != "running")
    inbox = (each for each in status.inbox if each.waits_for in CLAIMABLE)
    entries: list[WaitingEntry] = [*jobs, *status.batches, *inbox]
    return sorted(entries, key=lambda entry: (_kind(entry), by_turn(entry)))


def waiting_in_order(status: Status) -> Iterator[PlacedEntry]:
    """Yield what is complete and waits, the next one first. What pauses, and then what rests, comes
    last, and has no place while others go before it. What cannot start is no part of this."""
    entries = [each for each in all_in_order(status) if not _is_mistaken(each)]
    place, unlisted_jobs = 0, status.unlisted.jobs
    counted = _IN_TURN if _IN_TURN in map(_kind, entries) else _RESTING
    for each in entries:
        if _kind(each) != counted:
            yield PlacedEntry(each, None)
            continue
        if isinstance(each, InboxStatus) and each.turn is None:
            place, unlisted_jobs = place + unlisted_jobs, 0
        place += 1
        yield PlacedEntry(each, place)


def none_waits(entry: WaitingEntry) -> bool:
    """Return whether this is a batch none of whose members waits: all that have not ended are being
    rendered."""
    if not isinstance(entry, BatchStatus):
        return False
    at_work = entry.published + entry.failed + len(entry.now)
    return entry.packing or (bool(entry.now) and at_work >= entry.members)


def by_turn(entry: WaitingEntry) -> int:
    """Sort entries by when they go; those of which that is not known come last."""
    return _LATER if entry.turn is None else entry.turn


def rests(entry: WaitingEntry) -> bool:
    """Return whether an entry waits for the active hours."""
    return entry.waits_for == "hours" if isinstance(entry, InboxStatus) else entry.rests


def _is_mistaken(entry: WaitingEntry) -> bool:
    return not isinstance(entry, BatchStatus) and entry.is_mistaken


_UNDER_WAY, _IN_TURN, _PAUSED, _RESTING = range(4)
_LATER = 1 << 31
"""Sorts behind all whose turn is known."""


def _kind(entry: WaitingEntry) -> int:
    if rests(entry):
        return _RESTING
    if isinstance(entry, BatchStatus):
        is_under_way = entry.packing or (bool(entry.now) and entry.turn is None)
        return _UNDER_WAY if is_under_way else _IN_TURN
    if isinstance(entry, JobStatus) and entry.state not in ("queued", "paused"):
        return _PAUSED if entry.state == "deferred" else _UNDER_WAY
    return _IN_TURN
