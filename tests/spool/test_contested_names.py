"""A local user who takes each name as soon as he sees it stops nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.errors import NameContested
from heygem_daemon.spool.files import FileOperations
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.layout import load_journal, save_journal
from heygem_daemon.spool.spool import Spool

Take = Callable[..., Job]
Publish = Callable[[Spool, Job], None]

THEIRS = b"a stranger's"


class Rival(FileOperations):
    """Somebody who watches ``folder``: when X.json appears there, he makes X.png and X.mp4, and a
    folder X in ``done``."""

    def __init__(self, root: Path, reach: int) -> None:
        self.root = root
        self.left = reach

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        if target.parent == self.root / "outbox" and target.suffix == ".json" and self.left > 0:
            self.left -= 1
            for suffix in (".png", ".mp4"):
                target.with_suffix(suffix).write_bytes(THEIRS)
            (self.root / "done" / target.stem).mkdir()


def spool_with(root: Path, files: FileOperations) -> Spool:
    spool = Spool(root, files=files)
    spool.prepare()
    return spool


def results(spool: Spool) -> list[str]:
    """Return the names of the daemon's own files in the outbox."""
    files = spool.outbox.iterdir()
    return sorted(path.name for path in files if path.read_bytes() != THEIRS)


def test_numbers_are_counted_from_the_first_name(
    tmp_path: Path, take: Take, publish: Publish
) -> None:
    spool = spool_with(tmp_path / "spool", Rival(tmp_path / "spool", 4))
    publish(spool, take(spool))
    assert results(spool) == ["talk (5).json", "talk (5).mp4", "talk (5).png"]


def test_who_takes_each_name_cannot_stop_a_result(
    tmp_path: Path, take: Take, publish: Publish
) -> None:
    spool = spool_with(tmp_path / "spool", Rival(tmp_path / "spool", 10_000))
    publish(spool, take(spool))
    found = results(spool)
    assert sorted(Path(name).suffix for name in found) == [".json", ".mp4", ".png"]
    assert len({Path(name).stem for name in found}) == 3
    assert list(spool.processing.iterdir()) == []
    (journal,) = spool.latest_published(1)
    assert len(spool.ended.remove(journal.name).gone) > 3
    assert results(spool) == []


def test_a_name_that_grew_too_long_is_made_anew_after_an_update(
    spool: Spool, take: Take, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version counted from the numbered name, until no name was short enough."""
    job = take(spool)
    with monkeypatch.context() as patch:
        patch.setattr(
            FileOperations, "move_unsynced", lambda *_: (_ for _ in ()).throw(OSError(5, "down"))
        )
        with pytest.raises(Exception, match="down"):
            publish(spool, job)
    journal = load_journal(job.folder)
    assert journal is not None
    grown = "talk" + " (2)" * 70
    files = [
        each.model_copy(update={"name": grown + Path(each.name).suffix})
        for each in journal.published
    ]
    changes = {"name": grown, "first_name": None, "published": tuple(files)}
    save_journal(spool.files, job.folder, journal.model_copy(update=changes))
    assert spool.recover() == []
    assert len(results(spool)) == 3
    assert list(spool.processing.iterdir()) == []


def test_a_pair_that_cannot_go_back_to_the_inbox_is_an_error_of_its_own(
    tmp_path: Path, take: Take
) -> None:
    root = tmp_path / "spool"

    class TakesTheInbox(FileOperations):
        def rename(self, source: Path, target: Path) -> None:
            super().rename(source, target)
            if target.parent == root / "inbox":
                for suffix in {".wav", ".mp4"} - {target.suffix}:
                    target.with_suffix(suffix).write_bytes(THEIRS)

    job = take(spool_with(root, FileOperations()))
    job.video.rename(root / "kept")
    job.video.symlink_to(root / "kept")
    spool = Spool(root, files=TakesTheInbox())
    faults: list[Exception] = []
    assert spool.recover(on_fault=lambda _folder, error: faults.append(error)) == []
    assert [type(error) for error in faults] == [NameContested]
    assert job.audio.exists()
    assert job.video.is_symlink()
    assert {path.read_bytes() for path in spool.inbox.iterdir()} == {THEIRS}
