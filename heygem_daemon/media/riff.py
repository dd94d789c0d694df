"""Read the sizes in the header of a WAV file (RIFF, RF64, BW64), and weigh them.

FFmpeg reads what the header announces. But a program that writes into a pipe cannot go back: it
announces a size before it knows it. Then the header says too much, or too little.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from heygem_daemon.media.regular_file import reading

UNKNOWN = 0xFFFFFFFF
"""In RF64 the 32-bit size of a chunk whose size is in the chunk ds64."""
MAX_CHUNKS = 1000
LONGEST_PADDING = 1 << 16
"""Zeros in bytes that fill up a file to a whole block of a disk or a tape."""


@dataclass(frozen=True, slots=True)
class WavSizes:
    """Where the samples of a WAV file lie."""

    start: int
    """First byte of the samples."""
    announced: int
    """Bytes of samples that the header announces."""
    file_size: int
    is_tail_explained: bool
    """Whether what follows the announced samples are chunks up to the end of the file, or zeros:
    then the header is right."""

    @property
    def present(self) -> int:
        """Bytes of samples in the file, if they fill it to its end."""
        return self.file_size - self.start

    @property
    def understates(self) -> bool:
        """Whether samples follow those that the header announces."""
        return self.announced < self.present and not self.is_tail_explained


def read_wav_sizes(path: Path) -> WavSizes | None:
    """Return the sizes; None where this is no WAV file or it has no samples. Raises OSError."""
    with reading(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        kind, form = head[:4], head[8:]
        if kind not in (b"RIFF", b"RF64", b"BW64") or form != b"WAVE":
            return None
        position, long_size = 12, UNKNOWN
        for _ in range(MAX_CHUNKS):
            name, length = _chunk(file, position)
            if name == b"ds64":
                # sizes of the file and of the samples, 64 bits each
                long_size = int.from_bytes(file.read(16)[8:], "little")
            if name == b"data":
                announced = long_size if length == UNKNOWN and kind != b"RIFF" else length
                start = position + 8
                explained = _is_explained(file, start + announced, size)
                return WavSizes(start, announced, size, explained)
            if not name:
                return None
            position += 8 + length + length % 2
    return None


def is_whole_riff(path: Path) -> bool:
    """Whether a file consists of RIFF chunks that are all there, as an AVI file that was finished.

    Longer AVI files are several RIFF chunks. Raises OSError.
    """
    with reading(path) as file:
        size = file.seek(0, os.SEEK_END)
        position = 0
        for _ in range(MAX_CHUNKS):
            name, length = _chunk(file, position)
            if name != b"RIFF":
                return position > 0
            if length == 0:
                return False
            position += 8 + length + length % 2
            if position > size:
                return position == size + 1
        return True


def _chunk(file: BinaryIO, position: int) -> tuple[bytes, int]:
    """Return name and length of the chunk at ``position``; an empty name where there is none."""
    file.seek(position)
    head = file.read(8)
    return (head[:4], int.from_bytes(head[4:], "little")) if len(head) == 8 else (b"", 0)


def _is_explained(file: BinaryIO, position: int, size: int) -> bool:
    """Whether the file from ``position`` to its end holds chunks with printable names, or padding.

    Chunks begin at even positions.
    """
    if _is_padding(file, position, size):
        return True
    position += position % 2
    for _ in range(MAX_CHUNKS):
        name, length = _chunk(file, position)
        if not all(0x20 <= byte < 0x7F for byte in name):
            return False
        position += 8 + length + length % 2
        if position >= size:
            return position <= size + 1
    return False


def _is_padding(file: BinaryIO, position: int, size: int) -> bool:
    file.seek(position)
    return size - position <= LONGEST_PADDING and not any(file.read(LONGEST_PADDING))
