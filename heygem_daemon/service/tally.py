"""Counts what became of jobs and attempts since the daemon started."""

from collections import Counter, deque

from heygem_daemon.protocol import Progress
from heygem_daemon.report.status import FailureKind, FinishedJob
from heygem_daemon.service.running_jobs import RunningJob

MAX_FINISHED_JOBS = 50
"""How many ended jobs the status lists."""

LOADING = "load"
"""The stage before the first progress of an attempt: its worker starts, its engine is loaded."""


class Tally:
    """The counts of the status and of the metrics."""

    def __init__(self) -> None:
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
        self.finished: deque[FinishedJob] = deque(maxlen=MAX_FINISHED_JOBS)
        """The last jobs that ended, the newest first."""

    @property
    def failed(self) -> int:
        """How many jobs failed."""
        return sum(self.failures.values())

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
