"""Claims pairs and batches from the inbox, as many as can start soon."""

from pathlib import Path

from loguru import logger

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import InboxView, Intake
from heygem_daemon.spool.spool import Spool

CLAIM_AHEAD_JOBS = 1
"""Jobs that are claimed beyond those for which there are devices. The rest stays in the inbox,
where users see it. A batch is claimed as a whole."""


class Claims:
    """Scans the inbox, and claims what has room in the queue."""

    def __init__(
        self, spool: Spool, intake: Intake, dispatcher: Dispatcher, batches: BatchTracker
    ) -> None:
        self._spool = spool
        self._intake = intake
        self._dispatcher = dispatcher
        self._batches = batches
        self.view = InboxView()
        """What the last scan found, without what was claimed since."""

    def scan(self, now: float) -> None:
        """Scan the inbox at monotonic time ``now``. Raises SpoolUnavailable."""
        self.view = self._intake.scan(now)

    def claim(self, now: float) -> None:
        """Claim what has room at monotonic time ``now``. Raises SpoolUnavailable."""
        if not any(self._has_room(candidate) for candidate in self.view.ready):
            return
        # The last scan may be a minute old, and its files may have been replaced since.
        self.scan(now)
        for candidate in self.view.ready:
            if not self._has_room(candidate):
                return
            try:
                self._claim_candidate(candidate)
            except ClaimFailed as failure:
                self._intake.record_claim_failure(candidate, str(failure), now)
                self.scan(now)
            self.view = self.view.without(candidate)

    def _has_room(self, candidate: Candidate) -> bool:
        """Whether the candidate would be among the next jobs. Jobs of lower priority do not
        count."""
        soon = self._dispatcher.capacity + CLAIM_AHEAD_JOBS
        return self._dispatcher.count_ready(candidate.priority) < soon

    def _claim_candidate(self, candidate: Candidate) -> None:
        if isinstance(candidate.source, Path):
            batch = self._spool.batches.claim(candidate.source)
            self._batches.add([batch])
            jobs = self._spool.batches.pending_jobs(batch)
            about = logger.bind(batch=batch.journal.name, id=batch.id)
            about.info("batch claimed: {}", batch.journal.description)
            for name in batch.journal.unsupported_files:
                about.warning("{} is neither audio, video nor a sidecar; it is left alone", name)
        else:
            jobs = [self._spool.claim(candidate.source)]
            logger.bind(job=candidate.name, id=jobs[0].id).info("job claimed")
        self._dispatcher.enqueue(jobs)
