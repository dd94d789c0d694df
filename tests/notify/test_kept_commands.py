"""The file of the commands that have not ended."""

import os
from pathlib import Path

from heygem_daemon.notify.kept_commands import FILE, UNREADABLE, KeptCommand, KeptCommands


def test_any_path_comes_back_as_it_was(tmp_path: Path) -> None:
    names = ("a b.mp4", "视频%41.mp4", os.fsdecode(b"\xff\xfe.mp4"), "line\nbreak.mp4")
    given = [KeptCommand.of(tmp_path / name, f"j{number}") for number, name in enumerate(names)]
    assert KeptCommands(tmp_path).save(given)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    found = KeptCommands(tmp_path).load()
    assert [each.path for each in found] == [tmp_path / name for name in names]


def test_where_nothing_waits_there_is_no_file(tmp_path: Path) -> None:
    keep = KeptCommands(tmp_path)
    assert keep.load() == ()
    keep.save([KeptCommand.of(tmp_path / "a", "j")])
    assert keep.save([])
    assert not list(tmp_path.iterdir())


def test_an_unreadable_file_is_set_aside(tmp_path: Path, log: list[str]) -> None:
    (tmp_path / FILE).write_text("[{]")
    assert KeptCommands(tmp_path).load() == ()
    assert (tmp_path / UNREADABLE).read_text() == "[{]"
    assert any(f"{FILE} cannot be read and is now {UNREADABLE}" in line for line in log)


def test_a_folder_that_is_gone_is_logged_once(tmp_path: Path, log: list[str]) -> None:
    keep = KeptCommands(tmp_path / "gone")
    for job in ("a", "b"):
        assert not keep.save([KeptCommand.of(tmp_path, job)])
    assert sum("cannot be kept for the next start" in line for line in log) == 1
