"""``<name>.rendering.txt`` in the outbox: how far a job is, while it is rendered.

Users can write to the outbox. So a file counts as the daemon's by its inode. There are two files
for each job, which ``.state/progress/<job id>.json`` names before one of them appears. The other
one lies beside that record: it gets the next text, and the two are exchanged in one step. What
comes out of the outbox and is not the daemon's goes back. After a crash, the records tell what has
to be cleared away.
"""

import errno
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.files import FILE_MODE, FileOperations, is_folder
from heygem_daemon.spool.free_names import TakenNames, names_to_try
from heygem_daemon.spool.job import FileName, FrozenModel, Job
from heygem_daemon.spool.layout import SpoolLayout, names_in
from heygem_daemon.spool.names import split_extension
from heygem_daemon.system import paths
from heygem_daemon.system.untrusted import UnreadableText, parse_model, read_text

SUFFIX = ".rendering.txt"

FOLDER = "progress"
"""Folder in .state/ for the records and for texts on their way to the outbox."""

MAX_NUMBER = 3
"""Where so many names are taken, the job has no such file until one of them is free."""


class ProgressRecord(FrozenModel):
    """``<job id>.json``: the file of a job."""

    path: tuple[FileName, ...]
    """From the spool's root."""

    inodes: tuple[int, ...]
    """Of the job's two files."""


@dataclass(slots=True)
class _Shown:
    """The file of a running job."""

    record: ProgressRecord

    text: str
    """Empty: somebody has removed the file, or put his own in its place, and it stays so."""


class ProgressFiles:
    """Shows the progress of jobs in the outbox. Raises SpoolUnavailable, OSError; every call can be
    repeated."""

    def __init__(
        self,
        layout: SpoolLayout,
        files: FileOperations,
        guard: Callable[[], AbstractContextManager[None]],
        result_layout: Callable[[Job], SpoolLayout],
    ) -> None:
        """``result_layout`` returns the layout with the outbox of a job."""
        self._layout = layout
        self._folder = layout.state / FOLDER
        self._files = files
        self._guard = guard
        self._result_layout = result_layout
        self._shown: dict[str, _Shown] = {}
        self._blocked: dict[str, str] = {}
        """The file of each job for which all names are taken, from the spool's root."""

    @property
    def faults(self) -> dict[str, Exception]:
        """Why files could not be written the last time, by their paths in the spool."""
        taken = errno.EEXIST, os.strerror(errno.EEXIST)
        return {path: FileExistsError(*taken, path) for path in self._blocked.values()}

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the jobs that have a file."""
        return frozenset(self._shown.keys() | self._blocked.keys())

    def show(self, job: Job, text: str) -> None:
        """Let the file of a job hold ``text``."""
        shown = self._shown.get(job.id)
        if shown is not None and shown.text in ("", text):
            return
        with self._guard():
            if shown is None or self._is_displaced(shown):
                self._begin(job, text)
            else:
                self._change(job.id, shown, text)

    def clear(self, job_id: str) -> None:
        """Remove the file of a job, if it is there and still the daemon's."""
        with self._guard():
            paths.lstat(self._folder)  # gone where the spool is not mounted any more
            self._clear(job_id)

    def clear_all_but(self, job_ids: Collection[str]) -> None:
        """Remove what an earlier run of the daemon has left, but for the jobs ``job_ids``. What
        cannot be removed now stays until the next start."""
        if not is_folder(self._folder):
            return
        for name in names_in(self._folder):
            if name.startswith("."):  # a write that was interrupted
                self._files.remove_file(self._folder / name)
            elif (job_id := split_extension(name)[0]) not in job_ids:
                with suppress(OSError):
                    self._clear(job_id)

    def _begin(self, job: Job, text: str) -> None:
        outbox = self._result_layout(job).outbox
        if not is_folder(self._folder):
            self._files.make_folder(self._folder, 0o700)
        free = [each for each in _targets(outbox, job.name) if not paths.exists(each)]
        if not free or not self._place(job.id, free, text):
            self._shown.pop(job.id, None)
            wanted = outbox / (job.name + SUFFIX)
            self._blocked[job.id] = str(wanted.relative_to(self._layout.root))

    def _place(self, job_id: str, targets: Iterable[Path], text: str) -> bool:
        """Put the file of a job at the first of ``targets`` that is free; return False where none
        is."""
        first, second = self._first(job_id), self._second(job_id)
        for path in (first, second):
            self._files.remove_file(path)
            self._write(path, text)
        inodes = tuple(paths.lstat(path).st_ino for path in (first, second))
        for target in targets:
            place = target.relative_to(self._layout.root).parts
            record = ProgressRecord(path=place, inodes=inodes)
            self._save(job_id, record)
            try:
                self._files.move(first, target)
            except FileExistsError:
                continue
            self._shown[job_id] = _Shown(record, text)
            self._blocked.pop(job_id, None)
            return True
        return False

    def _is_displaced(self, shown: _Shown) -> bool:
        """Return whether something that is no file has the place of the job's."""
        target = self._layout.root.joinpath(*shown.record.path)
        return paths.file_type(target) not in {0, stat.S_IFREG}

    def _change(self, job_id: str, shown: _Shown, text: str) -> None:
        draft, target = self._second(job_id), self._layout.root.joinpath(*shown.record.path)
        self._write(draft, text)
        try:
            found = self._files.exchange(draft, target)
        except FileNotFoundError:
            shown.text = ""
            return
        if not found:
            self._overwrite(target, shown.record, text)
        elif not self._is_own(draft, shown.record):
            self._files.exchange(draft, target)
            shown.text = ""
            return
        shown.text = text

    def _overwrite(self, target: Path, record: ProgressRecord, text: str) -> None:
        """Write a text into the file that is there: the file system cannot exchange two."""
        handle = paths.open_file(target, os.O_WRONLY)
        with os.fdopen(handle, "wb") as file:
            if _matches(record, os.fstat(handle)):
                file.write(text.encode())
                file.truncate()

    def _clear(self, job_id: str) -> None:
        second, record = self._second(job_id), self._load(job_id)
        if record is not None:
            target = self._layout.root.joinpath(*record.path)
            if paths.exists(second) and not self._is_own(second, record):
                self._give_back(second, target)
            self._files.remove_file_if(target, lambda status: _matches(record, status))
        for path in (self._first(job_id), second):
            self._files.remove_file(path)
        self._files.remove_file(self._record(job_id))
        self._blocked.pop(job_id, None)
        self._shown.pop(job_id, None)  # last: what cannot be removed now is tried again

    def _give_back(self, draft: Path, target: Path) -> None:
        """Put a user's file back that was exchanged with the daemon's before a crash."""
        names = names_to_try(target.name, TakenNames.in_folder(target.parent).free)
        while True:
            try:
                self._files.move(draft, target.parent / next(names))
            except FileExistsError:
                continue
            return

    def _is_own(self, path: Path, record: ProgressRecord) -> bool:
        return _matches(record, paths.lstat(path))

    def _first(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.first"

    def _second(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.second"

    def _record(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _write(self, draft: Path, text: str) -> None:
        """Write a text into the draft, which keeps its inode if it is there."""
        handle = paths.open_file(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())

    def _save(self, job_id: str, record: ProgressRecord) -> None:
        self._files.write(self._record(job_id), json.dumps(record.model_dump()).encode() + b"\n")

    def _load(self, job_id: str) -> ProgressRecord | None:
        try:
            return parse_model(ProgressRecord, read_text(self._record(job_id)))
        except (UnreadableText, FileNotFoundError):
            return None


def _targets(outbox: Path, name: str) -> Iterator[Path]:
    yield outbox / (name + SUFFIX)
    for number in range(2, MAX_NUMBER + 1):
        yield outbox / f"{name} ({number}){SUFFIX}"


def _matches(record: ProgressRecord, status: os.stat_result) -> bool:
    """Return whether a file with the lstat ``status`` is one that the daemon made for the job."""
    is_file = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
    return is_file and status.st_ino in record.inodes and status.st_uid == os.geteuid()
