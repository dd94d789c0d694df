"""The spool: the one class that moves users' files."""

import contextlib
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.spool import claim, finished, lock, publish, recovery
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.files import Files, faults_of, is_file, is_folder
from heygem_daemon.spool.job import STAGE, Job, Journal, Pair, Published, Trouble
from heygem_daemon.spool.layout import Layout, save
from heygem_daemon.spool.mounts import filesystem_of, missing_mount
from heygem_daemon.spool.names import printable


class Spool(Layout):
    """A folder tree whose directories are the states of the jobs in it.

    Every method raises SpoolUnavailable when the disk or share is full, read-only or gone;
    the job is then where it was, or half moved, and the call can be repeated later.
    """

    def __init__(
        self, root: Path, clock: Callable[[], float] = time.time, files: Files | None = None
    ) -> None:
        """``clock`` gives seconds since the epoch; ``files`` is there for tests of faults."""
        super().__init__(root.absolute())
        self._clock = clock
        self._handle: int | None = None
        self._mount_point = Path("/")
        self.files = files or Files()
        self.batches = Batches(Layout(self.root), self.files, clock)

    def prepare(self) -> None:
        """Make the folders and the sentinel where missing; check that they are one file system.

        Raises SpoolUnavailable, too, where a disk or share belongs that is not mounted yet.
        """
        if (mount := missing_mount(self.root)) is not None:
            raise SpoolUnavailable(
                f"the spool {printable(str(self.root))} is not there: /etc/fstab names a disk or "
                f"share for {printable(str(mount))}, and it is not mounted"
            )
        with faults_of(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in self.folders:
                self._make(folder)
            if not is_file(self.sentinel):
                self.files.write(self.sentinel, f"{uuid.uuid4()}\n".encode())

    def make_good(self) -> None:
        """Make folders again that somebody has removed from a spool that is there."""
        if self.mounted():
            self.prepare()

    def mounted(self) -> bool:
        """Whether the sentinel that ``prepare`` wrote is there: False on a lost mount."""
        try:
            return is_file(self.sentinel)
        except OSError:
            return False

    def lost(self, job: Job) -> bool:
        """Whether somebody removed the job's folder, and not the whole spool with it."""
        # A member of a batch has no folder of its own before it is begun.
        folder = job.folder.parent if job.journal.member else job.folder
        with faults_of(self.root):
            return not is_folder(folder) and self.mounted()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Own the spool; raises SpoolBusy, with who holds it, if another process does."""
        with contextlib.ExitStack() as stack:
            with faults_of(self.root):
                self._handle = stack.enter_context(lock.hold(self._lock_file, self._clock()))
                self._mount_point = filesystem_of(self.root).point
            try:
                yield
            finally:
                self._handle = None

    def exchanged(self) -> bool:
        """Whether another spool lies here now than the one that we own, or a place for one: a disk
        or share was mounted over it, or mounted anew."""
        if self._handle is None:
            return False
        with faults_of(self.root):
            if self.mounted():
                return not lock.lies_at(self._lock_file, self._handle)
            now, before = filesystem_of(self.root).point, self._mount_point
            return len(now.parts) > len(before.parts)

    def owner(self) -> str | None:
        """Who holds the lock, in words; None if nobody does."""
        return lock.holder(self._lock_file)

    def now(self) -> float:
        """The spool's time, seconds since the epoch."""
        return self._clock()

    def claim(self, pair: Pair) -> Job:
        """Take both files or none. Raises ClaimFailed if one is gone or held: scan again."""
        with faults_of(self.root):
            return claim.claim(self, self.files, pair, self._clock())

    def recover(self, known: Collection[str] = ()) -> list[Job]:
        """Finish what a crash or fault left half done, and give the jobs to queue, oldest first.

        What had begun to be published, failed or returned is brought to its end; half claims go
        back into the inbox; folders that cannot be read are set aside under failed/. For the
        start, and after a SpoolUnavailable; jobs whose ids are ``known`` are left alone.
        """
        with faults_of(self.root):
            found = recovery.recover(self, self.files, self.batches, known)
        return sorted(found, key=lambda job: (job.journal.claimed_at, job.id))

    def begin_attempt(self, job: Job) -> Job:
        """Count an attempt, durably, before it starts."""
        with faults_of(self.root):
            self._make_room(job)
            self.files.remove_tree(job.folder / STAGE)
            self.files.make_folder(job.workspace)
            return self._saved(job, attempts=job.journal.attempts + 1)

    def defer(self, job: Job, reason: str) -> Job:
        """An environment fault ended the attempt: it does not count."""
        with faults_of(self.root):
            return self._saved(
                job,
                attempts=max(0, job.journal.attempts - 1),
                deferrals=job.journal.deferrals + 1,
                troubles=self._with_trouble(job, Trouble(at=0, kind="deferred", text=reason)),
            )

    def record_error(self, job: Job, error: str) -> Job:
        """A crash or bug ended the attempt: it counts."""
        with faults_of(self.root):
            return self._saved(
                job, troubles=self._with_trouble(job, Trouble(at=0, kind="error", text=error))
            )

    def publish(
        self, job: Job, result: Path, report: Mapping[str, object], strip: Path | None = None
    ) -> Published:
        """Move result, report and strip into the outbox under a free name, inputs to done/."""
        outputs = publish.Outputs(result, report, strip)
        with faults_of(self.root):
            layout = self.batches.layout_of(job)
            journal = publish.publish(layout, self.files, job, outputs, self._clock())
        strips = [file.name for file in journal.published if file.name.endswith(".png")]
        return Published(
            name=journal.name,
            video=layout.outbox / f"{journal.name}.mp4",
            report=layout.outbox / f"{journal.name}.json",
            strip=layout.outbox / strips[0] if strips else None,
            inputs=layout.resting_place(journal),
        )

    def fail(self, job: Job, reason: str, remedy: str = "") -> Path:
        """Move the inputs to failed/<name>/ with reason.txt; gives that folder."""
        with faults_of(self.root):
            layout = self.batches.layout_to_fail(job)
            self._make_room(job)
            return publish.fail(layout, self.files, job, reason, remedy, self._clock())[1]

    def retry(self, name: str) -> str:
        """Put the inputs of failed/<name> back into the inbox; gives the name they have there.

        ``name`` may be a batch's, for all of its failed members, or ``batch/member``; both come
        back as a folder. Raises BadInput if there is no such failed job.
        """
        with faults_of(self.root):
            return recovery.retry(self, self.files, self.batches, name)

    def remove(self, name: str) -> list[Path]:
        """Delete the published job ``name`` (result, report, strip, inputs), the batch of that
        name, or, if there is neither, the failed one; gives what was deleted. ``batch/member``
        means one member. Raises BadInput if there is nothing of that name."""
        with faults_of(self.root):
            return recovery.remove(self, self.files, self.batches, name)

    def results(self, limit: int = 10) -> list[Journal]:
        """The last published jobs, latest first."""
        with faults_of(self.root):
            return finished.latest(self.done, limit)

    def failures(self, limit: int = 10) -> list[Journal]:
        """The last failed jobs, latest first."""
        with faults_of(self.root):
            return finished.latest(self.failed, limit)

    @property
    def _lock_file(self) -> Path:
        return self.state / "lock"

    def _make(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self.files.make_folder(folder)
        if not is_folder(folder):
            raise SpoolUnavailable(f"{printable(str(folder))} is no folder (a link does not do).")
        if folder.lstat().st_dev != self.root.stat().st_dev:
            raise SpoolUnavailable(
                f"{printable(str(folder))} lies on another file system than the spool: jobs are "
                "moved by renaming, so that the whole spool must be one file system."
            )

    def _make_room(self, job: Job) -> None:
        """A member of a batch gets a folder of its own when it is needed, and not before."""
        if job.journal.member is not None and not is_folder(job.folder):
            self.files.make_folder(job.folder)

    def _saved(self, job: Job, **changes: object) -> Job:
        journal = job.journal.model_copy(update=changes)
        save(self.files, job.folder, journal)
        return replace(job, journal=journal)

    def _with_trouble(self, job: Job, trouble: Trouble) -> tuple[Trouble, ...]:
        stamped = trouble.model_copy(update={"at": self._clock()})
        return (*job.journal.troubles, stamped)[-20:]
