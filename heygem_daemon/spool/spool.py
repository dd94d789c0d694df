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
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.job import STAGE_FOLDER, AttemptFailure, Job, Journal, Pair, PublishedPaths
from heygem_daemon.spool.layout import SpoolLayout, save_journal
from heygem_daemon.spool.mounts import find_missing_mount, find_mount
from heygem_daemon.spool.names import printable


class Spool(SpoolLayout):
    """A folder tree whose directories are the states of the jobs in it.

    Every method raises SpoolUnavailable when the disk or share is full, read-only or gone;
    the job is then where it was, or half moved, and the call can be repeated later.
    """

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float] = time.time,
        files: FileOperations | None = None,
    ) -> None:
        """``clock`` gives seconds since the epoch; ``files`` is there for tests of faults."""
        super().__init__(root.absolute())
        self._clock = clock
        self._lock_handle: int | None = None
        self._mount_point = Path("/")
        self.files = files or FileOperations()
        self.batches = Batches(SpoolLayout(self.root), self.files, clock)

    def prepare(self) -> None:
        """Make the folders and the sentinel where missing; check that they are one file system.

        Raises SpoolUnavailable, too, where a disk or share belongs that is not mounted yet.
        """
        if (mount := find_missing_mount(self.root)) is not None:
            raise SpoolUnavailable(
                f"the spool {printable(str(self.root))} is not there: /etc/fstab names a disk or "
                f"share for {printable(str(mount))}, and it is not mounted"
            )
        with translate_os_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in self.folders:
                self._make_folder(folder)
            if not is_file(self.sentinel):
                self.files.write(self.sentinel, f"{uuid.uuid4()}\n".encode())

    def restore_folders(self) -> None:
        """Make folders again that somebody has removed from a spool that is there."""
        if self.is_mounted():
            self.prepare()

    def is_mounted(self) -> bool:
        """Whether the sentinel that ``prepare`` wrote is there: False on a lost mount."""
        try:
            return is_file(self.sentinel)
        except OSError:
            return False

    def is_lost(self, job: Job) -> bool:
        """Whether somebody removed the job's folder, and not the whole spool with it."""
        # A member of a batch has no folder of its own before it is begun.
        folder = job.folder.parent if job.journal.member else job.folder
        with translate_os_errors(self.root):
            return not is_folder(folder) and self.is_mounted()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Own the spool; raises SpoolBusy, with who holds it, if another process does."""
        with contextlib.ExitStack() as stack:
            with translate_os_errors(self.root):
                self._lock_handle = stack.enter_context(
                    lock.hold_lock(self._lock_file, self._clock())
                )
                self._mount_point = find_mount(self.root).point
            try:
                yield
            finally:
                self._lock_handle = None

    def is_replaced(self) -> bool:
        """Whether another spool lies here now than the one that we own, or a place for one: a disk
        or share was mounted over it, or mounted anew."""
        if self._lock_handle is None:
            return False
        with translate_os_errors(self.root):
            if self.is_mounted():
                return not lock.is_locked_file(self._lock_file, self._lock_handle)
            now, before = find_mount(self.root).point, self._mount_point
            return len(now.parts) > len(before.parts)

    def lock_holder(self) -> str | None:
        """Who holds the lock, in words; None if nobody does."""
        return lock.lock_holder(self._lock_file)

    def now(self) -> float:
        """The spool's time, seconds since the epoch."""
        return self._clock()

    def claim(self, pair: Pair) -> Job:
        """Take both files or none. Raises ClaimFailed if one is gone or held: scan again."""
        with translate_os_errors(self.root):
            return claim.claim_pair(self, self.files, pair, self._clock())

    def recover(self, active_ids: Collection[str] = ()) -> list[Job]:
        """Finish what a crash or fault left half done, and give the jobs to queue, oldest first.

        What had begun to be published, failed or returned is brought to its end; half claims go
        back into the inbox; folders that cannot be read are set aside under failed/. For the
        start, and after a SpoolUnavailable; jobs whose ids are ``known`` are left alone.
        """
        with translate_os_errors(self.root):
            found = recovery.recover(self, self.files, self.batches, active_ids)
        return sorted(found, key=lambda job: (job.journal.claimed_at, job.id))

    def begin_attempt(self, job: Job) -> Job:
        """Count an attempt, durably, before it starts."""
        with translate_os_errors(self.root):
            self._make_member_folder(job)
            self.files.remove_tree(job.folder / STAGE_FOLDER)
            self.files.make_folder(job.workspace)
            return self._save_changes(job, attempts=job.journal.attempts + 1)

    def defer(self, job: Job, reason: str) -> Job:
        """An environment fault ended the attempt: it does not count."""
        with translate_os_errors(self.root):
            return self._save_changes(
                job,
                attempts=max(0, job.journal.attempts - 1),
                deferrals=job.journal.deferrals + 1,
                troubles=self._add_failure(job, AttemptFailure(at=0, kind="deferred", text=reason)),
            )

    def record_error(self, job: Job, error: str) -> Job:
        """A crash or bug ended the attempt: it counts."""
        with translate_os_errors(self.root):
            return self._save_changes(
                job, troubles=self._add_failure(job, AttemptFailure(at=0, kind="error", text=error))
            )

    def publish(
        self, job: Job, result: Path, report: Mapping[str, object], strip: Path | None = None
    ) -> PublishedPaths:
        """Move result, report and strip into the outbox under a free name, inputs to done/."""
        outputs = publish.Outputs(result, report, strip)
        with translate_os_errors(self.root):
            layout = self.batches.layout_of(job)
            journal = publish.publish_job(layout, self.files, job, outputs, self._clock())
        strips = [file.name for file in journal.published if file.name.endswith(".png")]
        return PublishedPaths(
            name=journal.name,
            video=layout.outbox / f"{journal.name}.mp4",
            report=layout.outbox / f"{journal.name}.json",
            strip=layout.outbox / strips[0] if strips else None,
            inputs=layout.final_folder(journal),
        )

    def fail(self, job: Job, reason: str, remedy: str = "") -> Path:
        """Move the inputs to failed/<name>/ with reason.txt; gives that folder."""
        with translate_os_errors(self.root):
            layout = self.batches.make_failure_layout(job)
            self._make_member_folder(job)
            return publish.fail_job(layout, self.files, job, reason, remedy, self._clock())[1]

    def retry(self, name: str) -> str:
        """Put the inputs of failed/<name> back into the inbox; gives the name they have there.

        ``name`` may be a batch's, for all of its failed members, or ``batch/member``; both come
        back as a folder. Raises BadInput if there is no such failed job.
        """
        with translate_os_errors(self.root):
            return recovery.retry_failed(self, self.files, self.batches, name)

    def remove(self, name: str) -> list[Path]:
        """Delete the published job ``name`` (result, report, strip, inputs), the batch of that
        name, or, if there is neither, the failed one; gives what was deleted. ``batch/member``
        means one member. Raises BadInput if there is nothing of that name."""
        with translate_os_errors(self.root):
            return recovery.remove_finished(self, self.files, self.batches, name)

    def latest_published(self, limit: int = 10) -> list[Journal]:
        """The last published jobs, latest first."""
        with translate_os_errors(self.root):
            return finished.latest_journals(self.done, limit)

    def latest_failed(self, limit: int = 10) -> list[Journal]:
        """The last failed jobs, latest first."""
        with translate_os_errors(self.root):
            return finished.latest_journals(self.failed, limit)

    @property
    def _lock_file(self) -> Path:
        return self.state / "lock"

    def _make_folder(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self.files.make_folder(folder)
        if not is_folder(folder):
            raise SpoolUnavailable(f"{printable(str(folder))} is no folder (a link does not do).")
        if folder.lstat().st_dev != self.root.stat().st_dev:
            raise SpoolUnavailable(
                f"{printable(str(folder))} lies on another file system than the spool: jobs are "
                "moved by renaming, so that the whole spool must be one file system."
            )

    def _make_member_folder(self, job: Job) -> None:
        """A member of a batch gets a folder of its own when it is needed, and not before."""
        if job.journal.member is not None and not is_folder(job.folder):
            self.files.make_folder(job.folder)

    def _save_changes(self, job: Job, **changes: object) -> Job:
        journal = job.journal.model_copy(update=changes)
        save_journal(self.files, job.folder, journal)
        return replace(job, journal=journal)

    def _add_failure(self, job: Job, trouble: AttemptFailure) -> tuple[AttemptFailure, ...]:
        stamped = trouble.model_copy(update={"at": self._clock()})
        return (*job.journal.troubles, stamped)[-20:]
