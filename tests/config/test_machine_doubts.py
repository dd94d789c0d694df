"""Settings that do not fit this machine."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from heygem_daemon.config.machine_doubts import find_machine_doubts
from heygem_daemon.config.settings import Settings
from tests.fakes.accounts import accounts

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users can enter, with a spool of an ordinary account."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "spool").mkdir()
        os.chown(folder / "spool", pwd.getpwnam(accounts(1)[0]).pw_uid, -1)
        yield folder


def doubts(place: Path, **values: object) -> list[str]:
    given = {"spool": place / "spool", "free_space_gib": 0, **values}
    return find_machine_doubts(Settings.model_validate(given))


@needs_root
def test_targets_that_the_daemons_user_cannot_read_are_told(place: Path) -> None:
    file, (user,) = place / "targets.toml", accounts(1)
    file.write_text("")
    file.chmod(0o600)
    (doubt,) = doubts(place, notifications=file)
    assert doubt == (
        f"notifications: {user}, the daemon's user, cannot read {file}; run as root: chown {user}"
        f" {file}"
    )
    os.chown(file, pwd.getpwnam(user).pw_uid, -1)
    assert doubts(place, notifications=file) == []
    place.chmod(0o700)
    assert "let daemon enter" in doubts(place, notifications=file)[0].replace(user, "daemon")


@needs_root
def test_folders_in_which_the_command_cannot_write_are_told(place: Path) -> None:
    folder, (user,) = place / "archive", accounts(1)
    given = {"on_published": ("true", "{result}"), "on_published_folders": (folder,)}
    assert doubts(place, **given) == [
        (
            f"on_published_folders: {folder} is no folder; run as root: mkdir -p {folder}"
            f" && chown {user} {folder}"
        )
    ]
    folder.mkdir()
    assert doubts(place, **given) == [
        (
            f"on_published_folders: {user}, the daemon's user, cannot write in {folder}; run as"
            f" root: chown {user} {folder}"
        )
    ]
    os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    assert doubts(place, **given) == []


@pytest.mark.parametrize("command", [(), ("true", "{result}")], ids=["no command", "a command"])
def test_a_user_without_an_account_is_named_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999)
    folder = tmp_path / "archive"
    found = doubts(tmp_path, on_published=command, on_published_folders=(folder,))
    doubt = f"{folder} is no folder; run as root: mkdir -p {folder} && chown 3999999 {folder}"
    assert found == ([f"on_published_folders: {doubt}"] if command else [])
