"""What the status page shows, made from a status. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.counts import counted
from heygem_daemon.page.ended import BatchResult, Result, batch_dropped_as, find_results
from heygem_daemon.page.failed import FailedEntry, find_failures
from heygem_daemon.page.forms import exact_time, local_time
from heygem_daemon.page.inbox_lines import InboxLine, inbox_lines
from heygem_daemon.page.standpoint import Standpoint
from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.status import DaemonState, InboxStatus, JobStatus, Status
from heygem_daemon.report.waiting import (
    PlacedEntry,
    cannot_start,
    common_hold,
    none_waits,
    waiting_in_order,
)
from heygem_daemon.spool.names import fold, printable

MAX_INBOXES = 10
"""How many hot folders the page names."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """Something complete that waits for its turn."""

    name: str
    place: int | None
    """Its place, counted from 1; None: others go before it, or it is under way."""

    dropped_as: str
    """The name under which a batch was dropped, where that was taken; empty: it is ``name``."""

    by: str
    """Who dropped it; empty: not known."""

    reason: str
    """Why it waits; never empty."""

    others: int
    """How many jobs of other folders go first. 0 also on the page of all."""

    estimate: str
    """When it starts and is ready; empty: not known."""


@dataclass(frozen=True, slots=True)
class PageView:
    """The page, as its templates need it."""

    status: Status
    written: str
    """Local time with its zone, to the minute; ``written_exactly``: to the second."""

    written_exactly: str

    hold: str | None
    """Why nothing starts."""

    running: tuple[JobStatus, ...]
    batches: tuple[QueueEntry, ...]
    """The batches of which nothing waits any more: the rest is being made."""

    queue: tuple[QueueEntry, ...]
    """What is complete and waits, the next one first."""

    queue_more: int
    """How many more there are."""

    looked_at: tuple[InboxLine, ...]
    """What the daemon is looking at: what lay in the inbox when it started, as long as it may not
    be complete, and what is complete and is being examined. In the order in which it came."""

    looked_at_count: int
    """How many entries that are, and how many of them are not listed: each of these is a file."""

    looked_at_more: int

    arriving: tuple[InboxLine, ...]
    """What is not complete yet, or waits for the other file of its pair, in the order in which it
    came."""

    arriving_count: int
    """How many entries that are, and how many of them are not listed: each of these is a file."""

    arriving_more: int

    attention: tuple[InboxLine, ...]
    """What cannot start without a person, in the order in which it came."""

    attention_count: int
    """How many entries that are, and how many of them are not listed: each of these is a file."""

    attention_more: int

    left_alone: tuple[InboxLine, ...]
    """What no job comes of, in the order in which it came."""

    left_alone_count: int
    """How many files that are, and how many of them are not listed: one entry may name several."""

    left_alone_more: int

    results: tuple[Result | BatchResult, ...]
    """The newest first."""

    failures: tuple[FailedEntry, ...]
    """The newest first, without the cancelled ones."""

    cancelled: tuple[FailedEntry, ...]
    """The newest first."""

    retention_days: float

    folder: str
    """The hot folder whose page it is; empty: it is the page of all."""

    heeds_requests: bool
    """Whether its readers can steer jobs by files in the inbox."""

    inboxes: tuple[str, ...]
    """The inboxes of the hot folders that its readers find, each with its options."""

    option_line: str
    """The options that its own hot folder sets; empty: none."""

    @property
    def is_new(self) -> bool:
        """Whether there is nothing yet of which the page could tell."""
        waiting = self.batches or self.queue or self.looked_at or self.arriving or self.attention
        ended = self.results or self.failures or self.cancelled
        return not (self.running or waiting or ended)

    @property
    def others_run(self) -> bool:
        """Whether a folder's page shows no job although the daemon is at work: on others' jobs."""
        return bool(self.folder) and not self.running and self.status.state == "working"

    @property
    def state(self) -> DaemonState:
        """What the daemon does. Where one job alone waits after a fault, others would start."""
        is_free = self.status.state == "holding" and self.hold is None
        return "idle" if is_free else self.status.state

    @property
    def is_stopped(self) -> bool:
        """Whether the daemon ended."""
        return self.status.state == "stopped"


def build_view(status: Status, standpoint: Standpoint) -> PageView:
    """Return what the page shows of a status. Times are local ones of this machine."""
    status = _without_its_owner(status, standpoint.folder) if standpoint.folder else status
    looked_at = inbox_lines(_entries(status, "look"))
    arriving = inbox_lines(_entries(status, "upload", "partner"))
    attention = inbox_lines(cannot_start(status))
    left_alone = inbox_lines(_entries(status, None))
    failures = find_failures(status, standpoint)
    unlisted = status.unlisted
    waiting = list(waiting_in_order(status))
    has_others = bool(standpoint.folder)
    return PageView(
        status=status,
        written=local_time(status.written),
        written_exactly=exact_time(status.written),
        hold=common_hold(status),
        running=tuple(job for job in status.jobs if job.state == "running"),
        batches=tuple(
            _queue_entry(each, has_others=False) for each in waiting if none_waits(each.entry)
        ),
        queue=tuple(
            _queue_entry(each, has_others=has_others)
            for each in waiting
            if not none_waits(each.entry)
        ),
        queue_more=unlisted.jobs + unlisted.batches + unlisted.ready,
        looked_at=looked_at,
        looked_at_count=len(looked_at) + unlisted.looked_at,
        looked_at_more=unlisted.looked_at,
        arriving=arriving,
        arriving_count=len(arriving) + unlisted.arriving,
        arriving_more=unlisted.arriving,
        attention=attention,
        attention_count=len(attention) + unlisted.attention,
        attention_more=unlisted.attention,
        left_alone=left_alone,
        left_alone_count=len(_entries(status, None)) + unlisted.left_alone,
        left_alone_more=unlisted.left_alone,
        results=find_results(status, standpoint),
        failures=tuple(each for each in failures if not each.cancelled),
        cancelled=tuple(each for each in failures if each.cancelled),
        retention_days=standpoint.retention_days,
        folder=standpoint.folder,
        heeds_requests=standpoint.heeds_requests,
        inboxes=tuple(_name_inboxes(standpoint.hot_folders)),
        option_line=standpoint.option_line,
    )


def others_first(count: int) -> str:
    """Return how many jobs of others go first, in words."""
    return counted(count, "1 job of others goes first", "{count} jobs of others go first")


def days_kept(days: float) -> str:
    """Return for how long files are kept, in words."""
    return counted(days, "1 day", "{count} days")


def _without_its_owner(status: Status, folder: str) -> Status:
    """Return the status of a hot folder without the name of who drops there, where that is the
    folder's own and nobody else does."""
    lists = ("jobs", "batches", "inbox", "finished", "finished_batches", "requests")
    names = {each.dropped_by for name in lists for each in getattr(status, name)} - {""}
    if {*map(fold, names)} != {fold(folder)}:
        return status
    return status.model_copy(
        update={
            name: tuple(e.model_copy(update={"dropped_by": ""}) for e in getattr(status, name))
            for name in lists
        }
    )


def _name_inboxes(folders: Sequence[HotFolder]) -> Iterator[str]:
    """Yield the inboxes of hot folders with their options, the first ones where there are many."""
    for each in sorted(folders, key=lambda each: each.name)[:MAX_INBOXES]:
        yield ": ".join(filter(None, (f"inbox/{printable(each.name)}", each.option_line)))
    if len(folders) > MAX_INBOXES:
        yield "…"


def _queue_entry(waiting: PlacedEntry, *, has_others: bool) -> QueueEntry:
    """Return an entry; with ``has_others`` the page shows one folder's alone."""
    entry = waiting.entry
    others = entry.others if has_others and not isinstance(entry, BatchStatus) else 0
    dropped = batch_dropped_as(entry) if isinstance(entry, BatchStatus) else ""
    return QueueEntry(
        waiting.name,
        waiting.place,
        dropped,
        entry.dropped_by,
        waiting.reason,
        others,
        waiting.estimate,
    )


def _entries(status: Status, *kinds: WaitFor | None) -> tuple[InboxStatus, ...]:
    return tuple(each for each in status.inbox if each.waits_for in kinds)
