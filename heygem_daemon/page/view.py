"""What the status page shows, made from a status. Pure."""

from dataclasses import dataclass

from heygem_daemon.page.ended import (
    BatchResult,
    FailedEntry,
    Result,
    Standpoint,
    find_failures,
    find_results,
)
from heygem_daemon.page.forms import local_time
from heygem_daemon.report.backlog import CLAIMABLE, WaitFor
from heygem_daemon.report.status import InboxStatus, JobStatus, Status
from heygem_daemon.spool.names import fold

REMEDIES: dict[WaitFor, str] = {
    "upload": "Nothing to do: it starts as soon as it is copied completely.",
    "partner": "Drop the other file with the same name: one sound and one video make a pair.",
    "attention": "Drop what is missing, or rename, replace or delete it in the inbox.",
}
"""What a person can do about an entry of the inbox."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """Something complete that waits for its turn."""

    name: str
    reason: str
    """Why it waits; empty: for its turn alone."""

    others: int
    """How many jobs of other folders go first. 0 also on the page of all."""

    estimate: str
    """When it starts and is ready; empty: not known."""


@dataclass(frozen=True, slots=True)
class PageView:
    """The page, as its templates need it."""

    status: Status
    written: str
    """Local time with its zone."""

    running: tuple[JobStatus, ...]
    queue: tuple[QueueEntry, ...]
    """What is complete and waits, the next one first."""

    arriving: tuple[InboxStatus, ...]
    """What is not complete yet, or waits for the other file of its pair."""

    attention: tuple[InboxStatus, ...]
    """What cannot start without a person."""

    results: tuple[Result | BatchResult, ...]
    """The newest first."""

    failures: tuple[FailedEntry, ...]
    """The newest first."""

    retention_days: float

    folder: str
    """The hot folder whose page it is; empty: it is the page of all."""

    @property
    def is_stopped(self) -> bool:
        """Whether the daemon ended."""
        return self.status.state == "stopped"


def build_view(status: Status, standpoint: Standpoint) -> PageView:
    """Return what the page shows of a status. Times are local ones of this machine."""
    waiting = (job for job in status.jobs if job.state != "running")
    complete: list[JobStatus | InboxStatus] = [*waiting, *_entries(status, *CLAIMABLE)]
    return PageView(
        status=status,
        written=local_time(status.written),
        running=tuple(job for job in status.jobs if job.state == "running"),
        queue=tuple(
            QueueEntry(
                each.name, each.reason or "", each.others if standpoint.folder else 0, each.estimate
            )
            for each in complete
        ),
        arriving=tuple(
            sorted(_entries(status, "upload", "partner"), key=lambda each: fold(each.name))
        ),
        attention=_entries(status, "attention"),
        results=find_results(status, standpoint),
        failures=find_failures(status, standpoint),
        retention_days=standpoint.retention_days,
        folder=standpoint.folder,
    )


def others_first(count: int) -> str:
    """Return how many jobs of others go first, in words."""
    return "1 job of others goes first" if count == 1 else f"{count} jobs of others go first"


def remedy_of(entry: InboxStatus) -> str:
    """Return what a person can do about an entry of the inbox; empty if nothing is known."""
    return entry.remedy or (REMEDIES.get(entry.waits_for, "") if entry.waits_for else "")


def _entries(status: Status, *kinds: WaitFor) -> tuple[InboxStatus, ...]:
    return tuple(each for each in status.inbox if each.waits_for in kinds)
