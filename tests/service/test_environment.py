"""Real faults of real file systems while the daemon runs: the job waits, and is finished."""

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heygem_daemon.errors import EnvironmentFault, SpoolBusy
from heygem_daemon.gpu.placement import CPU
from heygem_daemon.protocol import Crashed, FromWorker, Render
from heygem_daemon.spool.files import FOLDER_MODE, FileOperations
from heygem_daemon.spool.mounts import find_mount
from heygem_daemon.spool.spool import Spool
from heygem_daemon.worker.executor import WorkerDied
from heygem_daemon.worker.main import failure_message
from tests.fakes.executor import keep_running, rendered
from tests.fakes.service import ServiceHarness

Mount = Callable[..., None]
RESULT = ["talk.json", "talk.mp4", "talk.png"]


def _do(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs root and its means: {done.stderr.strip()}")


@pytest.fixture
def disk(harness: ServiceHarness, tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small disk in memory over the spool, or mounts it again with other options."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    root = harness.spool.root

    def mount(options: str) -> None:
        root.mkdir(exist_ok=True)
        _do("mount", "-t", "tmpfs", "-o", options, "spool-under-test", root)

    yield mount
    for place in (root, tmp_path / "share"):
        while os.path.ismount(place):
            subprocess.run(["umount", "--lazy", place], check=True)


def _fill(harness: ServiceHarness) -> Path:
    """Leave no byte on the disk."""
    ballast = harness.spool.root / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    return ballast


def _use_up_inodes(harness: ServiceHarness) -> Path:
    folder = harness.spool.root / "many"
    folder.mkdir()
    for number in range(100_000):
        try:
            (folder / str(number)).touch()
        except OSError:
            break
    return folder


def _is_finished(harness: ServiceHarness) -> None:
    assert harness.outbox() == RESULT
    assert [path.name for path in harness.spool.done.iterdir()] == ["talk"]
    assert (harness.processing(), harness.failed()) == (0, [])
    assert harness.status().hold is None
    assert json.loads((harness.spool.outbox / "talk.json").read_text())["attempts"] == 1


def _waits_for(harness: ServiceHarness, words: str) -> None:
    """Status and log name what is missing, the log once for each step that needs it."""
    assert words in (harness.status().hold or "")
    assert harness.status().is_fresh(harness.clock.wall())
    held = [line for line in harness.log if line.startswith("ERROR on hold")]
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
    harness: ServiceHarness,
    disk: Mount,
    options: str,
    use_up: Callable[[ServiceHarness], Path],
    words: str,
) -> None:
    disk(options)
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.drop("talk.wav", "talk.mp4")
    ballast = use_up(harness)
    harness.run_rounds(service, 30)
    _waits_for(harness, words)
    assert harness.executor.submitted == []
    _remove(ballast)
    harness.run_rounds(service, 30)
    _is_finished(harness)


@pytest.mark.parametrize(
    ("options", "use_up", "words"),
    [
        ("size=2m", _fill, "the disk is full"),
        ("size=8m,nr_inodes=60", _use_up_inodes, "out of inodes"),
    ],
    ids=["blocks", "inodes"],
)
def test_rule_15_a_disk_that_fills_while_a_job_is_rendered(
    harness: ServiceHarness,
    disk: Mount,
    options: str,
    use_up: Callable[[ServiceHarness], Path],
    words: str,
) -> None:
    disk(options)
    harness.configure(progress_files=False)  # their removal would make room for the result
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 10)
    for message in rendered(harness.executor.submitted[0]):
        harness.executor.emit(CPU, message)
    ballast = use_up(harness)
    harness.run_rounds(service, 30)
    (job,) = harness.status().jobs
    assert job.state == "publishing"
    assert words in (job.reason or "")
    assert harness.logged("ERROR the spool cannot take the job's outcome: the spool cannot") == 1
    assert harness.outbox() == []
    _remove(ballast)
    harness.run_rounds(service, 60)
    _is_finished(harness)


def test_rule_15_a_worker_that_finds_the_disk_full_tries_again_later(
    harness: ServiceHarness, disk: Mount
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
        return rendered(render)

    harness.executor.answer = draws
    service = harness.service()
    harness.run_rounds(service, 2)
    harness.drop("talk.wav", "talk.mp4")
    service.run_round()
    ballast.append(_fill(harness))
    with ballast[0].open("r+b") as file:
        file.truncate(ballast[0].stat().st_size - (1 << 15))
    harness.run_rounds(service, 30)
    (job,) = harness.status().jobs
    assert job.state == "deferred"
    assert "the disk is full (No space left" in (job.reason or "")
    ballast[0].unlink()
    harness.run_rounds(service, 60)
    _is_finished(harness)


def test_rule_15_a_disk_that_becomes_read_only(harness: ServiceHarness, disk: Mount) -> None:
    disk("size=2m")
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 10)
    for message in rendered(harness.executor.submitted[0]):
        harness.executor.emit(CPU, message)
    _do("mount", "--bind", harness.spool.root, harness.spool.root)
    _do("mount", "-o", "remount,bind,ro", harness.spool.root)
    harness.run_rounds(service, 30)
    assert harness.logged(
        "ERROR on hold (status): the spool cannot be used: the disk or share is mounted read-only"
    )
    assert harness.logged("ERROR the spool cannot take the job's outcome: the spool cannot") == 1
    _do("umount", harness.spool.root)
    harness.run_rounds(service, 60)
    _is_finished(harness)


@pytest.mark.parametrize("folder", ["outbox", "inbox", "processing", "done"])
def test_rule_15_a_permission_that_is_lost(harness: ServiceHarness, folder: str) -> None:
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    service.run_round()
    locked = harness.spool.root / folder
    if os.geteuid() != 0:
        locked.chmod(0o555)
    else:
        _do("chattr", "+i", locked)
    try:
        harness.run_rounds(service, 10)
        for render in harness.executor.submitted:
            for message in rendered(render):
                harness.executor.emit(CPU, message)
        harness.run_rounds(service, 30)
        assert (harness.outbox() == []) == (folder != "done")
        status = harness.status()
        reasons = [status.hold, *(j.reason for j in status.jobs), *(f.reason for f in status.inbox)]
        assert any("ermission" in reason for reason in reasons if reason)
        assert harness.logged("ermission") >= 1
    finally:
        if os.geteuid() != 0:
            locked.chmod(0o755)
        else:
            _do("chattr", "-i", locked)
    harness.executor.answer = rendered
    harness.run_rounds(service, 60)
    _is_finished(harness)


def test_rule_15_a_share_that_is_unmounted_under_a_running_job(
    harness: ServiceHarness, disk: Mount, tmp_path: Path
) -> None:
    disk("size=8m")
    aside = tmp_path / "share"
    aside.mkdir()
    _do("mount", "--bind", harness.spool.root, aside)
    harness.executor.answer = keep_running
    service = harness.service()
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 10)
    _do("umount", "--lazy", harness.spool.root)
    harness.executor.emit(
        CPU, Crashed(job_id=harness.executor.submitted[0].job_id, error="gone", traceback="")
    )
    harness.run_rounds(service, 60)
    assert harness.logged("is its disk or share mounted?") == 3
    assert harness.logged("ERROR") == 3
    assert list(harness.spool.root.iterdir()) == []
    _do("mount", "--bind", aside, harness.spool.root)
    _do("umount", aside)
    harness.executor.answer = rendered
    harness.run_rounds(service, 60)
    _is_finished(harness)


def test_a_share_that_is_mounted_only_after_the_start_is_opened(
    harness: ServiceHarness, disk: Mount
) -> None:
    opened: list[str] = []

    @contextmanager
    def opening() -> Iterator[None]:
        opened.append(find_mount(harness.spool.inbox).type)
        yield

    harness.configure(device="cuda")  # jobs are claimed, and wait
    service = harness.service(opening)
    harness.drop("early.wav", "early.mp4")
    harness.run_rounds(service, 20)
    disk("size=8m")
    harness.run_rounds(service, 5)
    assert opened[1:] == ["tmpfs"]
    assert harness.logged("WARNING another disk or share was mounted") == 1
    assert harness.logged("WARNING the job is on the disk that was mounted here before") == 1
    with pytest.raises(SpoolBusy), Spool(harness.spool.root).lock():
        pass
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 20)
    assert [job.name for job in harness.status().jobs] == ["talk"]
    _do("umount", "--lazy", harness.spool.root)
    harness.run_rounds(service, 20)
    assert [job.name for job in harness.status().jobs] == ["early"]
    assert harness.failed() == []


def test_a_share_that_is_mounted_anew_is_locked_anew(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 5)
    away = harness.spool.root.with_name("away")
    harness.spool.root.rename(away)
    shutil.copytree(away, harness.spool.root)
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(service, 30)
    with pytest.raises(SpoolBusy), Spool(harness.spool.root).lock():
        pass
    _is_finished(harness)


class FailingFiles(FileOperations):
    """A disk or share that answers every change with one error, until it is well again."""

    def __init__(self) -> None:
        self.error: int | None = None

    def _try(self, path: Path) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error), str(path))

    def make_folder(self, path: Path, mode: int = FOLDER_MODE) -> None:
        self._try(path)
        super().make_folder(path, mode)

    def write(self, path: Path, data: bytes) -> None:
        self._try(path)
        super().write(path, data)

    def append_line(self, path: Path, line: bytes) -> None:
        self._try(path)
        super().append_line(path, line)

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
    harness: ServiceHarness, number: int, while_rendering: bool
) -> None:
    disk = FailingFiles()
    harness.spool = Spool(harness.spool.root, harness.clock.wall, disk)
    harness.executor.answer = keep_running
    service = harness.service()
    service.run_round()
    harness.drop("talk.wav", "talk.mp4")
    if while_rendering:
        harness.run_rounds(service, 10)
    disk.error = number
    for render in harness.executor.submitted:
        for message in rendered(render):
            harness.executor.emit(CPU, message)
    harness.run_rounds(service, 60)
    status = harness.status()
    reasons = [status.hold, *(job.reason for job in status.jobs), *(f.reason for f in status.inbox)]
    assert any(os.strerror(number) in reason for reason in reasons if reason)
    assert 1 <= harness.logged(os.strerror(number)) <= 3
    assert harness.outbox() == []
    disk.error = None
    harness.executor.answer = rendered
    harness.run_rounds(service, 60)
    _is_finished(harness)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def test_why_a_spool_cannot_be_opened_is_logged_once(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_spool: Spool) -> None:
        raise EnvironmentFault("the unit's ProtectSystem= makes it read-only")

    monkeypatch.setattr(Spool, "prepare", refuse)
    service = harness.service()
    harness.run_rounds(service, 30.0)
    assert harness.logged("ProtectSystem=") == 1
    assert harness.logged("on hold (status)") == 0
