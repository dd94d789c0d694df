"""What enters a shared folder has its name once it is published, or never."""

import errno
from pathlib import Path

import pytest

from heygem_daemon.system.staging import StagedFolder


def test_a_new_folder_appears_when_it_is_published(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "entry"
    staged = StagedFolder(target)
    (staged.folder / "a").touch()
    with staged.add("b") as path:
        path.write_text("later")
    assert staged.is_new
    assert not target.exists()
    staged.publish()
    staged.discard()
    assert list(target.parent.iterdir()) == [target]
    assert sorted(path.name for path in target.iterdir()) == ["a", "b"]


def test_what_is_not_published_is_not_there(tmp_path: Path) -> None:
    staged = StagedFolder(tmp_path / "entry")
    (staged.folder / "a").touch()
    with staged.add("b") as path:
        path.touch()
    staged.discard()
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_faster_process_stays(tmp_path: Path) -> None:
    target = tmp_path / "entry"
    staged = StagedFolder(target)
    (staged.folder / "slow").touch()
    target.mkdir()
    (target / "fast").touch()
    staged.publish()
    staged.discard()
    assert list(tmp_path.iterdir()) == [target]
    assert [path.name for path in target.iterdir()] == ["fast"]


@pytest.mark.parametrize("is_published", [True, False])
def test_a_file_for_a_folder_that_is_there_already(tmp_path: Path, is_published: bool) -> None:
    target = tmp_path / "entry"
    target.mkdir()
    (target / "a").touch()
    staged = StagedFolder(target)
    assert not staged.is_new
    with staged.add("b") as path:
        path.touch()
    assert not (target / "b").exists()
    if is_published:
        staged.publish()
    staged.discard()
    expected = ["a", "b"] if is_published else ["a"]
    assert sorted(path.name for path in target.iterdir()) == expected


def test_a_file_that_fails_is_not_there(tmp_path: Path) -> None:
    staged = StagedFolder(tmp_path / "entry")
    with pytest.raises(OSError, match="disk full"), staged.add("b") as path:
        path.touch()
        raise OSError(errno.ENOSPC, "disk full")
    staged.publish()
    assert not list((tmp_path / "entry").iterdir())
