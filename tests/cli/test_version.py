"""The version and the commit."""

from pathlib import Path

import pytest

from heygem_daemon import __version__
from heygem_daemon.cli.version import current_commit, version_line

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BRANCH = "refs/heads/main"


@pytest.fixture
def git(tmp_path: Path) -> Path:
    """The folder .git of a checkout at ``tmp_path``, on a branch without a commit yet."""
    folder = tmp_path / ".git"
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "HEAD").write_text(f"ref: {BRANCH}\n")
    return folder


def test_the_commit_of_a_branch_is_printed(tmp_path: Path, git: Path) -> None:
    (git / BRANCH).write_text(f"{COMMIT}\n")
    assert version_line(tmp_path) == f"{__version__} (commit 0123456)"


def test_a_branch_may_be_packed(tmp_path: Path, git: Path) -> None:
    (git / "packed-refs").write_text(f"# pack-refs\n{'f' * 40} {BRANCH}-2\n{COMMIT} {BRANCH}\n")
    assert current_commit(tmp_path) == "0123456"


def test_a_commit_may_be_checked_out_without_a_branch(tmp_path: Path, git: Path) -> None:
    (git / "HEAD").write_text(f"{COMMIT}\n")
    assert current_commit(tmp_path) == "0123456"


def test_a_worktree_has_a_commit_of_its_own(tmp_path: Path, git: Path) -> None:
    worktree, entry = tmp_path / "worktree", git / "worktrees" / "worktree"
    entry.mkdir(parents=True)
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {entry}\n")
    (entry / "HEAD").write_text("ref: refs/heads/other\n")
    (entry / "commondir").write_text("../..\n")
    (git / "refs" / "heads" / "other").write_text(f"{COMMIT}\n")
    assert current_commit(worktree) == "0123456"


def test_without_a_commit_only_the_version_is_printed(tmp_path: Path, git: Path) -> None:
    assert version_line(tmp_path) == __version__
    assert version_line(git) == __version__
