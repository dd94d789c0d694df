"""Read the pages of an Ogg file: where its links begin, and whether its end is there.

An Ogg file may be a chain: several streams one after the other (RFC 3533, section 4). FFmpeg
cannot go on where a link has another sampling rate or channel count, so each is opened for itself.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from heygem_daemon.media.regular_file import open_regular, reading

CAPTURE = b"OggS"
HEADER_BYTES = 27
BEGINS, ENDS = 2, 4
"""Flags in a page's header."""
SEARCH_BYTES = 1 << 16
MAX_LINKS = 1000
"""Links that are told apart; the rest of a longer chain belongs to the last."""


@dataclass(frozen=True, slots=True)
class OggLayout:
    """The links of an Ogg file."""

    links: tuple[tuple[int, int], ...]
    """First byte of each link, and the first after it."""
    is_ended: bool
    """Whether the last page is whole and says that it is the last."""


class FilePart(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        self.name = str(path)
        self._file = open_regular(path)
        self._start, self._end = start, end
        self._file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._end - self._file.tell())
        return self._file.read(rest if size < 0 else min(size, rest))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._end}
        return self._file.seek(max(self._start, base[whence] + offset)) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def close(self) -> None:
        # Python closes also what could not be opened, and has no file then.
        if hasattr(self, "_file"):
            self._file.close()
        super().close()


def read_ogg_layout(path: Path, step: Callable[[], None] = lambda: None) -> OggLayout | None:
    """Return the links of ``path``; None where it is not an Ogg file.

    ``step`` is called for each page and each block; what it raises ends the reading. Raises
    BadInput for what is not a regular file, EnvironmentFault where it cannot be read.
    """
    with reading(path) as raw, BufferedReader(raw) as file:
        if file.read(len(CAPTURE)) != CAPTURE:
            return None
        size = file.seek(0, io.SEEK_END)
        begins: list[int] = []
        in_headers, flags, end = False, 0, 0
        for start, flags, end in _pages(file, step):  # noqa: B007
            is_first = bool(flags & BEGINS)
            if is_first and not in_headers and len(begins) < MAX_LINKS:
                begins.append(start)
            in_headers = is_first
    ends = [*begins[1:], size]  # one more than ``begins`` where no page begins a stream
    links = tuple(zip(begins, ends, strict=False)) or ((0, size),)
    return OggLayout(links, is_ended=bool(flags & ENDS) and end <= size)


def _pages(file: BinaryIO, step: Callable[[], None]) -> Iterator[tuple[int, int, int]]:
    """Yield start, flags and end of each page. Damage between pages is skipped."""
    position = 0
    while True:
        step()
        file.seek(position)
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return
        if header[:4] != CAPTURE:
            found = _next_capture(file, position, step)
            if found is None:
                return
            position = found
            continue
        segments = file.read(header[26])
        end = position + HEADER_BYTES + header[26] + sum(segments)
        yield position, header[5], end
        position = end


def _next_capture(file: BinaryIO, position: int, step: Callable[[], None]) -> int | None:
    """Return where the next page may begin after ``position``; None: nowhere."""
    file.seek(position)
    while block := file.read(SEARCH_BYTES):
        step()
        found = block.find(CAPTURE)
        if found >= 0:
            return position + found
        if len(block) < SEARCH_BYTES:
            return None
        position += SEARCH_BYTES - len(CAPTURE) + 1
        file.seek(position)
    return None
