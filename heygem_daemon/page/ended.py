"""What the page shows of jobs and batches that have ended. Pure."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from heygem_daemon.page.forms import address_of, local_time
from heygem_daemon.report.finished import FinishedBatch, FinishedJob
from heygem_daemon.report.status import BatchStatus, Status
from heygem_daemon.spool.names import natural_key, printable

DAY_SECONDS = 86_400.0

IsThere = Callable[[str], bool]
"""Whether a path below the spool's root still exists."""


@dataclass(frozen=True, slots=True)
class Result:
    """A published job."""

    name: str
    finished: str
    """Local time."""

    deleted: str
    """When its files are deleted: local time; empty: never, or with its batch."""

    place: str
    """Path of the result, relative to the spool."""

    video: str
    """Relative address of the result. So are the others."""

    thumbnail: str
    """Empty: there is none."""

    report: str

    @property
    def is_batch(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch of which something is published, or that has ended."""

    name: str
    published: int
    """How many of its members are published. ``failed`` and ``of``: how many failed, and how many
    there are."""

    failed: int
    of: int
    finished: str
    """Local time; empty: it is under way."""

    deleted: str
    """When its files are deleted: local time; empty: never, or it is under way."""

    place: str
    """Path of its folder, relative to the spool; empty: not known."""

    folder: str
    """Relative address of its folder. So are the others; empty: there is none."""

    zip: str
    zip_place: str
    """Path of the ZIP, relative to the spool."""

    failures: str
    failures_place: str
    members: tuple[Result, ...]
    """Those of its published members that the status lists, by name."""

    @property
    def is_batch(self) -> bool:
        return True

    @property
    def count(self) -> str:
        """How far it came, in words."""
        done = f"{self.published} of {self.of} published"
        return f"{done}, {self.failed} failed" if self.failed else done

    @property
    def unlisted(self) -> int:
        """How many more members are published."""
        return max(0, self.published - len(self.members))


@dataclass(frozen=True, slots=True)
class FailedEntry:
    """A failed job."""

    name: str
    """With the batch's name and a slash before it for a member of a batch."""

    finished: str
    deleted: str
    place: str
    """Path of its folder, relative to the spool."""

    folder: str
    """Relative address of its folder; empty: the page can lead to none."""

    reason: str


def find_results(
    status: Status, retention_days: float, is_there: IsThere
) -> tuple[Result | BatchResult, ...]:
    """Return the published jobs and the batches, the newest first. A batch is one entry. What
    people have deleted is left out."""
    singles: list[tuple[float, Result | BatchResult]] = []
    members: defaultdict[str, list[FinishedJob]] = defaultdict(list)
    for job in status.finished:
        if job.outcome != "published" or not is_there(job.path):
            continue
        if job.batch_id:
            members[job.batch_id].append(job)
        else:
            singles.append((job.finished, _result(job, retention_days, is_there)))
    batches = [
        (batch.finished, _ended_batch(batch, members.pop(batch.id, []), retention_days, is_there))
        for batch in status.finished_batches
        if is_there(batch.path)
    ]
    under_way = {batch.id: batch for batch in status.batches}
    for batch_id, found in members.items():
        entry = _open_batch(under_way.get(batch_id), found, is_there)
        batches.append((max(job.finished for job in found), entry))
    return tuple(entry for _, entry in sorted([*singles, *batches], key=lambda each: -each[0]))


def find_failures(
    status: Status, retention_days: float, is_there: IsThere
) -> tuple[FailedEntry, ...]:
    """Return the failed jobs, the newest first. Those that people have deleted or taken back are
    left out."""
    return tuple(
        FailedEntry(
            name=_full_name(job),
            finished=local_time(job.finished),
            deleted=_deletion(job.finished, retention_days),
            place=printable(job.path),
            folder=f"{address_of(job.path)}/",
            reason=job.reason or "",
        )
        for job in status.finished
        if job.outcome == "failed" and is_there(job.path)
    )


def _ended_batch(
    batch: FinishedBatch, members: Sequence[FinishedJob], retention_days: float, is_there: IsThere
) -> BatchResult:
    return BatchResult(
        name=_in_folder(batch.folder, batch.name),
        published=batch.published,
        failed=batch.failed,
        of=batch.members,
        finished=local_time(batch.finished),
        deleted=_deletion(batch.finished, retention_days),
        place=printable(batch.path),
        folder=f"{address_of(batch.path)}/",
        zip=address_of(batch.zip) if batch.zip and is_there(batch.zip) else "",
        zip_place=printable(batch.zip),
        failures=_folder_address(batch.failures, is_there),
        failures_place=printable(batch.failures),
        members=_members(members, is_there),
    )


def _open_batch(
    batch: BatchStatus | None, members: Sequence[FinishedJob], is_there: IsThere
) -> BatchResult:
    """Return a batch under way; None: the status does not list it."""
    place = str(PurePosixPath(members[0].path).parent)
    return BatchResult(
        name=_in_folder(members[0].folder, members[0].batch),
        published=batch.published if batch else len(members),
        failed=batch.failed if batch else 0,
        of=batch.members if batch else len(members),
        finished="",
        deleted="",
        place=printable(place),
        folder=f"{address_of(place)}/",
        zip="",
        zip_place="",
        failures="",
        failures_place="",
        members=_members(members, is_there),
    )


def _members(jobs: Sequence[FinishedJob], is_there: IsThere) -> tuple[Result, ...]:
    by_name = sorted(jobs, key=lambda job: natural_key(job.name))
    results = (_result(job, 0.0, is_there) for job in by_name)
    return tuple(
        replace(each, name=_own_name(job)) for each, job in zip(results, by_name, strict=True)
    )


def _result(job: FinishedJob, retention_days: float, is_there: IsThere) -> Result:
    path = PurePosixPath(job.path)
    strip = f"{path.with_suffix('')}.png"
    return Result(
        name=job.name,
        finished=local_time(job.finished),
        deleted=_deletion(job.finished, retention_days),
        place=printable(job.path),
        video=address_of(job.path),
        thumbnail=address_of(strip) if is_there(strip) else "",
        report=address_of(f"{path.with_suffix('')}.json"),
    )


def _full_name(job: FinishedJob) -> str:
    """Return the name of a job with those of its hot folder and its batch before it."""
    return _in_folder(job.folder, f"{job.batch}/{_own_name(job)}") if job.batch else job.name


def _own_name(job: FinishedJob) -> str:
    return job.name.removeprefix(f"{job.folder}/")


def _in_folder(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _folder_address(path: str, is_there: IsThere) -> str:
    return f"{address_of(path)}/" if path and is_there(path) else ""


def _deletion(ended: float, retention_days: float) -> str:
    """Return when what ended at UNIX time ``ended`` is deleted; empty: never."""
    return local_time(ended + retention_days * DAY_SECONDS) if retention_days else ""
