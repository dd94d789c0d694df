"""Counts what became of jobs and attempts since the daemon started."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath

from heygem_daemon.protocol import Progress
from heygem_daemon.report.failure_kind import FailureKind
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.result import job_statistics
from heygem_daemon.report.stages import LOADING
from heygem_daemon.service.last_ended import LastEnded
from heygem_daemon.service.running_jobs import RunningJob
from heygem_daemon.service.turns import owner_name
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.publish import ended_path, original_name, published_video
from heygem_daemon.spool.records import record_place

MAX_FINISHED_JOBS = 200
"""How many ended jobs the status lists."""

MAX_OF_FOLDER = 60
"""How many of a hot folder its own page lists."""

MAX_REASON_CHARACTERS = 500
"""How much of a reason, and of a remedy, the status shows; reason.txt has all of it."""

OnFinished = Callable[[FinishedJob, Path | None], None]


class Tally:
    """The counts of the status and of the metrics."""

    def __init__(self, on_finished: OnFinished = lambda _job, _result: None) -> None:
        """``on_finished`` is called with each job that ended, and the path of its result."""
        self._on_finished = on_finished
        self.published = 0
        self.failures: Counter[FailureKind] = Counter()
        self.attempts: Counter[str] = Counter()
        """How many attempts ended, by the kind of their verdict."""
        self.stage_seconds: dict[str, float] = {}
        """Seconds of all attempts, by stage."""
        self.frames = 0
        """Output frames drawn."""
        self.worker_starts = 0
        self.worker_deaths = 0
        self.finished: LastEnded[FinishedJob] = LastEnded(MAX_FINISHED_JOBS, MAX_OF_FOLDER)
        """The last jobs that ended, the newest first."""

    @property
    def failed(self) -> int:
        """How many jobs failed."""
        return sum(self.failures.values())

    def add_finished(self, job: FinishedJob, result: Path | None, *, tell: bool = True) -> None:
        """Remember a job that ended; ``result``: the published video. ``tell``: whether to call
        what is called with such jobs."""
        self.finished.add(job)
        if tell:
            self._on_finished(job, result)

    def recall(self, journals: Iterable[Journal]) -> None:
        """Take the jobs that ended before the daemon started for the last ones. The names of their
        journals are those that commands use."""
        self.finished.recall(describe_finished(each, ended_path(each)) for each in journals)

    def note_worker(self, number: int) -> None:
        """Count workers: their numbers are given in turn."""
        self.worker_starts = max(self.worker_starts, number)

    def add_progress(self, running: RunningJob, progress: Progress | None, now: float) -> None:
        """Count what a job did until monotonic time ``now``: ``progress``, which is not recorded in
        it yet; None: its attempt is over."""
        before = running.progress
        seconds = max(0.0, now - running.progress_at)
        stage = before.stage if before else LOADING
        self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds
        if progress is not None and progress.stage == "render" and progress.fps:
            drawn = progress.frames - (before.frames if before else 0)
            self.frames += max(0, drawn)


def describe_finished(
    journal: Journal,
    path: PurePath,
    seconds: float = 0.0,
    report: Mapping[str, object] | None = None,
) -> FinishedJob:
    """Return what the status says of a job that ended, from its final journal. ``path``: its
    result, or the folder of a failed one, relative to the spool. ``seconds``: how long its last
    attempt took; 0: not known. ``report``: that of its result; None: not known, or it failed."""
    statistics = job_statistics(report or {})
    is_published = journal.outcome == "published"
    return FinishedJob(
        id=journal.id,
        name=_in_folder(journal, original_name(journal)),
        outcome="published" if is_published else "failed",
        output=_in_folder(journal, path.stem if is_published else path.name),
        path=str(path),
        finished=journal.completed_at or journal.claimed_at,
        seconds=round(seconds, 3),
        reason=journal.reason[:MAX_REASON_CHARACTERS] or None,
        remedy=journal.remedy[:MAX_REASON_CHARACTERS],
        warning=printable(journal.warning),
        frames=statistics.frames,
        length=statistics.length,
        engine=journal.options.engine or "",
        utilisation=statistics.utilisation,
        stage_seconds=statistics.stage_seconds,
        folder=printable(journal.folder),
        cancelled=journal.cancelled,
        batch=_batch_name(journal),
        batch_id=journal.member.batch_id if journal.member else "",
        dropped_by=person_name(journal.owner),
        owner=owner_name(journal.owner, journal.folder),
        records=_records_of(journal),
        identity=_identity_of_video(journal),
    )


def _records_of(journal: Journal) -> tuple[str, ...]:
    """Return what is there as long as the daemon has the job's files: those of a published member
    are its batch's."""
    if journal.outcome != "published":
        return (record_place(journal.id, "failed"),)
    if (member := journal.member) is not None:
        return (record_place(member.batch_id, "batch"), f"processing/{member.batch_id}")
    return (record_place(journal.id, "published"),)


def _identity_of_video(journal: Journal) -> tuple[int, int, int] | None:
    name = published_video(journal)
    found = (file for file in journal.published if file.name == name)
    return next(((each.size, each.inode, each.mtime_ns) for each in found), None)


def _batch_name(journal: Journal) -> str:
    return printable(journal.member.batch) if journal.member else ""


def _in_folder(journal: Journal, name: str) -> str:
    """Return a name for people: that of the hot folder before it, if the job is in one."""
    return printable(f"{journal.folder}/{name}" if journal.folder else name)
