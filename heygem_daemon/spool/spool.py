"""The spool: the one class that moves users' files."""

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.spool import claim, lock, publish, record_store, recovery
from heygem_daemon.spool.access import SpoolAccess
from heygem_daemon.spool.assistants import AssistantFolders
from heygem_daemon.spool.attempt_count import count_start
from heygem_daemon.spool.batch.batches import Batches
from heygem_daemon.spool.ended_jobs import EndedJobs
from heygem_daemon.spool.files import FileOperations, is_file, is_folder, translate_os_errors
from heygem_daemon.spool.folder_pages import FolderPages
from heygem_daemon.spool.hot_folders import HotFolders
from heygem_daemon.spool.job import STAGE_FOLDER, Job, Journal, Pair, PublishedPaths, Report
from heygem_daemon.spool.kept_chunks import count_chunks, keep_chunks, take_kept_chunks
from heygem_daemon.spool.layout import SpoolLayout, save_journal
from heygem_daemon.spool.lease import lease_anew
from heygem_daemon.spool.mounts import find_missing_mount, find_mount
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.own_folders import require_identity, require_private
from heygem_daemon.spool.progress_files import ProgressFiles
from heygem_daemon.spool.reason import Failure
from heygem_daemon.spool.sidecars import SidecarAnswers, read_now
from heygem_daemon.spool.steered import record_hurry, take_late_sidecar
from heygem_daemon.system import paths

PRIVATE_MODE = 0o700
"""Permissions of the folders whose content decides what the daemon does."""

INBOX_MODE = 0o1777
"""Permissions of a new inbox, less the umask. The sticky bit: of several users who may write there,
each can rename and delete only what is his own; the daemon, whose folder it is, all."""

LOGS_MODE = 0o755
"""Permissions of a new folder of logs, less the umask."""


class Spool(SpoolLayout):
    """A folder tree in which the folder of a job is the job's state.

    Every method raises SpoolUnavailable if the disk or share is full, read-only or gone. The job
    is then where it was, or half moved, and the call can be repeated later.
    """

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float] = time.time,
        files: FileOperations | None = None,
    ) -> None:
        """``clock`` returns seconds since the epoch; tests pass ``files`` to simulate faults."""
        super().__init__(root.resolve())
        self._clock = clock
        self._lock_file = self.state / "lock"
        self._lock: lock.HeldLock | None = None
        self._mount_point = Path("/")
        self._folder_identities: dict[Path, tuple[int, int]] = {}
        """Device and inode of each folder when the spool was opened, or the folder was made."""
        self.files = files or FileOperations()
        self.language: LanguageSetting = "both"
        """In which languages reasons are written."""
        plain = SpoolLayout(self.root)
        self.hot_folders = HotFolders(plain, self.files)
        self._place = self.hot_folders.open
        self.folder_pages = FolderPages(plain, self.hot_folders.outboxes)
        access = SpoolAccess(plain, self.files, clock, self._guard, self._place)
        self.assistants = AssistantFolders(access)
        self.batches = Batches(access)
        self.progress = ProgressFiles(
            plain, self.files, self._guard, self.batches.make_result_layout
        )
        self.ended = EndedJobs(access, self.batches)

    def prepare(self) -> None:
        """Make missing folders and the sentinel; check that all lie on one file system.

        Raises SpoolUnavailable also if a disk or share should be mounted at or above the spool,
        but is not.
        """
        if (mount := find_missing_mount(self.root)) is not None:
            raise SpoolUnavailable(
                f"the spool {printable(str(self.root))} is not there: /etc/fstab names a disk or "
                f"share for {printable(str(mount))}, and it is not mounted"
            )
        with translate_os_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in self.folders:
                self._prepare_folder(folder)
            for folder in self.private_folders:
                require_private(folder)
            if not is_folder(self.finished):
                paths.make_folder(self.finished, PRIVATE_MODE)
            if not is_file(self.sentinel):
                self.files.write(self.sentinel, f"{uuid.uuid4()}\n".encode())

    def restore_folders(self) -> None:
        """Make folders again that somebody removed, if the spool is mounted."""
        if self.is_mounted():
            with translate_os_errors(self.root):
                for folder in self.folders:
                    if not paths.exists(folder):
                        self._prepare_folder(folder)

    def check_folders(self) -> None:
        """Raise SpoolUnavailable if a folder of the open spool was replaced, by a link or by
        another folder. A missing one passes: ``restore_folders`` makes it again."""
        with translate_os_errors(self.root):
            handle = paths.open_folder(self.root)
            try:
                for folder in self.folders:
                    with contextlib.suppress(FileNotFoundError):
                        status = os.stat(folder.name, dir_fd=handle, follow_symlinks=False)
                        require_identity(folder, status, self._folder_identities.get(folder))
            finally:
                os.close(handle)

    def is_mounted(self) -> bool:
        """Return whether the sentinel that ``prepare`` wrote exists; False if the mount is lost."""
        try:
            return is_file(self.sentinel)
        except OSError:
            return False

    def is_lost(self, job: Job) -> bool:
        """Return whether somebody removed the job's folder, but not the whole spool."""
        # A member of a batch has no folder of its own before its first attempt.
        folder = job.folder.parent if job.journal.member else job.folder
        with translate_os_errors(self.root):
            return not is_folder(folder) and self.is_mounted()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the spool for the block. Raises SpoolBusy with the one that holds the lock."""
        with contextlib.ExitStack() as stack:
            with translate_os_errors(self.root):
                self._lock = stack.enter_context(lock.hold_lock(self._lock_file, self._clock()))
                self._mount_point = find_mount(self.root).point
            try:
                yield
            finally:
                self._lock = None

    def require_lock(self) -> None:
        """Raise SpoolBusy if another daemon has taken over the spool that this one locked."""
        if self._lock is not None:
            self._lock.require()

    def is_replaced(self) -> bool:
        """Return whether another spool, or an empty mount, is at the path of the locked spool."""
        if self._lock is None:
            return False
        with translate_os_errors(self.root):
            if self.is_mounted():
                return not self._lock.is_in_place()
            now, before = find_mount(self.root).point, self._mount_point
            return len(now.parts) > len(before.parts)

    def lock_holder(self) -> str | None:
        """Return a description of the process that holds the lock; None if none does."""
        return lock.lock_holder(self._lock_file)

    def now(self) -> float:
        """Return the spool's time in seconds since the epoch."""
        return self._clock()

    def open_folder(self, name: str) -> SpoolLayout:
        """Return the layout with the folders of a hot folder; missing ones are made."""
        with self._guard():
            return self._place(name)

    def claim(
        self, pair: Pair, answers: SidecarAnswers | None = None, hot_folder: HotFolder = PLAIN
    ) -> Job:
        """Claim all files of a pair in the inbox of ``hot_folder``, or none. Raises ClaimFailed if
        one is gone or held: the caller scans again. ``answers``: what the pair's sidecar holds, by
        its name; None: it is read now."""
        with self._guard():
            if answers is None:
                answers = read_now([pair.sidecar]) if pair.sidecar else {}
            layout, now = self._place(hot_folder.name), self._clock()
            return claim.claim_pair(layout, self.files, pair, now, answers, hot_folder)

    def take_sidecar(
        self, job: Job, sidecar: Path, answer: SidecarAnswer, hot_folder: HotFolder = PLAIN
    ) -> Job:
        """Let a sidecar belong to a claimed job that waits, as ``take_late_sidecar`` does."""
        with self._guard():
            return take_late_sidecar(self.files, job, sidecar, answer, hot_folder)

    def recover(
        self,
        active_ids: Collection[str] = (),
        on_fault: recovery.OnFault | None = None,
        on_return: recovery.OnReturn = lambda _request, _name: None,
    ) -> list[Job]:
        """Finish what a crash or fault interrupted, and return the jobs to queue, oldest first: at
        the start, and after SpoolUnavailable. The arguments are those of ``recovery.recover``."""
        with self._guard():
            files, batches, place = self.files, self.batches, self._place
            found = recovery.recover(self, files, batches, active_ids, place, on_fault, on_return)
            self.progress.clear_all_but(active_ids)
        return sorted(found, key=lambda job: (job.journal.claimed_at, job.id))

    def set_aside(self, folder: Path, why: str) -> None:
        """Move a folder of processing/ to failed/ with a reason.txt. ``why`` is a sentence."""
        with self._guard():
            clause = why.removesuffix(".")
            recovery.set_aside_claimed(self._place, self.files, folder, clause, self.language)

    def begin_attempt(self, job: Job, node: str = "") -> Job:
        """Count an attempt on ``node`` durably before it starts. Return the changed job."""
        with self._guard():
            count = count_start(job.journal, has_progressed=self.has_progressed(job))
            self._make_member_folder(job)
            self.files.remove_tree(job.folder / STAGE_FOLDER)
            job = lease_anew(self.files, job, node)
            take_kept_chunks(self.cache, self.files, job)
            self.files.make_folder(job.workspace)
            started = job.journal.started_at or self._clock()
            chunks = count_chunks(job.workspace)
            return self._save_changes(job, **count, chunks=chunks, started_at=started)

    def has_progressed(self, job: Job) -> bool:
        """Return whether the job has more finished chunks than at its last start."""
        return count_chunks(job.workspace) > job.journal.chunks

    def defer(self, job: Job, reason: str) -> Job:
        """Record that an environment fault ended the attempt, which then does not count. Return the
        changed job."""
        with self._guard():
            return self._save_changes(
                job,
                attempts=max(0, job.journal.attempts - 1),
                at_work=False,
                deferrals=job.journal.deferrals + 1,
                troubles=job.journal.troubles_with(self._clock(), "deferred", reason),
            )

    def record_error(self, job: Job, error: str) -> Job:
        """Record that a crash or a bug ended the attempt, which counts. Return the changed job."""
        with self._guard():
            troubles = job.journal.troubles_with(self._clock(), "error", error)
            return self._save_changes(job, troubles=troubles, at_work=False)

    def hurry(self, job: Job, asked_ns: int) -> tuple[Job, bool]:
        """Record that the job goes first in its line. Return the changed job, and whether that is
        written in a journal. ``asked_ns``: when that was asked, nanoseconds since the epoch."""
        with self._guard():
            return record_hurry(self.files, job, asked_ns)

    def publish(
        self, job: Job, result: Path, report: Report, strip: Path | None = None, warning: str = ""
    ) -> PublishedPaths:
        """Move result, report and strip to the outbox under a free name, and inputs to done/."""
        outputs = publish.Outputs(result, report, strip, warning)
        with self._guard():
            layout = self.batches.make_result_layout(job)
            journal = publish.publish_job(layout, self.files, job, outputs, self._clock())
        strips = [file.name for file in journal.published if file.name.endswith(".png")]
        return PublishedPaths(
            name=journal.name,
            video=layout.outbox / publish.published_video(journal),
            report=layout.outbox / publish.published_report(journal),
            strip=layout.outbox / strips[0] if strips else None,
            inputs=layout.final_folder(journal),
            journal=journal,
        )

    def fail(self, job: Job, reason: str, remedy: str = "") -> Path:
        """Move the inputs to failed/<name>/ with a reason.txt. Return that folder."""
        return self.record_failure(job, reason, remedy)[1]

    def record_failure(
        self, job: Job, reason: str, remedy: str = "", *, cancelled: bool = False
    ) -> tuple[Journal, Path]:
        """Do the same, also for a job that somebody has cancelled. Return the final journal too."""
        with self._guard():
            layout = self.batches.make_failure_layout(job)
            self._make_member_folder(job)
            keep_chunks(self.cache, self.files, job)
            why = Failure(reason, remedy, self.language, cancelled)
            return publish.fail_job(layout, self.files, job, why, self._clock())

    def retry(self, name: str) -> str:
        """Do what ``EndedJobs.retry`` does."""
        return self.ended.retry(name)

    def latest_published(self, limit: int = 10) -> list[Journal]:
        """Return the journals of the last published jobs, latest first, as commands name them."""
        with self._guard():
            return record_store.latest_journals(self, "published", limit)

    def latest_failed(self, limit: int = 10) -> list[Journal]:
        """Do the same for the failed jobs."""
        with self._guard():
            return record_store.latest_journals(self, "failed", limit)

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        """Surround an access to the spool: no other daemon may have taken it over, no folder may
        have been replaced, and an error of the disk or share becomes SpoolUnavailable."""
        self.require_lock()
        self.check_folders()
        with translate_os_errors(self.root):
            yield

    def _prepare_folder(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self.files.make_folder(folder, self._mode(folder))
        if not is_folder(folder):
            raise SpoolUnavailable(
                f"{printable(str(folder))} is not a folder (a link is not allowed)."
            )
        status = paths.lstat(folder)
        if status.st_dev != paths.lstat(self.root).st_dev:
            raise SpoolUnavailable(
                f"{printable(str(folder))} is on another file system than the spool. Jobs are "
                "moved by renaming, so the whole spool must be on one file system."
            )
        self._folder_identities[folder] = (status.st_dev, status.st_ino)

    def _mode(self, folder: Path) -> int:
        """Return the permissions that a new folder of the spool gets, less the umask."""
        if folder in self.private_folders:
            return PRIVATE_MODE
        return {self.inbox: INBOX_MODE, self.logs: LOGS_MODE}.get(folder, 0o777)

    def _make_member_folder(self, job: Job) -> None:
        """Make the folder of a batch's member, which has none before it is needed."""
        if job.journal.member is not None and not is_folder(job.folder):
            self.files.make_folder(job.folder, PRIVATE_MODE)

    def _save_changes(self, job: Job, **changes: object) -> Job:
        journal = job.journal.model_copy(update=changes)
        save_journal(self.files, job.folder, journal)
        return replace(job, journal=journal)
