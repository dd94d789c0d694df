"""Lets jobs and batches go first in their lines, whatever crowd of requests asks for it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from loguru import logger

from heygem_daemon.events.requests import BatchHurried, JobHurried
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.look_budget import LookBudget
from heygem_daemon.service.owner_log import OwnerLog
from heygem_daemon.service.queue import QueuedJob
from heygem_daemon.service.running_jobs import job_logger
from heygem_daemon.service.steered_jobs import SteeredJobs
from heygem_daemon.service.targets import Target


class Hurries:
    """What one look hurries. Each job is hurried once in a look: of several requests the one that
    is carried out first counts, and one that is newer waits for the next look."""

    def __init__(
        self,
        steered: SteeredJobs,
        batches: BatchTracker,
        log: OwnerLog,
        budget: LookBudget,
        now: float,
    ) -> None:
        """``now``: monotonic seconds."""
        self._steered = steered
        self._batches = batches
        self._log = log
        self._budget = budget
        self._now = now
        self._marked: dict[str, int] = {}
        """When the request was made that has hurried a job in this look, by the job's id."""
        self.candidates: dict[str, int] = {}
        """When somebody asked that a file or folder in an inbox goes first, by its title."""
        self.files: set[Path] = set()
        """The files and folders that are examined before others."""

    def carry_out(self, targets: Sequence[Target], asked_ns: int, by: str) -> bool:
        """Let the targets go first. Return False if some are left for the next look. ``asked_ns``:
        when the user ``by`` asked that, nanoseconds since the epoch."""
        for target in targets:
            if target.stage == "complete" and target.candidate is not None:
                title = target.candidate.title
                self.candidates[title] = max(asked_ns, self.candidates.get(title, asked_ns))
        done = [self._hurry(line, asked_ns, by) for line in _lines_of(targets)]
        return all(done)

    def _hurry(self, line: Sequence[QueuedJob], asked_ns: int, by: str) -> bool:
        """Hurry a single job, or members of one batch, which its journal tells those that have none
        of their own."""
        todo = [each for each in line if self._marked.get(each.job.id, -1) < asked_ns]
        if not todo:
            return True
        if not self._budget.is_left() or any(each.job.id in self._marked for each in todo):
            return False
        member = todo[0].job.journal.member
        if member is not None and self._batches.hurry(member.batch_id, asked_ns):
            self._budget.spend()
        for each in todo:
            self._marked[each.job.id] = asked_ns
            if self._steered.hurry(each, asked_ns):
                self._budget.spend()
            if not self._budget.is_left() and each is not todo[-1]:
                return False
        if member is None or len(line) == 1:
            self._log.log(JobHurried(by), by, self._now, job_logger(todo[0].job))
        else:
            about = logger.bind(batch=member.batch, id=member.batch_id)
            self._log.log(BatchHurried(by), by, self._now, about)
        return True


def _lines_of(targets: Sequence[Target]) -> Iterator[list[QueuedJob]]:
    """Yield the jobs that wait: each single one, and together those of each batch."""
    lines: dict[str, list[QueuedJob]] = {}
    for target in targets:
        if target.queued is not None:
            member = target.queued.job.journal.member
            key = member.batch_id if member else target.queued.job.id
            lines.setdefault(key, []).append(target.queued)
    yield from lines.values()
