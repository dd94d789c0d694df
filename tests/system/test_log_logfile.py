"""The log file: rotation, full disks and odd names."""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.system import log
from heygem_daemon.system.log_file import LogFile
from heygem_daemon.system.log_rotation import free_name, names_to_delete


def _open(folder: Path, **changes: object) -> int:
    log.log_to_console(Settings.model_validate({"spool": folder, "log_level": "ERROR"}))
    return log.log_to_file(Settings.model_validate({"spool": folder, **changes}))


def test_lines_and_tracebacks_are_written_as_they_are(tmp_path: Path) -> None:
    sink = _open(tmp_path)
    logger.info("100 % of {}", os.fsdecode(b"caf\xe9"))
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logger.opt(exception=True).info("bug")
    logger.remove(sink)
    lines = (tmp_path / "logs" / "heygem-daemon.log").read_text().splitlines()
    assert lines[0].endswith(r"INFO    100 % of caf\xe9")
    assert lines[-1] in (
        "    ZeroDivisionError: integer division or modulo by zero",
        "    ZeroDivisionError: division by zero",  # from Python 3.14 on
    )
    assert "" not in lines


def test_a_file_of_an_earlier_day_is_renamed_to_that_day(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    file = folder / "heygem-daemon.log"
    file.write_text("of old\n")
    then = time.mktime((2026, 3, 5, 12, 0, 0, 0, 0, -1))
    os.utime(file, (then, then))
    for day in ("2026-03-01", "2026-03-02"):
        (folder / f"heygem-daemon.log.{day}").touch()
    sink = _open(tmp_path, retention_days=2)
    logger.info("of today")
    logger.remove(sink)
    assert (folder / "heygem-daemon.log.2026-03-05").read_text() == "of old\n"
    assert "of today" in file.read_text()
    assert not (folder / "heygem-daemon.log.2026-03-01").exists()


def test_a_full_file_is_renamed_to_its_day_and_a_number(tmp_path: Path) -> None:
    sink = _open(tmp_path, log_max_mib=0.001, log_keep=3, retention_days=7)
    for number in range(100):
        logger.info("{:03d} {}", number, "x" * 100)
    logger.remove(sink)
    files = {path.name: path for path in (tmp_path / "logs").iterdir()}
    day = time.strftime("%Y-%m-%d")
    last = max(int(name.rpartition(".")[2]) for name in files if name.count(".") == 3)
    assert 8 < last < 20
    kept = [f"heygem-daemon.log.{day}.{last - back}" for back in (2, 1, 0)]
    assert sorted(files) == sorted(["heygem-daemon.log", *kept])
    assert all(path.stat().st_size < 1300 for path in files.values())
    lines = [line for name in (*kept, "heygem-daemon.log") for line in _lines(files[name])]
    numbers = [int(line.split()[3]) for line in lines]
    assert numbers == list(range(numbers[0], 100)), "nothing between is lost"


def test_a_file_that_cannot_be_renamed_grows_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def rotate(_self: LogFile, source: str, _dest: str) -> None:
        tries.append(source)
        raise PermissionError

    monkeypatch.setattr(LogFile, "rotate", rotate)
    sink = _open(tmp_path, log_max_mib=0.001)
    for number in range(100):
        logger.info("{:03d} {}", number, "x" * 100)
    logger.remove(sink)
    assert len(_lines(tmp_path / "logs" / "heygem-daemon.log")) == 100
    assert len(tries) < 20, "it is not tried again for each line"


def test_rotated_files_are_counted_by_day_and_by_number() -> None:
    days = ["2026-11-26", "2026-11-27", "2026-11-27.2", "2026-11-28", "2026-11-28.10"]
    names = [f"a.log.{day}" for day in days]
    others = ["a.log", "a.log.gz", "b.log.2026-11-01", "a.log.2026-11-01.gz"]
    assert names_to_delete("a.log", [*names, *others], 2, 10) == names[:1]
    assert names_to_delete("a.log", [*names, *others], 0, 2) == names[:3]
    assert names_to_delete("a.log", names, 0, 10) == []
    assert free_name("a.log", "2026-11-28", names) == "a.log.2026-11-28.11"
    assert free_name("a.log", "2026-11-26", names) == "a.log.2026-11-26.2"
    assert free_name("a.log", "2026-11-29", names) == "a.log.2026-11-29"


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def test_a_full_disk_is_reported_once_and_the_log_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ("-t", "tmpfs", "-o", "size=64k", "disk-under-test")
    if os.geteuid() != 0 or subprocess.run(["mount", *options, disk], check=False).returncode:
        pytest.skip("nobody can mount a small disk here")
    try:
        sink = _open(disk)
        with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        for number in range(20):
            logger.info("{} {}", number, "x" * 1000)
        (disk / "ballast").unlink()
        logger.info("room again")
        logger.remove(sink)
        assert "room again" in (disk / "logs" / "heygem-daemon.log").read_text()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "the log file cannot be written for now: the disk is full" in message


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_not_a_regular_file_is_not_logged_to(tmp_path: Path, kind: str) -> None:
    private, folder = tmp_path / "private", tmp_path / "logs"
    private.write_text("precious")
    folder.mkdir()
    file = folder / "heygem-daemon.log"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to(private)
    else:
        (tmp_path / "elsewhere").mkdir()
        folder.rmdir()
        folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"regular file|device or address|link"):
        _open(tmp_path)
    assert private.read_text() == "precious"
    if kind == "folder":
        assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_became_a_link_keeps_its_files_at_midnight(tmp_path: Path) -> None:
    sink = LogFile(tmp_path / "heygem-daemon.log", 1, 1 << 20, 10)
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "logs"
    sink.close()
    folder.mkdir()
    elsewhere.mkdir()
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        (elsewhere / f"heygem-daemon.log.{day}").write_text(day)
    (elsewhere / "heygem-daemon.log").write_text("precious")
    sink = LogFile(folder / "heygem-daemon.log", 1, 1 << 20, 10)
    folder.rename(tmp_path / "away")
    folder.symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        sink.doRollover()
    assert len(list(elsewhere.iterdir())) == 4
    assert (elsewhere / "heygem-daemon.log").read_text() == "precious"


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_is_gone_from_its_name_is_opened_again(tmp_path: Path, how: str) -> None:
    sink = _open(tmp_path)
    file = tmp_path / "logs" / "heygem-daemon.log"
    logger.info("before")
    if how == "deleted":
        file.unlink()
    else:
        file.rename(tmp_path / "moved.log")
    if how == "replaced":
        file.write_text("of another\n")
    logger.info("after")
    logger.remove(sink)
    assert "after" in file.read_text()
    assert "before" not in file.read_text()
    if how != "deleted":
        assert "after" not in (tmp_path / "moved.log").read_text()


def test_a_file_that_was_opened_again_is_rotated_by_size_as_before(tmp_path: Path) -> None:
    sink = _open(tmp_path, log_max_mib=0.001, log_keep=3, retention_days=7)
    folder = tmp_path / "logs"
    for number in range(60):
        if number == 20:
            (folder / "heygem-daemon.log").unlink()
        logger.info("{:03d} {}", number, "x" * 100)
    logger.remove(sink)
    files = [path for path in folder.iterdir() if path.name != "heygem-daemon.log"]
    assert len(files) == 3
    assert all(path.stat().st_size < 1300 for path in folder.iterdir())


def test_a_deleted_folder_is_made_again_outside_the_spool_only(tmp_path: Path) -> None:
    spool, outside = tmp_path / "spool", tmp_path / "log"
    for folder, comes_back in ((outside, True), (spool / "logs", False)):
        log.log_to_console(Settings.model_validate({"spool": spool, "log_level": "ERROR"}))
        sink = log.log_to_file(Settings.model_validate({"spool": spool, "log_folder": folder}))
        (folder / "heygem-daemon.log").unlink()
        folder.rmdir()
        logger.info("after")
        logger.remove(sink)
        assert folder.exists() is comes_back


def test_a_link_in_the_place_of_a_moved_file_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = _open(tmp_path)
    file, private = tmp_path / "logs" / "heygem-daemon.log", tmp_path / "private"
    private.write_text("precious")
    moved = file.rename(tmp_path / "moved.log")
    file.symlink_to(private)
    logger.info("first")
    logger.info("second")
    logger.remove(sink)
    assert private.read_text() == "precious"
    assert "second" in moved.read_text(), "the old file stays open"
    assert capsys.readouterr().err.count("cannot be written") == 1
