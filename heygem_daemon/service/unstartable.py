"""Ends the claimed jobs that can never be started."""

from heygem_daemon.service.admission import TOO_LARGE_REMEDY, DiskSpaceCheck
from heygem_daemon.service.outcomes import JobOutcomes
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool


class Unstartable:
    """Finds them when they may be tried. Raises SpoolUnavailable, OSError."""

    def __init__(self, spool: Spool, outcomes: JobOutcomes, disk_space: DiskSpaceCheck) -> None:
        self._spool = spool
        self._outcomes = outcomes
        self._disk_space = disk_space

    def is_ended(self, job: Job, *, is_resting: bool) -> bool:
        """End a job that can never be started; return whether it was one.

        One whose sidecar is wrong has until its turn comes: its owner may correct the file. Only a
        member of a batch takes no other one, and outside of the active hours nothing goes first.
        """
        if self._spool.is_lost(job):
            self._outcomes.drop(job)
        elif job.journal.refusal:
            if not (is_resting or job.journal.member is not None):
                return False
            self._outcomes.fail_refused(job)
        elif self._outcomes.is_exhausted(job):
            self._outcomes.fail_exhausted(job)
        elif (excess := self._disk_space.find_excess(job)) is not None:
            self._outcomes.fail_too_large(job, excess, TOO_LARGE_REMEDY)
        else:
            return False
        return True
