"""Checksums of files."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

BLOCK_BYTES = 1 << 20


def sha256_of(path: Path, step: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file's content, as 64 hex digits. Raises OSError.

    ``step`` is called for each block that is read; what it raises ends the reading.
    """
    digest = sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            step()
            digest.update(block)
    return digest.hexdigest()
