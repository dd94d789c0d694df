"""Limit how much of a file FFmpeg reads while it looks for the header.

A demuxer that finds nothing searches a file to its end, terabytes of zeros included, within one
call that nothing can interrupt.
"""

import io
import os
from io import FileIO
from pathlib import Path

from heygem_daemon.errors import TooLarge
from heygem_daemon.system.units import GIB, MIB

MAX_HEADER_BYTES = 512 * MIB
"""How much may be read before a file counts as open. FFmpeg examines five megabytes, and reads the
index of an MP4, which has about a megabyte for an hour."""
SEEK_BYTES = 32 * 1024
"""What a change of the position counts: FFmpeg then fills its buffer anew."""


class BoundedFile(io.RawIOBase):
    """An opened file that seems to end when too much of it was read before ``lift``."""

    def __init__(self, file: FileIO, max_bytes: int = MAX_HEADER_BYTES) -> None:
        """``file``: stays open when this object is closed."""
        self.name = file.name
        self._file = file
        self._left = max_bytes
        self._is_lifted = False

    def lift(self) -> None:
        """Let the rest be read without a limit. Raises TooLarge where the limit was reached."""
        if self._left < 0:
            name = Path(os.fsdecode(self.name)).name
            size = os.fstat(self._file.fileno()).st_size
            raise TooLarge(
                f"{name} has {size / GIB:,.1f} GiB, but no complete header was found in the "
                f"{MAX_HEADER_BYTES // MIB} MiB that were searched.",
                "Export the file again, so that it holds nothing but the recording.",
            )
        self._is_lifted = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._left -= SEEK_BYTES
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; nothing at the end or at the limit. Raises OSError."""
        if self._is_lifted:
            return self._file.read(size)
        if self._left < 0:
            return b""
        data = self._file.read(size)
        self._left -= len(data)
        return data
