"""Write a media file so that it appears complete, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EFBIG, ENOENT
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.system.atomic import atomic_file
from heygem_daemon.system.os_errors import MEDIA_ERRNOS

STORAGE_ERRNOS = MEDIA_ERRNOS | {EFBIG, ENOENT}
"""Errors while writing that speak of the disk or share, not of the job."""


@contextmanager
def atomic_output(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; sync it and rename it to ``target`` at the end.

    Its suffix is that of ``target``. It is deleted if the block raises. Raises SpoolUnavailable
    where the storage fails.
    """
    name = f".{target.stem}.draft{target.suffix}"
    with (
        translate_storage_errors(target),
        atomic_file(target, durable=True, temporary_name=name) as temporary,
    ):
        yield temporary


@contextmanager
def translate_storage_errors(target: Path) -> Iterator[None]:
    """Raise SpoolUnavailable for errors of the storage while ``target`` is written."""
    try:
        yield
    except OSError as error:
        if error.errno not in STORAGE_ERRNOS:
            raise
        raise SpoolUnavailable(f"{target.name} cannot be written: {error.strerror}.") from error
