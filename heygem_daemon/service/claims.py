"""Taking offers out of the inbox, as many as can start soon."""

from pathlib import Path

from loguru import logger

from heygem_daemon.errors import ClaimFailed
from heygem_daemon.service.batches import BatchWatch
from heygem_daemon.service.candidates import Offer
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.intake import Intake, Look
from heygem_daemon.spool.spool import Spool

AHEAD = 1
"""Jobs that are claimed beyond those for which there are devices; the rest stays in the inbox,
where users see it. A batch is claimed as a whole."""


class Claims:
    """Looks at the inbox, and claims what has room in the queue."""

    def __init__(
        self, spool: Spool, intake: Intake, dispatcher: Dispatcher, batches: BatchWatch
    ) -> None:
        self._spool = spool
        self._intake = intake
        self._dispatcher = dispatcher
        self._batches = batches
        self.seen = Look()
        """What the last look found, less what was claimed since."""

    def look(self, now: float) -> None:
        """Scan the inbox at monotonic time ``now``. Raises SpoolUnavailable."""
        self.seen = self._intake.look(now)

    def claim(self, now: float) -> None:
        """Claim what has room at monotonic time ``now``. Raises SpoolUnavailable."""
        if not any(self._has_room(offer, now) for offer in self.seen.ready):
            return
        # The last look may be a minute old, and its files may have been replaced since.
        self.look(now)
        for offer in self.seen.ready:
            if not self._has_room(offer, now):
                return
            try:
                self._take(offer)
            except ClaimFailed as failure:
                self._intake.cannot_take(offer, str(failure), now)
                self.look(now)
            self.seen = self.seen.without(offer)

    def _has_room(self, offer: Offer, now: float) -> bool:
        """Whether it would be among the next jobs: those of less priority do not count."""
        soon = self._dispatcher.devices.capacity + AHEAD
        return self._dispatcher.queue.ready(now, offer.priority) < soon

    def _take(self, offer: Offer) -> None:
        if isinstance(offer.what, Path):
            batch = self._spool.batches.claim(offer.what)
            self._batches.take_on([batch])
            jobs = self._spool.batches.pending(batch)
            about = logger.bind(batch=batch.journal.name, id=batch.id)
            about.info("batch claimed: {}", batch.journal.described)
            for name in batch.journal.strangers:
                about.warning("{} is neither audio, video nor a sidecar; it is left alone", name)
        else:
            jobs = [self._spool.claim(offer.what)]
            logger.bind(job=offer.name, id=jobs[0].id).info("job claimed")
        self._dispatcher.take_on(jobs)
