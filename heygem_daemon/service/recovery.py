"""Completes what a fault, a crash or an earlier run left half done."""

import math
from collections.abc import Iterable
from pathlib import Path

from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.service.batches import BatchTracker
from heygem_daemon.service.dispatch import Dispatcher
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.queue import backoff_seconds
from heygem_daemon.service.returns import Returns
from heygem_daemon.service.runtime import StepScheduler
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

MAX_PAUSE_SECONDS = 30.0
"""The longest pause between two tries."""


class Recovery:
    """Recovers the folders of processing/. Whatever one raises concerns that folder alone."""

    def __init__(
        self,
        spool: Spool,
        dispatcher: Dispatcher,
        batches: BatchTracker,
        steps: StepScheduler,
        faults: ItemFaults,
        returns: Returns,
    ) -> None:
        self._returns = returns
        self._spool = spool
        self._dispatcher = dispatcher
        self._batches = batches
        self._steps = steps
        self._faults = faults
        self._failures = 0
        """How many tries in a row have failed."""
        self._not_before = -math.inf

    def run(self, now: float) -> None:
        """Recover, unless that failed a moment ago: it reads all that is in processing/ and every
        record. ``now`` is monotonic."""
        if now < self._not_before:
            return
        if self._steps.run("recovery", self._recover):
            self._steps.mark_recovered()
            self._failures = 0
            return
        self._failures += 1
        self._not_before = now + min(backoff_seconds(self._failures), MAX_PAUSE_SECONDS)

    def find_jobs(self) -> tuple[list[Job], Exception | None]:
        """Complete what was left half done, but for returns and for batches that are being closed,
        which go on in the rounds of the loop. Return the jobs to be queued, and the first fault of
        the environment. Raises SpoolUnavailable if nothing could be tried."""
        faults: list[Exception] = []

        def handle_fault(path: Path, error: Exception) -> None:
            if is_environment_fault(error) and not is_users_fault(error, path):
                faults.append(error)
            else:
                self._set_aside(path, error)

        self._returns.find(handle_fault)
        unfinished = self._spool.batches.unfinished(handle_fault)
        self._follow((each for each in unfinished if each.journal.outcome == "finished"), faults)
        in_rounds = {*self._returns.ids, *self._batches.closing_ids}
        active = {*self._dispatcher.claimed_ids(), *in_rounds}
        jobs = self._spool.recover(active, handle_fault, self._returns.answer)
        try:
            unfinished = self._spool.batches.unfinished(handle_fault)
        except (EnvironmentFault, OSError) as fault:
            faults.append(fault)
        else:
            self._follow(unfinished, faults)
        return jobs, next(iter(faults), None)

    def _recover(self) -> None:
        """Recover, and queue the jobs. Raises the first fault of the environment after everything
        was tried."""
        jobs, fault = self.find_jobs()
        self._dispatcher.enqueue(jobs)
        if fault is not None:
            raise fault

    def _follow(self, batches: Iterable[Batch], faults: list[Exception]) -> None:
        try:
            self._batches.add(batches)
        except (EnvironmentFault, OSError) as fault:
            faults.append(fault)

    def _set_aside(self, path: Path, error: Exception) -> None:
        """Move a folder of processing/ that cannot be recovered to failed/. Where even that fails,
        it is left alone, and so are files in .state/."""
        reason = self._faults.log(f"{path.parent.name}/{path.name}", error)
        if path.parent != self._spool.processing:
            return
        try:
            self._spool.set_aside(path, reason)
        except Exception as another:  # noqa: BLE001 - concerns this item alone
            self._faults.log(f"processing/{path.name}, left alone", another)
