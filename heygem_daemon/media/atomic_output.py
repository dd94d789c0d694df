"""Write a media file so that it is there completely or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EFBIG, ENOENT
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.system.atomic import atomic_file
from heygem_daemon.system.os_errors import MEDIA_ERRNOS

STORAGE_ERRNOS = MEDIA_ERRNOS | {EFBIG, ENOENT}


@contextmanager
def atomic_output(target: Path) -> Iterator[Path]:
    """A draft beside ``target`` to write to; synced to disk and renamed to ``target`` at the end.

    Nothing is left behind when the block raises. Raises SpoolUnavailable where the storage fails.
    """
    name = f".{target.stem}.draft{target.suffix}"
    with (
        translate_storage_errors(target),
        atomic_file(target, durable=True, temporary_name=name) as temporary,
    ):
        yield temporary


@contextmanager
def translate_storage_errors(target: Path) -> Iterator[None]:
    """Turn what the storage reports while ``target`` is written into SpoolUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno not in STORAGE_ERRNOS:
            raise
        raise SpoolUnavailable(f"{target.name} cannot be written: {error.strerror}.") from error
