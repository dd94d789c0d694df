"""Checksums of files."""

from hashlib import file_digest
from pathlib import Path


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hex digits. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
