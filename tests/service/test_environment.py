"""Real faults of real file systems under a daemon at work: the job waits, and is finished."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.errors import SpoolBusy
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Crashed, FromWorker, Render
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.mounts import find_mount
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import WorkerDied
from heygem_daemon.worker.main import failure_message

if TYPE_CHECKING:
    from tests.service.conftest import ServiceHarness

Mount = Callable[..., None]
RESULT = ["talk.json", "talk.mp4", "talk.png"]


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs root and its means: {done.stderr.strip()}")


@pytest.fixture
def disk(stage: "ServiceHarness", tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small disk in memory where the spool lies, or mounts it again with other options."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    root = stage.spool.root

    def mount(options: str) -> None:
        root.mkdir(exist_ok=True)
        _do("mount", "-t", "tmpfs", "-o", options, "spool-under-test", root)

    yield mount
    for place in (root, tmp_path / "share"):
        while os.path.ismount(place):
            subprocess.run(["umount", "--lazy", place], check=True)


def _fill(stage: "ServiceHarness") -> Path:
    """Leave no byte on the disk."""
    ballast = stage.spool.root / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    return ballast


def _use_up_inodes(stage: "ServiceHarness") -> Path:
    folder = stage.spool.root / "many"
    folder.mkdir()
    for number in range(100_000):
        try:
            (folder / str(number)).touch()
        except OSError:
            break
    return folder


def _is_finished(stage: "ServiceHarness") -> None:
    assert stage.outbox() == RESULT
    assert [path.name for path in stage.spool.done.iterdir()] == ["talk"]
    assert (stage.processing(), stage.failed()) == (0, [])
    assert stage.status().hold is None
    assert json.loads((stage.spool.outbox / "talk.json").read_text())["attempts"] == 1


def _waits_for(stage: "ServiceHarness", words: str) -> None:
    """Status and log name what is missing, the log once for each step that lacks it."""
    assert words in (stage.status().hold or "")
    assert stage.status().is_fresh(stage.clock.wall())
    held = [line for line in stage.log if line.startswith("ERROR on hold")]
    assert held
    assert len(held) == len(set(held)) <= 3
    assert any(words in line for line in held)


@pytest.mark.parametrize(
    ("options", "use_up", "words"),
    [
        ("size=2m", _fill, "the disk is full"),
        ("size=8m,nr_inodes=60", _use_up_inodes, "out of inodes"),
    ],
    ids=["blocks", "inodes"],
)
def test_rule_15_a_full_disk_before_the_claim(
    stage: "ServiceHarness",
    disk: Mount,
    options: str,
    use_up: Callable[["ServiceHarness"], Path],
    words: str,
) -> None:
    disk(options)
    service = stage.service()
    stage.run_rounds(service, 2)
    stage.drop("talk.wav", "talk.mp4")
    ballast = use_up(stage)
    stage.run_rounds(service, 30)
    _waits_for(stage, words)
    assert stage.executor.submitted == []
    _remove(ballast)
    stage.run_rounds(service, 30)
    _is_finished(stage)


@pytest.mark.parametrize(
    ("options", "use_up", "words"),
    [
        ("size=2m", _fill, "the disk is full"),
        ("size=8m,nr_inodes=60", _use_up_inodes, "out of inodes"),
    ],
    ids=["blocks", "inodes"],
)
def test_rule_15_a_disk_that_fills_while_a_job_is_rendered(
    stage: "ServiceHarness",
    disk: Mount,
    options: str,
    use_up: Callable[["ServiceHarness"], Path],
    words: str,
) -> None:
    disk(options)
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 10)
    for message in stage.rendered(stage.executor.submitted[0]):
        stage.executor.emit(CPU, message)
    ballast = use_up(stage)
    stage.run_rounds(service, 30)
    (job,) = stage.status().jobs
    assert job.state == "publishing"
    assert words in (job.reason or "")
    assert stage.logged("ERROR the spool cannot take the job's outcome: the spool cannot") == 1
    assert stage.outbox() == []
    _remove(ballast)
    stage.run_rounds(service, 60)
    _is_finished(stage)


def test_rule_15_a_worker_that_finds_the_disk_full_tries_again_later(
    stage: "ServiceHarness", disk: Mount
) -> None:
    disk("size=2m")
    ballast: list[Path] = []

    def draws(render: Render) -> list[FromWorker | WorkerDied]:
        segment = Path(render.workspace) / "segment.mp4"
        try:
            segment.write_bytes(bytes(1 << 16))
        except OSError as error:
            return [failure_message(render.job_id, error)]
        finally:
            segment.unlink()
        return stage.rendered(render)

    stage.executor.answer = draws
    service = stage.service()
    stage.run_rounds(service, 2)
    stage.drop("talk.wav", "talk.mp4")
    service.run_round()
    ballast.append(_fill(stage))
    with ballast[0].open("r+b") as file:
        file.truncate(ballast[0].stat().st_size - (1 << 15))
    stage.run_rounds(service, 30)
    (job,) = stage.status().jobs
    assert job.state == "deferred"
    assert "the disk is full (No space left" in (job.reason or "")
    ballast[0].unlink()
    stage.run_rounds(service, 60)
    _is_finished(stage)


def test_rule_15_a_disk_that_becomes_read_only(stage: "ServiceHarness", disk: Mount) -> None:
    disk("size=2m")
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 10)
    for message in stage.rendered(stage.executor.submitted[0]):
        stage.executor.emit(CPU, message)
    _do("mount", "--bind", stage.spool.root, stage.spool.root)
    _do("mount", "-o", "remount,bind,ro", stage.spool.root)
    stage.run_rounds(service, 30)
    assert stage.logged(
        "ERROR on hold (status): the spool cannot be used: the disk or share is mounted read-only"
    )
    assert stage.logged("ERROR the spool cannot take the job's outcome: the spool cannot") == 1
    _do("umount", stage.spool.root)
    stage.run_rounds(service, 60)
    _is_finished(stage)


@pytest.mark.parametrize("folder", ["outbox", "inbox", "processing", "done"])
def test_rule_15_a_permission_that_is_lost(stage: "ServiceHarness", folder: str) -> None:
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop("talk.wav", "talk.mp4")
    service.run_round()
    locked = stage.spool.root / folder
    if os.geteuid() != 0:
        locked.chmod(0o555)
    else:
        _do("chattr", "+i", locked)
    try:
        stage.run_rounds(service, 10)
        for render in stage.executor.submitted:
            for message in stage.rendered(render):
                stage.executor.emit(CPU, message)
        stage.run_rounds(service, 30)
        assert (stage.outbox() == []) == (folder != "done")
        status = stage.status()
        reasons = [status.hold, *(j.reason for j in status.jobs), *(f.reason for f in status.inbox)]
        assert any("ermission" in reason for reason in reasons if reason)
        assert stage.logged("ermission") >= 1
    finally:
        if os.geteuid() != 0:
            locked.chmod(0o755)
        else:
            _do("chattr", "-i", locked)
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 60)
    _is_finished(stage)


def test_rule_15_a_share_that_is_unmounted_under_a_running_job(
    stage: "ServiceHarness", disk: Mount, tmp_path: Path
) -> None:
    disk("size=8m")
    aside = tmp_path / "share"
    aside.mkdir()
    _do("mount", "--bind", stage.spool.root, aside)
    stage.executor.answer = lambda render: []
    service = stage.service()
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 10)
    _do("umount", "--lazy", stage.spool.root)
    stage.executor.emit(
        CPU, Crashed(job_id=stage.executor.submitted[0].job_id, error="gone", traceback="")
    )
    stage.run_rounds(service, 60)
    assert stage.logged("is its disk or share mounted?") == 3
    assert stage.logged("ERROR") == 3
    assert list(stage.spool.root.iterdir()) == []
    _do("mount", "--bind", aside, stage.spool.root)
    _do("umount", aside)
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 60)
    _is_finished(stage)


def test_a_share_that_is_mounted_only_after_the_start_is_opened(
    stage: "ServiceHarness", disk: Mount
) -> None:
    opened: list[str] = []

    @contextmanager
    def opening() -> Iterator[None]:
        opened.append(find_mount(stage.spool.inbox).type)
        yield

    stage.configure(device="cuda")  # jobs are claimed, and wait
    service = stage.service(opening)
    stage.drop("early.wav", "early.mp4")
    stage.run_rounds(service, 20)
    disk("size=8m")
    stage.run_rounds(service, 5)
    assert opened[1:] == ["tmpfs"]
    assert stage.logged("WARNING another disk or share was mounted") == 1
    assert stage.logged("WARNING the job is on the disk that was mounted here before") == 1
    with pytest.raises(SpoolBusy), Spool(stage.spool.root).lock():
        pass
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 20)
    assert [job.name for job in stage.status().jobs] == ["talk"]
    _do("umount", "--lazy", stage.spool.root)
    stage.run_rounds(service, 20)
    assert [job.name for job in stage.status().jobs] == ["early"]
    assert stage.failed() == []


def test_a_share_that_is_mounted_anew_is_locked_anew(stage: "ServiceHarness") -> None:
    service = stage.service()
    stage.run_rounds(service, 5)
    away = stage.spool.root.with_name("away")
    stage.spool.root.rename(away)
    shutil.copytree(away, stage.spool.root)
    stage.drop("talk.wav", "talk.mp4")
    stage.run_rounds(service, 30)
    with pytest.raises(SpoolBusy), Spool(stage.spool.root).lock():
        pass
    _is_finished(stage)


class FailingFiles(FileOperations):
    """A disk or share that answers every change with one error, until it is well again."""

    def __init__(self) -> None:
        self.error: int | None = None

    def _try(self, path: Path) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error), str(path))

    def make_folder(self, path: Path) -> None:
        self._try(path)
        super().make_folder(path)

    def write(self, path: Path, data: bytes) -> None:
        self._try(path)
        super().write(path, data)

    def rename(self, source: Path, target: Path) -> None:
        self._try(target)
        super().rename(source, target)


ANSWERS = [
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ESTALE,
    errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.EXDEV, errno.EBUSY, errno.ENODEV,
    errno.EMFILE,
]  # fmt: skip


@pytest.mark.parametrize("while_rendering", [False, True], ids=["claim", "publish"])
@pytest.mark.parametrize("number", ANSWERS, ids=errno.errorcode.get)
def test_rule_15_whatever_the_disk_answers_the_job_waits_and_is_finished(
    stage: "ServiceHarness", number: int, while_rendering: bool
) -> None:
    disk = FailingFiles()
    stage.spool = Spool(stage.spool.root, stage.clock.wall, disk)
    stage.executor.answer = lambda render: []
    service = stage.service()
    service.run_round()
    stage.drop("talk.wav", "talk.mp4")
    if while_rendering:
        stage.run_rounds(service, 10)
    disk.error = number
    for render in stage.executor.submitted:
        for message in stage.rendered(render):
            stage.executor.emit(CPU, message)
    stage.run_rounds(service, 60)
    status = stage.status()
    reasons = [status.hold, *(job.reason for job in status.jobs), *(f.reason for f in status.inbox)]
    assert any(os.strerror(number) in reason for reason in reasons if reason)
    assert 1 <= stage.logged(os.strerror(number)) <= 3
    assert stage.outbox() == []
    disk.error = None
    stage.executor.answer = stage.rendered
    stage.run_rounds(service, 60)
    _is_finished(stage)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
