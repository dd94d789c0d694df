"""Writing a batch's ZIP beside the main loop, which never waits for a disk.

The batches under way: told as their members end, packed and closed when the last one has.
"""

import shutil
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
from heygem_daemon.system.units import MIB

if TYPE_CHECKING:
    from loguru import Logger


class Packing:
    """One ZIP being written by a thread of its own."""

    def __init__(
        self,
        target: Path,
        files: Sequence[Path],
        folder: str,
        keep_bytes: int,
        on_end: Callable[[], None],
    ) -> None:
        """``on_end`` is called from the thread. Raises SpoolUnavailable where the disk has no room
        for the ZIP beside the ``keep_bytes`` that are to stay free."""
        self.bytes = sum(path.stat().st_size for path in files if path.is_file())
        _check_room(target.parent, self.bytes, keep_bytes, folder)
        self._stop = threading.Event()
        self._missing: list[str] | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(
            target=self._run, args=(target, files, folder, on_end), name="zip", daemon=True
        )
        self._thread.start()

    def missing(self) -> list[str] | None:
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


def _check_room(folder: Path, wanted: int, keep: int, name: str) -> None:
    usage = shutil.disk_usage(folder)
    if usage.total and usage.free < wanted + keep:  # no total: the disk keeps no account
        raise SpoolUnavailable(
            f"the ZIP of the batch {name} needs {-(-wanted // MIB)} MiB; the spool's disk has"
            f" {usage.free // MIB} MiB free, and {keep // MIB} are to stay free (free_space_gib);"
            " the results are in the outbox already"
        )


@dataclass(slots=True)
class _Open:
    """``ends``: final journals by number. ``news``: numbers of members that have ended since the
    summary in the outbox was written."""

    batch: Batch
    ends: dict[int, Journal]
    news: set[int] = field(default_factory=set)
    packing: Packing | None = None

    @property
    def size(self) -> int:
        return len(self.batch.journal.members)

    @property
    def published(self) -> int:
        return sum(end.outcome == "published" for end in self.ends.values())

    @property
    def all_ended(self) -> bool:
        return len(self.ends) == self.size


class BatchWatch:
    """Every method may be called again after a SpoolUnavailable."""

    def __init__(self, spool: Spool, keep_bytes: int, wake: Callable[[], None]) -> None:
        """``keep_bytes`` are to stay free on the disk; ``wake`` is called when a ZIP is written."""
        self._spool = spool
        self._keep = keep_bytes
        self._wake = wake
        self._open: dict[str, _Open] = {}

    @property
    def busy(self) -> bool:
        """Whether some batch gets on without any worker."""
        return any(each.all_ended or each.news or each.packing for each in self._open.values())

    def take_on(self, batches: Iterable[Batch]) -> None:
        """Follow these batches, new or of an earlier run."""
        for batch in batches:
            ends = self._spool.batches.ended(batch)
            known = self._open.setdefault(batch.id, _Open(batch, ends))
            known.batch, known.ends = batch, ends

    def member_ended(self, job: Job) -> None:
        """A member is published or failed; what that means is seen to by ``advance``."""
        member = job.journal.member
        if member is not None and member.batch_id in self._open:
            self._open[member.batch_id].news.add(member.number)

    def advance(self) -> None:
        """Rewrite summaries, pack and close what has ended. Raises the first fault, once each
        batch has had its turn."""
        faults = []
        for each in list(self._open.values()):
            try:
                if self._spool.batches.lost(each.batch) and self._spool.mounted():
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
            if each.packing is not None:
                each.packing.stop()
                each.packing = None

    def leave_behind(self) -> None:
        """Forget all of them: they lie in a spool that another was mounted over."""
        self.stop()
        self._open.clear()

    def statuses(self, running: Iterable[Job], waits: str | None = None) -> Iterator[BatchStatus]:
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
                members=each.size,
                published=each.published,
                failed=len(each.ends) - each.published,
                now=tuple(names),
                waits=waits if not (names or each.all_ended) else None,
                packing=each.packing is not None,
            )

    def _advance(self, each: _Open) -> None:
        if each.news:
            self._take_note(each)
        if not each.all_ended:
            return
        if each.packing is None and each.published:
            self._pack(each)
        if each.packing is None:
            self._close(each, [])
        elif (missing := self._packed(each)) is not None:
            self._close(each, missing)

    def _drop(self, each: _Open) -> None:
        if each.packing is not None:
            each.packing.stop()
        del self._open[each.batch.id]
        _log(each.batch).error("dropped: its folder in processing/ was removed, by no act of ours")

    def _take_note(self, each: _Open) -> None:
        for number in each.news:
            if (end := self._spool.batches.end(each.batch, number)) is not None:
                each.ends[number] = end
        self._spool.batches.tell(each.batch, each.ends)
        each.news = set()
        failed = len(each.ends) - each.published
        failures = f", {failed} of them failed" if failed else ""
        _log(each.batch).info("{} of {} done{}", len(each.ends), each.size, failures)

    def _pack(self, each: _Open) -> None:
        target, files = self._spool.batches.to_pack(each.batch, each.ends)
        each.packing = Packing(target, files, each.batch.journal.name, self._keep, self._wake)
        _log(each.batch).info(
            "packing {} results into {}.zip, {} MiB",
            each.published, each.batch.journal.name, -(-each.packing.bytes // MIB),
        )  # fmt: skip

    def _packed(self, each: _Open) -> list[str] | None:
        packing = each.packing
        try:
            return packing.missing() if packing else None
        except (OSError, Interrupted):
            each.packing = None
            raise

    def _close(self, each: _Open, missing: list[str]) -> None:
        closed = self._spool.batches.close(each.batch, missing)
        del self._open[each.batch.id]
        for name in missing:
            _log(closed).warning("{} was taken out of the outbox before the ZIP was made", name)
        zips = [file.name for file in closed.journal.published]
        _log(closed).info(
            "batch finished: {} published, {} failed{}",
            each.published, each.size - each.published, f"; all of it in {zips[0]}" if zips else "",
        )  # fmt: skip


def _number(job: Job) -> int:
    return job.journal.member.number if job.journal.member else 0


def _log(batch: Batch) -> "Logger":
    return logger.bind(batch=batch.journal.name, id=batch.id)
