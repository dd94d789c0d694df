"""Write a file so that it appears complete, or not at all.

It is written under a temporary name in the folder of its target, and renamed at the end. A reader
never sees half of it, and a failure keeps the earlier version. A killed process may leave the
temporary file behind.
"""

import errno
import os
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
