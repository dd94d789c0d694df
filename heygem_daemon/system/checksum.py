"""Checksums of files."""

from collections.abc import Callable
from hashlib import sha256
from io import FileIO
from pathlib import Path

BLOCK_BYTES = 1 << 20


def sha256_of(path: Path, step: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file's content, as 64 hex digits. Links are followed. Raises OSError.

    ``step`` is called for each block that is read; what it raises ends the reading.
    """
    with path.open("rb", buffering=0) as file:
        return sha256_of_file(file, step)


def sha256_of_file(file: FileIO, step: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of what is in an opened file from here on; ``step`` as above. Raises OSError."""
    digest = sha256()
    while block := file.read(BLOCK_BYTES):
        step()
        digest.update(block)
    return digest.hexdigest()
