"""What the page shows of failed and cancelled jobs and batches. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from heygem_daemon.page.ended import (
    batch_dropped_as,
    count_members,
    has_failures,
    job_dropped_as,
    later_batches,
    still_there,
)
from heygem_daemon.page.forms import local_time
from heygem_daemon.page.standpoint import Standpoint, in_folder, own_name
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from heygem_daemon.report.status import Status
from heygem_daemon.spool.names import natural_key


@dataclass(frozen=True, slots=True)
class FailedEntry:
    """A failed job, or what failed of a batch."""

    name: str
    """That of a batch ends with a slash."""

    dropped_as: str
    """The name under which it was dropped, where that was taken; empty: it is ``name``."""

    finished: str
    """Local time; empty: the batch is under way."""

    deleted: str
    """When its files are deleted: local time; empty: never, with its batch, or not known yet."""

    place: str
    """Path of its folder, relative to the spool."""

    folder: str
    """Relative address of its folder; empty: the page can lead to none."""

    reason: str
    """Why it failed; of a batch, why all listed members did. Empty: they failed for several
    reasons."""

    remedy: str = ""
    """What a person can do about that reason; empty: not known."""

    cancelled: bool = False
    """Whether it did so since somebody cancelled it; of a batch, whether all that failed did."""

    count: str = ""
    """How far a batch came, in words; empty: it is a job."""

    by: str = ""
    """Who dropped it; empty: not known, or its batch says so."""

    later: str = ""
    """The name of the batch that the same person dropped last under the same name, where that came
    later; empty: this is the last one, or a job."""

    made: str = ""
    """Path of the video that the same person had made later under the same name, relative to the
    spool; empty: there is none, or it is a batch."""

    members: tuple["FailedEntry", ...] = ()
    """Those of a batch's failed members that the status lists, by name."""

    unlisted: int = 0
    """How many more members failed."""


def find_failures(status: Status, standpoint: Standpoint) -> tuple[FailedEntry, ...]:
    """Return the failed jobs, and for each batch one entry of what failed, the newest first. What
    people have deleted or taken back is left out."""
    found: list[tuple[float, FailedEntry]] = []
    members: defaultdict[str, list[FinishedJob]] = defaultdict(list)
    made = _made_since(status, standpoint)
    for job in still_there(status.finished, "failed", standpoint):
        if job.batch_id:
            members[job.batch_id].append(job)
            continue
        again = made.get((job.name, job.dropped_by))
        is_later = again is not None and again.finished > job.finished
        place = standpoint.place(again.path) if again is not None and is_later else ""
        found.append((job.finished, replace(_failed_job(job, standpoint), made=place)))
    later = later_batches(status, standpoint)
    for batch in status.finished_batches:
        failed = members.pop(batch.id, [])
        if has_failures(batch, status, standpoint):
            entry = _failed_batch(batch, failed, standpoint)
            found.append((batch.finished, replace(entry, later=later.get(batch.id, ""))))
    under_way = {batch.id: batch for batch in status.batches}
    for batch_id, failed in members.items():
        entry = _open_batch(under_way.get(batch_id), failed, standpoint)
        found.append((max(job.finished for job in failed), entry))
    return tuple(entry for _, entry in sorted(found, key=lambda each: -each[0]))


def _made_since(status: Status, standpoint: Standpoint) -> dict[tuple[str, str], FinishedJob]:
    """Return the last single job that was published of each name and each person."""
    found: dict[tuple[str, str], FinishedJob] = {}
    for job in still_there(status.finished, "published", standpoint):
        if not job.batch_id:
            found.setdefault((job.name, job.dropped_by), job)
    return found


def _failed_job(job: FinishedJob, standpoint: Standpoint) -> FailedEntry:
    return FailedEntry(
        name=standpoint.name(job),
        dropped_as=job_dropped_as(job),
        finished=local_time(job.finished),
        deleted=standpoint.deletion(job.finished),
        place=standpoint.place(job.path),
        folder=standpoint.folder_address(job.path),
        reason=job.reason or "",
        remedy=job.remedy,
        cancelled=job.cancelled,
        by="" if job.batch_id else job.dropped_by,
    )


def _failed_batch(
    batch: FinishedBatch, failed: Sequence[FinishedJob], standpoint: Standpoint
) -> FailedEntry:
    return FailedEntry(
        name=f"{batch.name if standpoint.folder else in_folder(batch.folder, batch.name)}/",
        dropped_as=batch_dropped_as(batch),
        finished=local_time(batch.finished),
        deleted=standpoint.deletion(batch.finished),
        place=standpoint.place(batch.failures),
        folder=standpoint.folder_address(batch.failures),
        reason=_common(job.reason or "" for job in failed),
        remedy=_common(job.remedy for job in failed),
        cancelled=batch.cancelled == batch.failed,
        by=batch.dropped_by,
        count=count_members(batch.published, batch.failed, batch.cancelled, batch.members),
        members=_members(failed, standpoint),
        unlisted=max(0, batch.failed - len(failed)),
    )


def _open_batch(
    batch: BatchStatus | None, failed: Sequence[FinishedJob], standpoint: Standpoint
) -> FailedEntry:
    """Return what failed of a batch under way; None: the status does not list it."""
    first = failed[0]
    place = str(PurePosixPath(first.path).parent)
    number, cancelled = len(failed), sum(job.cancelled for job in failed)
    return FailedEntry(
        name=f"{first.batch if standpoint.folder else in_folder(first.folder, first.batch)}/",
        dropped_as=batch_dropped_as(batch),
        finished="" if batch else local_time(max(job.finished for job in failed)),
        deleted="",
        place=standpoint.place(place),
        folder=standpoint.folder_address(place),
        reason=_common(job.reason or "" for job in failed),
        remedy=_common(job.remedy for job in failed),
        cancelled=batch.cancelled == batch.failed if batch else cancelled == number,
        by=first.dropped_by,
        count=count_members(batch.published, batch.failed, batch.cancelled, batch.members)
        if batch
        else count_members(0, number, cancelled, number),
        members=_members(failed, standpoint),
        unlisted=max(0, batch.failed - number) if batch else 0,
    )


def _common(texts: Iterable[str]) -> str:
    """Return the text that is said of all of them; empty: there are several."""
    found = set(texts)
    return found.pop() if len(found) == 1 else ""


def _members(failed: Sequence[FinishedJob], standpoint: Standpoint) -> tuple[FailedEntry, ...]:
    """Return the members by name. They are deleted with their batch."""
    with_batch = replace(standpoint, retention_days=0.0)
    return tuple(
        replace(_failed_job(job, with_batch), name=own_name(job))
        for job in sorted(failed, key=lambda job: natural_key(job.name))
    )
