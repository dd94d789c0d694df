"""A ZIP of files, stored and not compressed: video does not shrink, and a stored file is quick."""

import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from heygem_daemon.errors import Interrupted

_BLOCK = 1 << 20


def write_zip(
    target: Path, files: Iterable[Path], folder: str, should_stop: Callable[[], bool]
) -> list[str]:
    """Write ``files`` to a new ZIP at ``target``, below ``folder`` in it, durably; gives the names
    of those that are gone.

    ZIP64 where it takes that: any size, any number. ``target`` is overwritten; it is complete
    once this returns. Raises Interrupted if ``should_stop`` says so between blocks, OSError.
    """
    missing = []
    with target.open("wb") as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for path in files:
                try:
                    _add(archive, path, f"{folder}/{path.name}", should_stop)
                except FileNotFoundError:
                    missing.append(path.name)
        out.flush()
        os.fsync(out.fileno())
    return missing


def _add(archive: zipfile.ZipFile, path: Path, name: str, should_stop: Callable[[], bool]) -> None:
    with path.open("rb") as source:
        status = os.fstat(source.fileno())
        info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
        info.file_size = status.st_size
        with archive.open(info, "w", force_zip64=status.st_size > zipfile.ZIP64_LIMIT // 2) as out:
            while block := source.read(_BLOCK):
                if should_stop():
                    raise Interrupted("stopped while the ZIP of a batch was written")
                out.write(block)
