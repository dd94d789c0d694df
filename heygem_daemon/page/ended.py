"""What the page shows of results, and how it names what has ended. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from heygem_daemon.page.forms import local_time
from heygem_daemon.page.standpoint import Standpoint, in_folder, own_name
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch, FinishedJob, Outcome
from heygem_daemon.report.status import Status
from heygem_daemon.spool.names import natural_key


@dataclass(frozen=True, slots=True)
class Result:
    """A published job."""

    name: str
    dropped_as: str
    """The name under which it was dropped, where that was taken; empty: it is ``name``."""

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
    """Empty: there is none."""

    by: str
    """Who dropped it; empty: not known, or its batch says so."""

    warning: str
    """What people should know of it; empty: nothing."""

    @property
    def report_name(self) -> str:
        """Name of the report, which is beside the result; empty: there is none."""
        return self._beside(".json") if self.report else ""

    @property
    def strip_name(self) -> str:
        """Name of the before/after picture beside the result; empty: there is none."""
        return self._beside(".png") if self.thumbnail else ""

    def _beside(self, suffix: str) -> str:
        return PurePosixPath(self.place).with_suffix(suffix).name

    @property
    def is_batch(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """A batch of which something is published, or that has ended."""

    name: str
    dropped_as: str
    """The name under which it was dropped, where that was taken; empty: it is ``name``."""

    published: int
    """How many of its members are published. ``failed``, ``cancelled`` and ``of``: how many failed,
    how many of these were cancelled, and how many there are."""

    failed: int
    cancelled: int
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
    by: str
    """Who dropped it; empty: not known."""

    later: str
    """The name of what the same person dropped last under the same name, where that came later;
    empty: this is the last one."""

    members: tuple[Result, ...]
    """Those of its published members that the status lists, by name."""

    @property
    def is_batch(self) -> bool:
        return True

    @property
    def count(self) -> str:
        """How far it came, in words."""
        return count_members(self.published, self.failed, self.cancelled, self.of)

    @property
    def unlisted(self) -> int:
        """How many more members are published."""
        return max(0, self.published - len(self.members))


def count_members(published: int, failed: int, cancelled: int, of: int) -> str:
    """Return how far a batch came, in words. ``cancelled``: how many of those that failed were."""
    done, failed = f"{published} of {of} published", failed - cancelled
    if failed and cancelled:
        return f"{done}, {failed} failed, {cancelled} cancelled"
    if cancelled:
        return f"{done}, {cancelled} cancelled"
    return f"{done}, {failed} failed" if failed else done


def find_results(status: Status, standpoint: Standpoint) -> tuple[Result | BatchResult, ...]:
    """Return the published jobs, and the batches of which something is published, the newest first.
    A batch is one entry. What people have deleted is left out."""
    singles: list[tuple[float, Result | BatchResult]] = []
    members: defaultdict[str, list[FinishedJob]] = defaultdict(list)
    for job in still_there(status.finished, "published", standpoint):
        if job.batch_id:
            members[job.batch_id].append(job)
        else:
            singles.append((job.finished, _result(job, standpoint)))
    later = later_batches(status, standpoint)
    batches = [
        (
            batch.finished,
            replace(
                _ended_batch(
                    batch,
                    members.pop(batch.id, []),
                    standpoint,
                    has_failures=has_failures(batch, status, standpoint),
                ),
                later=later.get(batch.id, ""),
            ),
        )
        for batch in status.finished_batches
        if batch.published and standpoint.is_there(batch.path) and standpoint.has(batch)
    ]
    under_way = {batch.id: batch for batch in status.batches}
    for batch_id, found in members.items():
        entry = _open_batch(under_way.get(batch_id), found, standpoint)
        batches.append((max(job.finished for job in found), entry))
    return tuple(entry for _, entry in sorted([*singles, *batches], key=lambda each: -each[0]))


def later_batches(status: Status, standpoint: Standpoint) -> dict[str, str]:
    """Return the name of the last batch that the same person dropped under the same name, by the
    ids of those that came before: as when what failed of one is made again."""
    groups: defaultdict[tuple[str, ...], list[FinishedBatch | BatchStatus]] = defaultdict(list)
    batches: list[FinishedBatch | BatchStatus] = [*status.finished_batches, *status.batches]
    for each in batches:
        if dropped := each.dropped_as.removeprefix(f"{each.folder}/"):
            groups[each.folder, dropped, each.dropped_by].append(each)
    found: dict[str, str] = {}
    for group in groups.values():
        *earlier, last = sorted(group, key=lambda each: each.id)
        name = standpoint.batch_name(last)
        found |= {each.id: name for each in earlier if standpoint.batch_name(each) != name}
    return found


def has_failures(batch: FinishedBatch, status: Status, standpoint: Standpoint) -> bool:
    """Return whether what failed of a batch is there, as far as the status lists it: it was neither
    deleted nor taken back."""
    if not (batch.failures and standpoint.is_there(batch.failures) and standpoint.has(batch)):
        return False
    listed = [e for e in status.finished if e.batch_id == batch.id and e.outcome == "failed"]
    return len(listed) < batch.failed or any(map(standpoint.has, listed))


def still_there(
    jobs: Sequence[FinishedJob], outcome: Outcome, standpoint: Standpoint
) -> Iterator[FinishedJob]:
    """Yield the jobs that ended like this and whose files are there. Where one has taken the place
    of another, as after a retry, the last one counts."""
    seen: set[str] = set()
    for job in jobs:
        if job.outcome != outcome or job.path in seen or not standpoint.is_there(job.path):
            continue
        if standpoint.has(job):
            seen |= {job.path} - {""}
            yield job


def _ended_batch(
    batch: FinishedBatch,
    members: Sequence[FinishedJob],
    standpoint: Standpoint,
    *,
    has_failures: bool,
) -> BatchResult:
    failures = batch.failures if has_failures else ""
    return BatchResult(
        name=batch.name if standpoint.folder else in_folder(batch.folder, batch.name),
        dropped_as=batch_dropped_as(batch),
        published=batch.published,
        failed=batch.failed,
        cancelled=batch.cancelled,
        of=batch.members,
        finished=local_time(batch.finished),
        deleted=standpoint.deletion(batch.finished),
        place=standpoint.place(batch.path),
        folder=standpoint.folder_address(batch.path),
        zip=standpoint.address(batch.zip),
        zip_place=standpoint.place(batch.zip) if standpoint.address(batch.zip) else "",
        failures=standpoint.folder_address(failures),
        failures_place=standpoint.place(failures) if failures else "",
        by=batch.dropped_by,
        later="",
        members=_members(members, standpoint),
    )


def _open_batch(
    batch: BatchStatus | None, members: Sequence[FinishedJob], standpoint: Standpoint
) -> BatchResult:
    """Return a batch under way; None: the status does not list it."""
    place, name = str(PurePosixPath(members[0].path).parent), members[0].batch
    return BatchResult(
        name=name if standpoint.folder else in_folder(members[0].folder, name),
        dropped_as=batch_dropped_as(batch),
        published=batch.published if batch else len(members),
        failed=batch.failed if batch else 0,
        cancelled=batch.cancelled if batch else 0,
        of=batch.members if batch else len(members),
        finished="",
        deleted="",
        place=standpoint.place(place),
        folder=standpoint.folder_address(place),
        zip="",
        zip_place="",
        failures="",
        failures_place="",
        by=members[0].dropped_by,
        later="",
        members=_members(members, standpoint),
    )


def _members(jobs: Sequence[FinishedJob], standpoint: Standpoint) -> tuple[Result, ...]:
    by_name = sorted(jobs, key=lambda job: natural_key(job.name))
    results = (_result(job, replace(standpoint, retention_days=0.0)) for job in by_name)
    named = zip(results, map(own_name, by_name), strict=True)
    return tuple(replace(result, name=name) for result, name in named)


def _result(job: FinishedJob, standpoint: Standpoint) -> Result:
    path = PurePosixPath(job.path).with_suffix("")
    return Result(
        name=standpoint.name(job),
        dropped_as=job_dropped_as(job),
        finished=local_time(job.finished),
        deleted=standpoint.deletion(job.finished),
        place=standpoint.place(job.path),
        video=standpoint.address(job.path),
        thumbnail=standpoint.address(f"{path}.png"),
        report=standpoint.address(f"{path}.json"),
        by="" if job.batch_id else job.dropped_by,
        warning=job.warning,
    )


def job_dropped_as(job: FinishedJob) -> str:
    """Return the name that a job had in the inbox, where its result, or its folder in failed/, has
    another one."""
    dropped = job.name.removeprefix(f"{job.folder}/")
    return "" if dropped == own_name(job) else dropped


def batch_dropped_as(batch: FinishedBatch | BatchStatus | None) -> str:
    """Return the name that a batch had in the inbox, where its results have another one; empty also
    where it is not known: None."""
    if batch is None or not batch.dropped_as:
        return ""
    name, dropped = (
        each.removeprefix(f"{batch.folder}/") for each in (batch.name, batch.dropped_as)
    )
    return "" if dropped == name else dropped
