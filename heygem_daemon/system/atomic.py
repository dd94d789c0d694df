"""Write a file or folder so that it appears complete, or not at all.

It is written under a temporary name in the folder of its target, and renamed at the end. A reader
never sees half of it, and a failure keeps the earlier version. A killed process may leave the
temporary one behind.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_file(
    target: Path, *, durable: bool = False, temporary_name: str | None = None
) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` when the block ends.

    The temporary file is deleted if the block or the rename raises. ``durable``: content and name
    are on the medium on return, so that a power cut keeps them. ``temporary_name``: the default
    belongs to this process alone, so that several processes may write the same file at a time; a
    fixed one is overwritten by the next try. Raises OSError.
    """
    with _renamed_at_end(target, temporary_name) as temporary:
        yield temporary
        if durable:
            sync_file(temporary)
    if durable:
        sync_folder(target.parent)


def write_atomically(
    target: Path,
    data: bytes | str,
    *,
    durable: bool = False,
    temporary_name: str | None = None,
) -> None:
    """Replace the content of ``target`` by ``data`` (text as UTF-8); options as ``atomic_file``."""
    content = data.encode() if isinstance(data, str) else data
    with (
        _renamed_at_end(target, temporary_name) as temporary,
        temporary.open("wb") as file,
    ):
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        sync_folder(target.parent)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a new temporary folder beside ``target``; rename it to ``target`` when the block ends.

    For content that every process would write alike: where ``target`` exists by then, because
    another process was faster, that one stays. The temporary folder never remains, except that of
    a killed process. Raises OSError.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        temporary.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_file(path: Path) -> None:
    """Wait until the file's content is on the medium."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the medium, where the file system can do that."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EBADF, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(handle)


@contextmanager
def _renamed_at_end(target: Path, temporary_name: str | None) -> Iterator[Path]:
    temporary = target.with_name(temporary_name or f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
