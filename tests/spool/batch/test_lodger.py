"""Who stays in the folder that he dropped reaches no record of the daemon by ``..``.

The folder keeps its owner when it is claimed, and lies beside the batch's journal then.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.new_options import NewOptions
from heygem_daemon.spool.record_store import batch_records
from heygem_daemon.spool.records import BatchRecord
from heygem_daemon.spool.spool import Spool
from heygem_daemon.spool.steps import finish
from tests.spool.conftest import Disk, Killed

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]

LODGER = 70_003
RECORDS = ("../batch.json", "../media", "../ended", "../0001/job.json", "../../x")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """The umask of the shipped unit, with which the users' group may write."""
    before = os.umask(0o002)
    yield
    os.umask(before)


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Have the rights of a user of the share, who is in the daemon's group."""
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


class Lodger(Disk):
    """Looks, before each step of the daemon, what can be reached from a folder that is held open:
    while it is in processing/, and afterwards."""

    def __init__(self, folder: Path, processing: Path) -> None:
        super().__init__()
        self.handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._processing = processing
        self.reached: list[str] = []
        self.refused = 0

    def before(self, step: str, number: int, path: Path) -> None:
        if not Path(f"/proc/self/fd/{self.handle}").readlink().is_relative_to(self._processing):
            return
        with acting_as(LODGER):
            for name in RECORDS:
                self._try(f"{step} {name}", name, os.O_RDONLY)
            self._try(f"{step} forged", "../forged", os.O_WRONLY | os.O_CREAT)

    def _try(self, what: str, name: str, flags: int) -> None:
        try:
            os.close(os.open(name, flags, 0o666, dir_fd=self.handle))
        except OSError as error:
            self.refused += error.errno == errno.EACCES
            if error.errno == errno.EACCES:
                return
        self.reached.append(what)


def drop_own(spool: Spool, fill: Fill, *names: str) -> Path:
    folder = fill(spool, "show", *names)
    for path in (folder, *folder.iterdir()):
        os.chown(path, LODGER, -1)
    return folder


def test_no_record_of_a_batch_can_be_reached_from_its_folder(
    tmp_path: Path, fill: Fill, work: Work
) -> None:
    root = tmp_path / "spool"
    Spool(root).prepare()
    folder = drop_own(Spool(root), fill, "a.wav", "1.mp4", "bad.mp4")
    lodger = Lodger(folder, root / "processing")
    spool = Spool(root, files=lodger)
    batch = spool.batches.claim(folder)
    spool.recover(active_ids=[job.id for job in spool.batches.pending_jobs(batch)])
    done = work(spool, batch)
    assert lodger.reached == []
    assert lodger.refused > 50
    with acting_as(LODGER):
        os.close(os.open("../batch.json", os.O_RDONLY, dir_fd=lodger.handle))
    assert done.folder.stat().st_mode & 0o777 == 0o775
    lodger.reached.clear()
    spool.retry("show/bad")
    os.close(lodger.handle)


def test_nor_from_a_batch_that_goes_back(tmp_path: Path, fill: Fill) -> None:
    root = tmp_path / "spool"
    Spool(root).prepare()
    folder = drop_own(Spool(root), fill, "a.wav", "1.mp4", "2.mp4")
    lodger = Lodger(folder, root / "processing")
    spool = Spool(root, files=lodger)
    spool.batches.claim(folder)
    again = Spool(root, files=lodger)
    for held in again.processing.iterdir():
        held.chmod(0o2775)  # as an earlier version made it
    assert len(again.recover()) == 2
    assert [path.stat().st_mode & 0o7777 for path in again.processing.iterdir()] == [0o2700]
    assert lodger.reached == []
    os.close(lodger.handle)


class DiesAtOpening(FileOperations):
    """The process ends after a folder was renamed, before it is opened to others."""

    def open_to_others(self, handle: int) -> None:
        raise Killed("open_to_others")


@pytest.mark.parametrize("folder", ["", "anna"])
def test_what_was_not_opened_before_a_crash_is_opened_at_the_start(
    spool: Spool, fill: Fill, work: Work, take: Take, publish: Publish, folder: str
) -> None:
    spool.open_folder(folder)
    job = take(spool)
    with pytest.raises(Killed):
        publish(Spool(spool.root, files=DiesAtOpening()), job)
    batch = spool.batches.claim(fill(spool, "show", "a.wav", "1.mp4", "2.mp4"))
    with pytest.raises(Killed):
        work(Spool(spool.root, files=DiesAtOpening()), batch)
    mine = spool.in_folder(folder).failed / "mine"
    mine.mkdir(0o700)
    names = [spool.done / "talk", spool.done / "show"]
    assert [path.stat().st_mode & 0o777 for path in names] == [0o700, 0o700]
    if folder:
        names = [path.rename(spool.in_folder(folder).done / path.name) for path in names]
    assert Spool(spool.root).recover() == []
    assert [path.stat().st_mode & 0o777 for path in names] == [0o775, 0o775]
    assert mine.stat().st_mode & 0o777 == 0o700


def test_a_folder_in_the_place_of_a_sidecar_does_not_move_beside_a_members_journal(
    spool: Spool, fill: Fill, end: Callable[[Spool, Job], None]
) -> None:
    batch = spool.batches.claim(fill(spool, "show", "a.wav", "1.mp4", "bad.mp4", bad="crf = 20"))
    (batch.inputs / "bad.toml").unlink()
    (batch.inputs / "bad.toml").mkdir()
    bad = spool.batches.pending_jobs(batch)[1]
    bad = spool.begin_attempt(bad)
    assert bad.folder.stat().st_mode & 0o777 == 0o700
    spool.fail(bad, "It is bad.")
    assert (batch.inputs / "bad.toml").is_dir()
    assert not (spool.failed / "show" / "bad" / "bad.toml").exists()
    assert (spool.failed / "show" / "bad").stat().st_mode & 0o777 == 0o775


def test_a_failed_member_that_was_not_opened_is_opened_at_the_start(
    spool: Spool, fill: Fill
) -> None:
    batch = spool.batches.claim(fill(spool, "show", "a.wav", "1.mp4", "bad.mp4"))
    bad = spool.batches.pending_jobs(batch)[1]
    with pytest.raises(Killed):
        Spool(spool.root, files=DiesAtOpening()).fail(bad, "It is bad.")
    assert (spool.failed / "show" / "bad").stat().st_mode & 0o777 == 0o700
    Spool(spool.root).recover()
    assert (spool.failed / "show" / "bad").stat().st_mode & 0o777 == 0o775


@pytest.mark.parametrize("sticky", [0, 0o1000])
def test_the_sticky_bit_of_the_folders_of_users_goes_to_what_is_in_them(
    spool: Spool, fill: Fill, work: Work, take: Take, publish: Publish, sticky: int
) -> None:
    """So nobody can move another user's file out of done/x/ into the inbox, as a request."""
    for folder in (spool.outbox, spool.done, spool.failed):
        folder.chmod(0o775 | sticky)
    publish(spool, take(spool))
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "It is bad.")
    work(spool, spool.batches.claim(fill(spool, "show", "a.wav", "1.mp4", "bad.mp4")))
    places = ("outbox/show", "done/talk", "done/show", "failed/bad", "failed/show")
    for place in (*places, "failed/show/bad"):
        assert (spool.root / place).stat().st_mode & 0o7777 == 0o775 | sticky, place


def test_nobody_else_may_change_what_the_daemon_writes(
    spool: Spool, fill: Fill, work: Work, take: Take, publish: Publish
) -> None:
    publish(spool, take(spool))
    spool.fail(take(spool, "bad.wav", "bad.mp4"), "It is bad.")
    spool.progress.show(job := take(spool, "run.wav", "run.mp4"), "It is half done.")
    batch = spool.batches.claim(fill(spool, "show", "a.wav", "1.mp4", "bad.mp4"))
    work(spool, batch)
    names = ("job.json", "reason.txt", "batch.json", ".zip", ".png", ".txt")
    own = [
        path
        for part in (spool.outbox, spool.done, spool.failed)
        for path in part.rglob("*")
        if path.is_file() and (part == spool.outbox or path.name.endswith(names))
    ]
    assert len(own) > 10
    assert {oct(path.stat().st_mode & 0o777) for path in own} == {"0o644"}
    spool.progress.clear(job.id)


def fail_one(spool: Spool, fill: Fill, work: Work) -> str:
    work(spool, spool.batches.claim(drop_own(spool, fill, "a.wav", "1.mp4", "bad.mp4")))
    return spool.retry("show/bad")


def fail_all(spool: Spool, fill: Fill, work: Work) -> str:
    work(spool, spool.batches.claim(drop_own(spool, fill, "a.wav", "1bad.mp4", "2bad.mp4")))
    return spool.retry("show")


def make_again(spool: Spool, fill: Fill, work: Work) -> str:
    work(spool, spool.batches.claim(drop_own(spool, fill, "a.wav", "1.mp4", "2.mp4")))
    return spool.retry("show")


def make_one_again_with_options(spool: Spool, fill: Fill, work: Work) -> str:
    make_again(spool, fill, work)
    (options := spool.state / "options").write_text("crf = 20")
    work(spool, spool.batches.claim(spool.inbox / "show"))
    retries = spool.batches.retries
    return finish(
        retries.returning(
            retries.begin_published(record_of(spool), "show (2)/1", NewOptions(options))
        )
    )


def record_of(spool: Spool) -> BatchRecord:
    return next(each for each in batch_records(spool) if each.title == "show (2)")


STRANGER = 70_004


@pytest.mark.parametrize("retry", [fail_one, fail_all, make_again, make_one_again_with_options])
@pytest.mark.parametrize("sticky", [0, 0o1000])
def test_nobody_else_can_change_what_a_retry_gives_back(
    spool: Spool, fill: Fill, work: Work, retry: Callable[[Spool, Fill, Work], str], sticky: int
) -> None:
    """The folder is the daemon's, and so neither is the batch of its owner held by a file that
    somebody adds to it."""
    spool.inbox.chmod(0o775 | sticky)
    folder = spool.inbox / retry(spool, fill, work)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) >= 2
    (stranger := spool.inbox / "stranger").mkdir()
    os.chown(stranger, STRANGER, -1)
    with acting_as(STRANGER):
        for name in names:
            with pytest.raises(PermissionError):
                (folder / name).rename(folder / "talk.retry")
            with pytest.raises(PermissionError):
                (folder / name).rename(stranger / name)
        with pytest.raises(PermissionError):
            (folder / "job.toml").touch()
    batch = work(spool, spool.batches.claim(folder))
    assert {path.stat().st_mode & 0o022 for path in batch.folder.iterdir()} == {0}


def test_nobody_else_can_change_what_stays_in_a_folder_of_the_daemons(
    spool: Spool, fill: Fill, work: Work
) -> None:
    """As where somebody puts a file to the name of one that goes back to its user's folder."""
    batch = spool.batches.claim(drop_own(spool, fill, "a.wav", "1.mp4", "2.mp4"))
    (batch.inputs / "1.mp4").write_bytes(b"in the way")
    done = work(spool, batch)
    assert [path.name for path in (done.folder / "media").iterdir()] != []
    kept = spool.batches.claim(fill(spool, "kept", "a.wav", "1.mp4"))
    spool.set_aside(kept.folder, "It is strange.")
    for folder in (done.folder, spool.failed / kept.id):
        own = [path for path in folder.rglob("*") if path.is_dir() and path.stat().st_uid == 0]
        assert {path.stat().st_mode & 0o022 for path in own if path.name != "inputs"} == {0}
