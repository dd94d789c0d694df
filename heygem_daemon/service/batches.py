"""Follows the batches under way: summarises them as members end, and packs and closes them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from heygem_daemon.errors import EnvironmentFault, Interrupted
from heygem_daemon.events.jobs import (
    BatchAdvanced,
    BatchDropped,
    BatchFinished,
    BatchPacked,
    BatchResultsMissing,
    BatchSummaryBlocked,
)
from heygem_daemon.report.batch_status import BatchStatus
from heygem_daemon.report.finished import FinishedBatch
from heygem_daemon.service.finished_batches import (
    MAX_FINISHED_BATCHES,
    batch_owner,
    describe_batch,
    published_members,
)
from heygem_daemon.service.item_faults import ItemFaults, is_environment_fault
from heygem_daemon.service.job_log import JobLog
from heygem_daemon.service.last_ended import LastEnded
from heygem_daemon.service.open_batches import OpenBatch
from heygem_daemon.service.zip_writer import ZipWriter
from heygem_daemon.spool.batch.journal import Batch, BatchJournal
from heygem_daemon.spool.batch.roster import format_names
from heygem_daemon.spool.blame import is_users_fault
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.owner_turns import OwnerTurns
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.units import MIB

MAX_BUGS = 5
"""After so many bugs a batch whose members have all ended is set aside."""

MAX_SKIPPED_ROUNDS = 1000

STEPS_A_ROUND = 10
"""How many steps one round takes to close batches; a batch of a thousand members takes eighty."""


class BatchTracker:
    """Follows all batches that are not closed. Every method may be called again after a
    SpoolUnavailable."""

    def __init__(
        self,
        spool: Spool,
        keep_free_bytes: int,
        wake: Callable[[], None],
        faults: ItemFaults,
        log: JobLog,
    ) -> None:
        """``keep_free_bytes`` must stay free on the disk. ``wake`` is called when a ZIP is written,
        from another thread."""
        self._spool = spool
        self._keep = keep_free_bytes
        self._wake = wake
        self._faults, self._log = faults, log
        self._open: dict[str, OpenBatch] = {}
        self._turns = OwnerTurns()
        """Of the owners whose batches are being closed."""
        self.finished: LastEnded[FinishedBatch] = LastEnded(
            MAX_FINISHED_BATCHES, MAX_FINISHED_BATCHES
        )
        """The last batches that ended, the newest first."""

    def recall(self, journals: Iterable[BatchJournal]) -> Iterator[Journal]:
        """Take the batches with these final journals for the last that ended. Return the journals
        of their published members, and of those of the batches under way."""
        ended = list(journals)
        self.finished.recall(map(describe_batch, ended))
        followed = (each.final_journals.values() for each in self._open.values())
        of_batches = (each.ended for each in ended)
        return published_members(chain.from_iterable(chain(of_batches, followed)))

    def keep_free(self, count: int) -> None:
        """Change how many bytes must stay free on the disk."""
        self._keep = count

    @property
    def busy(self) -> bool:
        """Whether any batch makes progress without a worker."""
        return any(
            each.all_ended or each.newly_ended or each.zip_writer for each in self._open.values()
        )

    def add(self, batches: Iterable[Batch]) -> None:
        """Follow batches, new ones or those of an earlier run. Raises the first fault of the
        environment after all batches were tried. One at which a bug shows is left to the next
        start."""
        faults: list[Exception] = []
        for batch in batches:
            try:
                self._add(batch)
            except (EnvironmentFault, OSError) as fault:
                faults.append(fault)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                self._faults.log(f"batch {batch.journal.name}", error)
        if faults:
            raise faults[0]

    def _add(self, batch: Batch) -> None:
        if batch.id in self.closing_ids:
            return
        final_journals = self._spool.batches.final_journals(batch)
        followed = self._open.setdefault(batch.id, OpenBatch(batch, final_journals))
        followed.batch, followed.final_journals = batch, final_journals

    @property
    def closing_ids(self) -> Collection[str]:
        """The ids of the batches whose members have all ended. They are packed and closed in steps,
        and nothing else may touch them."""
        return {each.batch.id for each in self._open.values() if each.all_ended}

    @property
    def dropped_names(self) -> dict[str, str]:
        """The users' names of the folders, by the batch's id."""
        return {each.batch.id: each.batch.journal.folder_name for each in self._open.values()}

    def hurry(self, batch_id: str, asked_ns: int) -> bool:
        """Let a batch go first in its line, after a restart too. ``asked_ns``: when that was
        asked, nanoseconds since the epoch. Return whether that had to be written."""
        each = self._open.get(batch_id)
        if each is None or (each.batch.journal.hurried_ns or 0) >= asked_ns:
            return False
        each.batch = self._spool.batches.hurry(each.batch, asked_ns)
        return True

    def mark_member_ended(self, job: Job) -> None:
        """Record that a job was published or failed. ``advance`` then updates its batch, if any."""
        member = job.journal.member
        if member is not None and member.batch_id in self._open:
            self._open[member.batch_id].newly_ended.add(member.number)

    def advance(self) -> None:
        """Update the summaries; pack and close the batches that have ended. Raises the first fault
        after all batches were tried."""
        faults: list[Exception] = []
        for each in list(self._open.values()):
            if each.rounds_to_skip > 0:
                each.rounds_to_skip -= 1
            else:
                self._try(each, self._advance, faults)
        for _ in range(STEPS_A_ROUND):
            closing = (each for each in self._open.values() if each.closing is not None)
            chosen = self._turns.choose(closing, lambda other: batch_owner(other.batch.journal))
            if chosen is None:
                break
            self._try(chosen, self._close, faults)
        if faults:
            raise faults[0]

    def _try(
        self, each: OpenBatch, step: Callable[[OpenBatch], None], faults: list[Exception]
    ) -> None:
        """Take a step for a batch. A fault of the environment is added to ``faults``; whatever else
        it raises concerns this batch alone."""
        try:
            step(each)
        except Exception as error:  # noqa: BLE001 - concerns this item alone
            each.closing = None
            if is_environment_fault(error) and not is_users_fault(error, each.batch.folder):
                faults.append(error)
            else:
                self._handle_bug(each, error)

    def stop(self) -> None:
        """Stop the ZIPs that are being written. The next start writes them again."""
        for each in self._open.values():
            if each.zip_writer is not None:
                each.zip_writer.stop()
                each.zip_writer = None

    def forget(self) -> None:
        """Forget all batches: another spool was mounted over theirs."""
        self.stop()
        self._open.clear()

    def statuses(
        self, running: Iterable[Job], wait_reason: str | None = None
    ) -> Iterator[BatchStatus]:
        """Return the status of each batch, given the running jobs and what the next job waits
        for."""
        # Sorted, because jobs that were put back may start in any order on several GPUs.
        by_number = sorted(running, key=_member_number)
        return self._faults.collect(
            self._open.values(),
            lambda each: _batch_status(each, by_number, wait_reason),
            lambda each: f"the status of batch {each.batch.id}",
        )

    def _advance(self, each: OpenBatch) -> None:
        """Update the summary, and pack; say where it is to be closed."""
        if self._spool.batches.is_lost(each.batch) and self._spool.is_mounted():
            self._drop(each)
            return
        if each.newly_ended:
            self._update_summary(each)
        if not each.all_ended:
            return
        is_packed = each.zip_writer is not None or each.batch.journal.outcome == "finished"
        if each.closing is None and each.published and not is_packed:
            self._pack(each)
        if each.closing is not None:
            return
        if each.zip_writer is not None:
            if (missing := self._poll_zip(each)) is None:
                return
            each.missing = missing
        each.closing = self._spool.batches.closing(each.batch, each.missing)

    def _handle_bug(self, each: OpenBatch, error: Exception) -> None:
        """Let a batch rest that raised something, and at last set it aside."""
        name = each.batch.journal.name
        reason = self._faults.log(f"batch {name}", error)
        each.bugs += 1
        each.rounds_to_skip = min(2**each.bugs, MAX_SKIPPED_ROUNDS)
        if each.bugs < MAX_BUGS or not each.all_ended:
            return
        try:
            self._spool.set_aside(each.batch.folder, reason)
        except Exception as another:  # noqa: BLE001 - concerns this item alone
            self._faults.log(f"the folder of batch {name}", another)
        else:
            del self._open[each.batch.id]

    def _drop(self, each: OpenBatch) -> None:
        if each.zip_writer is not None:
            each.zip_writer.stop()
        del self._open[each.batch.id]
        self._log.log_batch(BatchDropped(), each.batch)

    def _update_summary(self, each: OpenBatch) -> None:
        for number in each.newly_ended:
            journal = self._spool.batches.final_journal(each.batch, number)
            if journal is not None:
                each.final_journals[number] = journal
        self._write_summary(each)
        each.newly_ended = set()
        failed = len(each.final_journals) - each.published
        advanced = BatchAdvanced(len(each.final_journals), each.member_count, failed)
        self._log.log_batch(advanced, each.batch)

    def _write_summary(self, each: OpenBatch) -> None:
        """Write the summary, and say once if somebody has put something in its way."""
        is_blocked = not self._spool.batches.write_summary(each.batch, each.final_journals)
        if is_blocked and not each.is_summary_blocked:
            self._log.log_batch(BatchSummaryBlocked(each.batch.journal.name), each.batch)
        each.is_summary_blocked = is_blocked

    def _pack(self, each: OpenBatch) -> None:
        target, files = self._spool.batches.prepare_zip(each.batch, each.final_journals)
        each.zip_writer = ZipWriter(target, files, each.batch.journal.name, self._keep, self._wake)
        mib = -(-each.zip_writer.size_bytes // MIB)
        packed = BatchPacked(each.published, each.batch.journal.name, mib)
        self._log.log_batch(packed, each.batch)

    def _poll_zip(self, each: OpenBatch) -> list[str] | None:
        try:
            return each.zip_writer.poll_missing_files() if each.zip_writer else None
        except (OSError, Interrupted):
            each.zip_writer = None
            raise

    def _close(self, each: OpenBatch) -> None:
        """Take a step to close a batch."""
        assert each.closing is not None
        try:
            next(each.closing)
        except StopIteration as end:
            closed: Batch = end.value
        else:
            return
        del self._open[each.batch.id]
        self.finished.add(describe_batch(closed.journal))
        if missing := closed.journal.missing:
            self._log.log_batch(BatchResultsMissing(format_names(missing)), closed)
        zips = [file.name for file in closed.journal.published]
        failed = each.member_count - each.published
        finished = BatchFinished(each.published, failed, zips[0] if zips else "")
        self._log.log_batch(finished, closed)


def _batch_status(each: OpenBatch, running: list[Job], wait_reason: str | None) -> BatchStatus:
    names = [
        job.name
        for job in running
        if job.journal.member and job.journal.member.batch_id == each.batch.id
    ]
    return BatchStatus(
        id=each.batch.id,
        name=each.batch.journal.title,
        dropped_as=printable(each.batch.journal.dropped_as),
        members=each.member_count,
        published=each.published,
        failed=len(each.final_journals) - each.published,
        cancelled=sum(end.cancelled for end in each.final_journals.values()),
        now=tuple(names),
        waits=wait_reason if not (names or each.all_ended) else None,
        packing=each.zip_writer is not None,
        folder=printable(each.batch.journal.folder),
        dropped_by=person_name(each.batch.journal.owner),
    )


def _member_number(job: Job) -> int:
    return job.journal.member.number if job.journal.member else 0
