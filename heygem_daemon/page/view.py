"""What the status page shows, made from a status. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from heygem_daemon.report.backlog import CLAIMABLE, WaitFor
from heygem_daemon.report.status import FinishedJob, InboxStatus, JobStatus, Status
from heygem_daemon.spool.names import fold

DAY_SECONDS = 86_400.0

REMEDIES: dict[WaitFor, str] = {
    "upload": "Nothing to do: it starts as soon as it is copied completely.",
    "partner": "Drop the other file with the same name: one sound and one video make a pair.",
    "attention": "Drop what is missing, or rename, replace or delete it in the inbox.",
}
"""What a person can do about an entry of the inbox."""


@dataclass(frozen=True, slots=True)
class Result:
    """A published job."""

    name: str
    finished: str
    """Local time."""

    deleted: str
    """When its files are deleted: local time; empty: never."""

    video: str
    """Relative address of the result. So are the others."""

    thumbnail: str
    """Empty: there is none."""

    report: str


@dataclass(frozen=True, slots=True)
class PageView:
    """The page, as its templates need it."""

    status: Status
    written: str
    """Local time with its zone."""

    running: tuple[JobStatus, ...]
    queue: tuple[JobStatus | InboxStatus, ...]
    """What is complete and waits, the next one first."""

    arriving: tuple[InboxStatus, ...]
    """What is not complete yet, or waits for the other file of its pair."""

    attention: tuple[InboxStatus, ...]
    """What cannot start without a person."""

    results: tuple[Result, ...]
    """The newest first."""

    failures: tuple[FinishedJob, ...]
    """The newest first."""

    retention_days: float

    @property
    def is_stopped(self) -> bool:
        """Whether the daemon ended."""
        return self.status.state == "stopped"


def build_view(
    status: Status, retention_days: float, is_there: Callable[[str], bool] = lambda _path: True
) -> PageView:
    """Return what the page shows of a status. Times are local ones of this machine.

    ``is_there``: whether a path below the spool's root still exists. People delete results, and
    take failed jobs back: these are left out.
    """
    waiting = [job for job in status.jobs if job.state != "running"]
    ready = _entries(status, *CLAIMABLE)
    return PageView(
        status=status,
        written=local_time(status.written),
        running=tuple(job for job in status.jobs if job.state == "running"),
        queue=(*waiting, *ready),
        arriving=tuple(
            sorted(_entries(status, "upload", "partner"), key=lambda each: fold(each.name))
        ),
        attention=_entries(status, "attention"),
        results=tuple(
            _result(job, retention_days, is_there)
            for job in status.finished
            if job.outcome == "published" and is_there(job.path)
        ),
        failures=tuple(
            job for job in status.finished if job.outcome == "failed" and is_there(job.path)
        ),
        retention_days=retention_days,
    )


def remedy_of(entry: InboxStatus) -> str:
    """Return what a person can do about an entry of the inbox; empty if nothing is known."""
    return REMEDIES.get(entry.waits_for, "") if entry.waits_for else ""


def local_time(seconds: float) -> str:
    """Return a UNIX time as local time with its zone, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def address_of(path: str) -> str:
    """Return the address of a file relative to the page, which lies in the root of the spool. It
    can only lead into a folder below: no name is taken for a scheme, a host or a parent."""
    steps = [step for step in path.split("/") if step not in ("", ".", "..")]
    return "/".join(["."] + [quote(step, safe="", errors="surrogateescape") for step in steps])


def _entries(status: Status, *kinds: WaitFor) -> tuple[InboxStatus, ...]:
    return tuple(each for each in status.inbox if each.waits_for in kinds)


def _result(job: FinishedJob, retention_days: float, is_there: Callable[[str], bool]) -> Result:
    path = PurePosixPath(job.path)
    strip = f"{path.with_suffix('')}.png"
    return Result(
        name=job.name,
        finished=local_time(job.finished),
        deleted=local_time(job.finished + retention_days * DAY_SECONDS) if retention_days else "",
        video=address_of(job.path),
        thumbnail=address_of(strip) if is_there(strip) else "",
        report=address_of(f"{path.with_suffix('')}.json"),
    )
