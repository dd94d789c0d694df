"""The version that the program prints, with the commit that it runs from."""

from pathlib import Path

from heygem_daemon import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
SHORT = 7
"""Digits of a shortened commit, as ``git rev-parse --short`` prints at least."""


def version_line(checkout: Path = CHECKOUT) -> str:
    """Return the version, and the commit if ``checkout`` is the root of a git checkout or if the
    program was installed from a wheel that names it."""
    commit = current_commit(checkout) or wheel_commit()
    return f"{__version__} (commit {commit})" if commit else __version__


def wheel_commit(package: Path = CHECKOUT / "heygem_daemon") -> str | None:
    """Return the commit that ``tools/wheel.py`` wrote into the wheel; None where it wrote none."""
    try:
        return (package / "COMMIT").read_text().strip() or None
    except OSError:
        return None


def current_commit(checkout: Path) -> str | None:
    """Return the first digits of the commit that is checked out; None where there is no checkout.

    Reads the files that gitrepository-layout(5) describes. The git program is not needed; it may be
    missing on a server, and it refuses repositories that belong to another user.
    """
    try:
        return _read_commit(checkout / ".git")
    except (OSError, UnicodeDecodeError):
        return None


def _read_commit(git: Path) -> str | None:
    if git.is_file():  # a worktree: the file names the folder
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head[:SHORT]
    branch = head.removeprefix("ref:").strip()
    common = git
    if (git / "commondir").exists():  # a worktree: its branches are in the main repository
        common = git / (git / "commondir").read_text().strip()
    if (common / branch).exists():
        return (common / branch).read_text().strip()[:SHORT]
    for line in (common / "packed-refs").read_text().splitlines():
        commit, _, name = line.partition(" ")
        if name == branch:
            return commit[:SHORT]
    return None
