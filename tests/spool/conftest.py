"""A spool on a real file system, pairs to drop into it, and disks with faults."""

import itertools
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from heygem_daemon.config.sidecar import SidecarAnswer, read_sidecar
from heygem_daemon.spool.files import FOLDER_MODE, FileOperations
from heygem_daemon.spool.inbox import scan
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.pairing import pair_files
from heygem_daemon.spool.spool import Spool

AUDIO, VIDEO = b"sound of the job", b"pictures of the job"

Drop = Callable[..., None]
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]


class Killed(BaseException):
    """Stands for the end of the process. A BaseException, so that no handler stops it."""


class Disk(FileOperations):
    """Calls ``before(step, number, path)`` before every file operation. ``number`` is from 0."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def before(self, step: str, number: int, path: Path) -> None:
        raise NotImplementedError

    def _step(self, step: str, path: Path) -> None:
        self.before(step, next(self._numbers), path)

    def make_folder(self, path: Path, mode: int = FOLDER_MODE) -> None:
        self._step("make_folder", path)
        super().make_folder(path, mode)

    def write(self, path: Path, data: bytes) -> None:
        self._step("write", path)
        super().write(path, data)

    def append_line(self, path: Path, line: bytes) -> None:
        self._step("append_line", path)
        super().append_line(path, line)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", source)
        super().rename(source, target)

    def exchange(self, source: Path, target: Path) -> bool:
        self._step("exchange", source)
        return super().exchange(source, target)

    def open_to_others(self, handle: int) -> None:
        self._step("open_to_others", Path(f"/proc/self/fd/{handle}").readlink())
        super().open_to_others(handle)

    def move_across(self, source: Path, target: Path) -> None:
        self._step("move_across", source)
        super().move_across(source, target)

    def remove_file(self, path: Path) -> None:
        self._step("remove_file", path)
        super().remove_file(path)

    def remove_file_if(self, path: Path, condition: Callable[[os.stat_result], bool]) -> None:
        self._step("remove_file", path)
        super().remove_file_if(path, condition)

    def remove_tree(self, path: Path) -> None:
        self._step("remove_tree", path)
        super().remove_tree(path)

    def remove_empty(self, path: Path) -> bool:
        self._step("remove_empty", path)
        return super().remove_empty(path)


class KillingDisk(Disk):
    """Kills the process before one operation, or (``torn``) in the middle if it is not atomic."""

    def __init__(self, at: int, torn: bool = False) -> None:
        super().__init__()
        self._at = at
        self._torn = torn

    def before(self, step: str, number: int, path: Path) -> None:
        if number != self._at:
            return
        if self._torn and step == "write":
            path.with_name(f".{path.name}.part").write_bytes(b"{")
        if self._torn and step == "remove_tree" and path.is_dir():
            for child in sorted(path.iterdir())[:1]:
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        raise Killed(step)


class FaultyDisk(Disk):
    """One operation fails with an error of the disk: before it, or (``late``) after it is done."""

    def __init__(self, at: int, number: int, late: bool = False) -> None:
        super().__init__()
        self._at = at
        self._errno = number
        self._late = late
        self._armed = False

    def before(self, step: str, number: int, path: Path) -> None:
        self._armed = self._late and number == self._at
        if number == self._at and not self._late:
            self._fail(path)

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._fail_late(path)

    def move_unsynced(self, source: Path, target: Path) -> None:
        super().move_unsynced(source, target)
        self._fail_late(target)

    def make_folder(self, path: Path, mode: int = FOLDER_MODE) -> None:
        super().make_folder(path, mode)
        self._fail_late(path)

    def move_across(self, source: Path, target: Path) -> None:
        super().move_across(source, target)
        self._fail_late(target)

    def _fail_late(self, path: Path) -> None:
        if self._armed:
            self._armed = False
            self._fail(path)

    def _fail(self, path: Path) -> None:
        raise OSError(self._errno, os.strerror(self._errno), str(path))


class ForgetfulDisk(FileOperations):
    """Every rename takes place but reports an error, as if NFS lost the reply."""

    def __init__(self, number: int) -> None:
        self._errno = number

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        raise OSError(self._errno, os.strerror(self._errno), str(source), None, str(target))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    found = Spool(tmp_path / "spool")
    found.prepare()
    return found


@pytest.fixture
def drop() -> Drop:
    """Put a pair of files into an inbox, as a user would."""

    def dropped(spool: Spool, audio: str = "talk.wav", video: str = "talk.mp4") -> None:
        (spool.inbox / audio).write_bytes(AUDIO)
        (spool.inbox / video).write_bytes(VIDEO)

    return dropped


@pytest.fixture
def first_pair() -> Callable[[Spool], Pair]:
    return lambda spool: pair_files(scan(spool.inbox).entries).pairs[0]


@pytest.fixture
def take(drop: Drop, first_pair: Callable[[Spool], Pair]) -> Take:
    """Drop a pair, claim it and begin an attempt."""

    def taken(spool: Spool, audio: str = "talk.wav", video: str = "talk.mp4") -> Job:
        drop(spool, audio, video)
        return spool.begin_attempt(spool.claim(first_pair(spool)))

    return taken


@pytest.fixture
def publish() -> Publish:
    """Publish a job, as a worker and the service do."""

    def published(spool: Spool, job: Job) -> None:
        result, strip = job.workspace / "result.mp4", job.workspace / "strip.png"
        job.workspace.mkdir(exist_ok=True)
        result.write_bytes(b"lips in sync")
        strip.write_bytes(b"before and after")
        spool.publish(job, result, {"job": job.name}, strip)

    return published


@pytest.fixture
def tree() -> Callable[[Spool], dict[str, bytes | None]]:
    """Return all files and empty folders of jobs with their content (None: a folder)."""

    def listed(spool: Spool) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        for part in (spool.inbox, spool.processing, spool.outbox, spool.done, spool.failed):
            for path in part.rglob("*"):
                if path.is_file():
                    found[str(path.relative_to(spool.root))] = path.read_bytes()
                elif not any(path.iterdir()):
                    found[str(path.relative_to(spool.root))] = None
        return found

    return listed


@pytest.fixture
def killed() -> type[Killed]:
    return Killed


@pytest.fixture
def killing_disk() -> type[KillingDisk]:
    return KillingDisk


@pytest.fixture
def faulty_disk() -> type[FaultyDisk]:
    return FaultyDisk


@pytest.fixture
def forgetful_disk() -> type[ForgetfulDisk]:
    return ForgetfulDisk


@pytest.fixture
def sidecars_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read sidecars in this process, in tests of very many claims: a child process takes a fifth of
    a second for each."""

    def read_here(files: Sequence[Path]) -> dict[str, SidecarAnswer]:
        return {file.name: read_sidecar(file, file.name) for file in files if file.exists()}

    for module in ("spool", "batch.batches", "batch.claim"):
        monkeypatch.setattr(f"heygem_daemon.spool.{module}.read_now", read_here)


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip syncing, in tests of thousands of operations that check only their order."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
