"""A batch's folders in outbox/ and failed/ are the daemon's own, whatever others make there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import NameContested
from heygem_daemon.spool.batch.journal import Batch, load_batch, save_batch
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool

Fill = Callable[..., Path]
Work = Callable[[Spool, Batch], Batch]
End = Callable[[Spool, Job], None]

STRANGER = 70_003

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def make_foreign(folder: Path, mode: int) -> Path:
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, STRANGER, STRANGER)
    return folder


def assert_empty_and_foreign(folder: Path) -> None:
    assert list(folder.iterdir()) == []
    assert folder.stat().st_uid == STRANGER


class TakesNames(FileOperations):
    """Somebody makes a folder or file of the name of each rename into ``folder``, just before."""

    def __init__(self, folder: Path, tries: int) -> None:
        self.folder = folder
        self.left = tries

    def rename(self, source: Path, target: Path) -> None:
        if target.parent == self.folder and self.left > 0:
            self.left -= 1
            make_foreign(target, 0o777)
        super().rename(source, target)


@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_a_folder_that_a_stranger_made_during_the_claim_is_not_used(
    tmp_path: Path, fill: Fill, work: Work, mode: int
) -> None:
    root = tmp_path / "spool"

    class Racing(FileOperations):
        def rename(self, source: Path, target: Path) -> None:
            super().rename(source, target)
            if source == root / "inbox" / "show":
                make_foreign(root / "outbox" / "show", mode)

    spool = Spool(root, files=Racing())
    spool.prepare()
    batch = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "2.mp4"))
    closed = work(spool, batch)
    assert closed.journal.name == "show (2)"
    assert_empty_and_foreign(spool.outbox / "show")
    found = {path.name for path in (spool.outbox / "show (2)").iterdir()}
    assert {"1.mp4", "2.mp4", "batch.json"} < found
    assert (spool.outbox / "show (2)").stat().st_uid == os.geteuid()
    assert spool.ended.remove(closed.journal.done_name).gone
    assert sorted(path.name for path in spool.outbox.iterdir()) == ["show"]


@pytest.mark.parametrize("mode", [0o755, 0o777])
@pytest.mark.parametrize("part", ["outbox", "failed"])
def test_a_folder_that_a_stranger_put_in_place_of_ours_is_not_used(
    spool: Spool, fill: Fill, end: End, work: Work, part: str, mode: int
) -> None:
    names = ("1-bad.mp4", "2-bad.mp4") if part == "failed" else ("1.mp4", "2.mp4")
    batch = spool.batches.claim(fill(spool, "show", "t.wav", *names))
    first, second = spool.batches.pending_jobs(batch)
    end(spool, first)
    ours = spool.root / part / "show"
    ours.rename(ours.with_name("kept"))
    make_foreign(ours, mode)
    end(spool, second)
    assert_empty_and_foreign(ours)
    other = spool.root / part / "show (2)"
    assert any(path.name.startswith("2") for path in other.iterdir())
    found = load_batch(batch.folder)
    assert found is not None
    work(spool, found)
    assert_empty_and_foreign(ours)
    assert list(spool.processing.iterdir()) == []


@pytest.mark.parametrize("part", ["outbox", "failed"])
def test_a_folder_that_was_removed_is_made_again_with_its_name(
    spool: Spool, fill: Fill, end: End, part: str
) -> None:
    names = ("1-bad.mp4", "2-bad.mp4") if part == "failed" else ("1.mp4", "2.mp4")
    batch = spool.batches.claim(fill(spool, "show", "t.wav", *names))
    first, second = spool.batches.pending_jobs(batch)
    end(spool, first)
    (spool.root / part / "show").rename(spool.root / part / "kept")
    end(spool, second)
    assert any(path.name.startswith("2") for path in (spool.root / part / "show").iterdir())


def test_who_takes_each_name_is_outlasted_by_one_that_nobody_foresees(
    tmp_path: Path, fill: Fill, work: Work
) -> None:
    root = tmp_path / "spool"
    spool = Spool(root, files=TakesNames(root / "outbox", 22))
    spool.prepare()
    closed = work(spool, spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "2.mp4")))
    assert len(closed.journal.name) == len("show (12345678)")
    assert (spool.outbox / closed.journal.name / "1.mp4").is_file()


def test_the_tries_are_limited_and_the_batch_goes_on_later(
    tmp_path: Path, fill: Fill, work: Work
) -> None:
    root = tmp_path / "spool"
    spool = Spool(root, files=TakesNames(root / "outbox", 1000))
    spool.prepare()
    with pytest.raises(NameContested):
        spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "2.mp4"))
    again = Spool(root)
    again.recover()
    (batch,) = again.batches.unfinished()
    assert (root / "outbox" / work(again, batch).journal.name / "1.mp4").is_file()


def test_a_batch_that_an_earlier_version_claimed_keeps_its_folder(
    spool: Spool, fill: Fill, end: End, work: Work
) -> None:
    batch = spool.batches.claim(fill(spool, "show", "t.wav", "1.mp4", "2.mp4", "3-bad.mp4"))
    first, *_ = spool.batches.pending_jobs(batch)
    end(spool, first)
    found = load_batch(batch.folder)
    assert found is not None
    old = found.journal.model_copy(update={"outbox_folder": None, "failed_folder": None})
    save_batch(spool.files, Batch(batch.folder, old))
    spool.recover()
    (batch,) = spool.batches.unfinished()
    work(spool, batch)
    assert sorted(path.name for path in spool.outbox.iterdir()) == ["show"]
    assert {"1.mp4", "2.mp4"} < {path.name for path in (spool.outbox / "show").iterdir()}
