"""File access that follows no link, with openat2 and without it."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from heygem_daemon.system import paths


@pytest.fixture(params=["openat2", "walk"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that has openat2, and one that has not."""
    if request.param == "walk":
        monkeypatch.setattr(paths, "_find_openat2", lambda: None)
    elif paths._find_openat2() is None:
        pytest.skip("this kernel has no openat2")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "private").write_bytes(b"secret")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def spool(tmp_path: Path, outside: Path) -> Path:
    """A folder with files, and a link to another folder."""
    root = tmp_path / "spool"
    (root / "box").mkdir(parents=True)
    (root / "box" / "file").write_bytes(b"content")
    (root / "link").symlink_to(outside)
    return root


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


CALLS: dict[str, Callable[[Path, Path], object]] = {
    "open": lambda _spool, path: os.close(paths.open_file(path)),
    "create": lambda _spool, path: os.close(
        paths.open_file(path.with_name("new"), os.O_WRONLY | os.O_CREAT)
    ),
    "read": lambda _spool, path: paths.read(path),
    "write": lambda _spool, path: paths.write(
        path, b"forged", temporary_name=".part", durable=True
    ),
    "lstat": lambda _spool, path: paths.lstat(path),
    "make a folder": lambda _spool, path: paths.make_folder(path.with_name("new")),
    "move out": lambda spool, path: paths.replace(spool / "box" / "file", path),
    "move in": lambda spool, path: paths.replace(path, spool / "box" / "new"),
    "link": lambda spool, path: paths.link(path, spool / "box" / "new"),
    "remove": lambda _spool, path: paths.remove_file(path),
    "remove a folder": lambda _spool, path: paths.remove_folder(path.with_name("empty")),
    "remove a tree": lambda _spool, path: paths.remove_tree(path.with_name("empty")),
    "list": lambda _spool, path: paths.names_in(path.parent),
    "list below": lambda _spool, path: paths.names_in(path.with_name("empty")),
    "sync": lambda _spool, path: paths.sync_folder(path.parent),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_function_goes_through_a_link(
    spool: Path, outside: Path, call: Callable[[Path, Path], object]
) -> None:
    with pytest.raises(OSError, match="it is a link") as error:
        call(spool, spool / "link" / "private")
    assert error.value.errno == errno.ELOOP
    assert error.value.filename == str(spool / "link")
    assert names(outside) == ["empty", "private"]
    assert (outside / "private").read_bytes() == b"secret"
    assert names(spool / "box") == ["file"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_function_works_where_there_is_no_link(
    spool: Path, outside: Path, call: Callable[[Path, Path], object]
) -> None:
    call(spool, outside / "private")


def test_a_link_in_the_place_of_a_file_is_not_opened(spool: Path, outside: Path) -> None:
    (spool / "box" / "planted").symlink_to(outside / "private")
    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_APPEND | os.O_CREAT):
        with pytest.raises(OSError, match="Too many levels of symbolic links"):
            paths.open_file(spool / "box" / "planted", flags)


def test_a_write_replaces_a_planted_link_and_not_its_target(spool: Path, outside: Path) -> None:
    for name in ("file", ".part"):
        (spool / "box" / name).unlink(missing_ok=True)
        (spool / "box" / name).symlink_to(outside / "private")
    paths.write(spool / "box" / "file", b"new", temporary_name=".part", durable=True)
    assert (outside / "private").read_bytes() == b"secret"
    assert not (spool / "box" / "file").is_symlink()
    assert (spool / "box" / "file").read_bytes() == b"new"
    assert names(spool / "box") == ["file"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND | os.O_CREAT])
def test_a_pipe_is_neither_waited_for_nor_read(spool: Path, flags: int) -> None:
    os.mkfifo(spool / "box" / "pipe")
    with pytest.raises(OSError, match=r"not a regular file|No such device or address"):
        paths.open_file(spool / "box" / "pipe", flags)


def test_nothing_is_beyond_a_link(spool: Path) -> None:
    assert paths.exists(spool / "link")
    assert not paths.exists(spool / "link" / "private")
    assert paths.exists(spool / "box" / "file")
    assert not paths.exists(spool / "box" / "nothing")
    assert not paths.exists(spool / "box" / "file" / "below")


def test_errors_name_the_whole_path(spool: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        paths.read(spool / "box" / "nothing")
    assert missing.value.filename == str(spool / "box" / "nothing")
    with pytest.raises(FileNotFoundError) as folder:
        paths.read(spool / "nothing" / "file")
    assert folder.value.filename == str(spool / "nothing")
    with pytest.raises(FileExistsError) as present:
        paths.make_folder(spool / "box" / "file")
    assert present.value.filename == str(spool / "box" / "file")


def test_no_descriptor_is_left_open(spool: Path) -> None:
    before = len(names(Path("/proc/self/fd")))
    for path in (spool / "box" / "file", spool / "link" / "private", spool / "box" / "nothing"):
        for call in CALLS.values():
            with suppress(OSError):
                call(spool, path)
    assert len(names(Path("/proc/self/fd"))) == before


def test_a_relative_path_is_resolved_from_the_working_folder(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spool)
    assert paths.read(Path("box/file")) == b"content"
    assert "file" in paths.names_in(Path("box"))
    assert "box" in paths.names_in(Path())
    with pytest.raises(OSError, match="it is a link"):
        paths.read(Path("link/private"))
