"""Writing a batch's ZIP beside the main loop, which never waits for a disk.

The batches under way: told as their members end, packed and closed when the last one has.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from heygem_daemon.errors import EnvironmentFault, Interrupted, SpoolUnavailable
from heygem_daemon.report.status import BatchStatus
from heygem_daemon.spool.batch.close import write_zip
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.job import Job, Journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.disk_space import describe_shortage, read_disk_space
from heygem_daemon.system.units import MIB

if TYPE_CHECKING:
    from loguru import Logger


class ZipWriter:
    """One ZIP being written by a thread of its own."""

    def __init__(
        self,
        target: Path,
        files: Sequence[Path],
        folder: str,
        keep_free_bytes: int,
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called from the thread. Raises SpoolUnavailable where the disk has no room
        for the ZIP beside the ``keep_bytes`` that are to stay free."""
        self.size_bytes = sum(path.stat().st_size for path in files if path.is_file())
        _check_disk_space(target.parent, self.size_bytes, keep_free_bytes, folder)
        self._stop = threading.Event()
        self._missing: list[str] | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=self._run, args=(target, files, folder, on_end), name="zip", daemon=True
        )
        self._thread.start()

    def poll_missing_files(self) -> list[str] | None:
        """None while it is being written; then the names of files that were gone.

        Raises what went wrong: OSError, or Interrupted after ``stop``.
        """
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise self._error
        return self._missing or []

    def stop(self) -> None:
        """End it soon, and wait for that."""
        self._stop.set()
        self._thread.join()

    def _run(
        self, target: Path, files: Sequence[Path], folder: str, on_end: Callable[[], None]
    ) -> None:
        try:
            self._missing = write_zip(target, files, folder, self._stop.is_set)
        except Exception as error:  # noqa: BLE001 - raised again in the main loop
            self._error = error
        on_end()


def _check_disk_space(folder: Path, wanted: int, keep: int, name: str) -> None:
    space = read_disk_space(folder)
    if not space.has_room(wanted + keep):
        shortage = describe_shortage(f"the ZIP of the batch {name}", wanted, space.free_bytes, keep)
        raise SpoolUnavailable(f"{shortage}; the results are in the outbox already")


@dataclass(slots=True)
class _OpenBatch:
    """``ends``: final journals by number. ``news``: numbers of members that have ended since the
    summary in the outbox was written."""

    batch: Batch
    final_journals: dict[int, Journal]
    newly_ended: set[int] = field(default_factory=set)
    zip_writer: ZipWriter | None = None

    @property
    def member_count(self) -> int:
        return len(self.batch.journal.members)

    @property
    def published(self) -> int:
        return sum(end.outcome == "published" for end in self.final_journals.values())

    @property
    def all_ended(self) -> bool:
        return len(self.final_journals) == self.member_count


class BatchTracker:
    """Every method may be called again after a SpoolUnavailable."""

    def __init__(self, spool: Spool, keep_free_bytes: int, wake: Callable[[], None]) -> None:
        """``keep_bytes`` are to stay free on the disk; ``wake`` is called when a ZIP is written."""
        self._spool = spool
        self._keep = keep_free_bytes
        self._wake = wake
        self._open: dict[str, _OpenBatch] = {}

    @property
    def busy(self) -> bool:
        """Whether some batch gets on without any worker."""
        return any(
            each.all_ended or each.newly_ended or each.zip_writer for each in self._open.values()
        )

    def add(self, batches: Iterable[Batch]) -> None:
        """Follow these batches, new or of an earlier run."""
        for batch in batches:
            ends = self._spool.batches.final_journals(batch)
            known = self._open.setdefault(batch.id, _OpenBatch(batch, ends))
            known.batch, known.final_journals = batch, ends

    def mark_member_ended(self, job: Job) -> None:
        """A member is published or failed; what that means is seen to by ``advance``."""
        member = job.journal.member
        if member is not None and member.batch_id in self._open:
            self._open[member.batch_id].newly_ended.add(member.number)

    def advance(self) -> None:
        """Rewrite summaries, pack and close what has ended. Raises the first fault, once each
        batch has had its turn."""
        faults = []
        for each in list(self._open.values()):
            try:
                if self._spool.batches.is_lost(each.batch) and self._spool.is_mounted():
                    self._drop(each)
                else:
                    self._advance(each)
            except (EnvironmentFault, OSError) as fault:
                faults.append(fault)
        if faults:
            raise faults[0]

    def stop(self) -> None:
        """Break off the ZIPs that are being written: the next start writes them anew."""
        for each in self._open.values():
            if each.zip_writer is not None:
                each.zip_writer.stop()
                each.zip_writer = None

    def forget(self) -> None:
        """Forget all of them: they lie in a spool that another was mounted over."""
        self.stop()
        self._open.clear()

    def statuses(
        self, running: Iterable[Job], wait_reason: str | None = None
    ) -> Iterator[BatchStatus]:
        """How each batch stands, given the jobs in workers' hands and what the next waits for."""
        # Jobs on several GPUs begin in any order once some were put back.
        at_work = sorted(running, key=_number)
        for each in self._open.values():
            names = [
                job.name
                for job in at_work
                if job.journal.member and job.journal.member.batch_id == each.batch.id
            ]
            yield BatchStatus(
                id=each.batch.id,
                name=each.batch.journal.name,
                dropped_as=printable(each.batch.journal.folder_name),
                members=each.member_count,
                published=each.published,
                failed=len(each.final_journals) - each.published,
                now=tuple(names),
                waits=wait_reason if not (names or each.all_ended) else None,
                packing=each.zip_writer is not None,
            )

    def _advance(self, each: _OpenBatch) -> None:
        if each.newly_ended:
            self._update_summary(each)
        if not each.all_ended:
            return
        if each.zip_writer is None and each.published:
            self._pack(each)
        if each.zip_writer is None:
            self._close(each, [])
        elif (missing := self._poll_zip(each)) is not None:
            self._close(each, missing)

    def _drop(self, each: _OpenBatch) -> None:
        if each.zip_writer is not None:
            each.zip_writer.stop()
        del self._open[each.batch.id]
        _log(each.batch).error("dropped: its folder in processing/ was removed, by no act of ours")

    def _update_summary(self, each: _OpenBatch) -> None:
        for number in each.newly_ended:
            if (end := self._spool.batches.final_journal(each.batch, number)) is not None:
                each.final_journals[number] = end
        self._spool.batches.write_summary(each.batch, each.final_journals)
        each.newly_ended = set()
        failed = len(each.final_journals) - each.published
        failures = f", {failed} of them failed" if failed else ""
        _log(each.batch).info(
            "{} of {} done{}", len(each.final_journals), each.member_count, failures
        )

    def _pack(self, each: _OpenBatch) -> None:
        target, files = self._spool.batches.prepare_zip(each.batch, each.final_journals)
        each.zip_writer = ZipWriter(target, files, each.batch.journal.name, self._keep, self._wake)
        _log(each.batch).info(
            "packing {} results into {}.zip, {} MiB",
            each.published,
            each.batch.journal.name,
            -(-each.zip_writer.size_bytes // MIB),
        )

    def _poll_zip(self, each: _OpenBatch) -> list[str] | None:
        packing = each.zip_writer
        try:
            return packing.poll_missing_files() if packing else None
        except (OSError, Interrupted):
            each.zip_writer = None
            raise

    def _close(self, each: _OpenBatch, missing: list[str]) -> None:
        closed = self._spool.batches.close(each.batch, missing)
        del self._open[each.batch.id]
        for name in missing:
            _log(closed).warning("{} was taken out of the outbox before the ZIP was made", name)
        zips = [file.name for file in closed.journal.published]
        _log(closed).info(
            "batch finished: {} published, {} failed{}",
            each.published,
            each.member_count - each.published,
            f"; all of it in {zips[0]}" if zips else "",
        )


def _number(job: Job) -> int:
    return job.journal.member.number if job.journal.member else 0


def _log(batch: Batch) -> "Logger":
    return logger.bind(batch=batch.journal.name, id=batch.id)
