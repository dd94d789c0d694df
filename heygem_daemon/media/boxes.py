"""The boxes at the top level of an MP4 or MOV file (ISO/IEC 14496-12), read and changed in place.

A file has an XMP packet in a ``uuid`` box of its own (XMP part 3). The box is appended, and text in
the index is replaced by text of the same length, so no offset in the file changes.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

XMP_UUID = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
C2PA_UUID = UUID("d8fec3d6-1b0e-483c-9297-5828877ec481").bytes
"""The C2PA specification, 'Embedding manifests into BMFF-based assets'."""

MAX_BOXES = 100_000
"""Boxes at the top level of a file: a recording in fragments of a second has two a second."""
MAX_INDEX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class FileBox:
    """A box of a file."""

    kind: bytes
    """Four bytes, such as b'moov'."""
    start: int
    """Where its content begins: byte of the file, behind size, kind and, for ``uuid``, UUID."""
    stop: int
    """The byte behind its last."""
    uuid: bytes = b""
    """16 bytes for a ``uuid`` box."""


def read_boxes(file: BinaryIO) -> Iterator[FileBox]:
    """Yield the boxes at the top level, as far as the file makes sense. Raises OSError."""
    end = file.seek(0, os.SEEK_END)
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(32)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if size == 1 and len(head) >= 16:
            size, start = int.from_bytes(head[8:16]), 16
        elif size == 0:
            size = end - at
        uuid = head[start : start + 16] if kind == b"uuid" else b""
        start += len(uuid)
        if size < start or at + size > end:
            return
        yield FileBox(kind, at + start, at + size, uuid)
        at += size


def append_uuid(path: Path, uuid: bytes, content: bytes) -> None:
    """Append a ``uuid`` box. Raises OSError."""
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", 24 + len(content), b"uuid") + uuid + content)


def read_uuid(path: Path, uuid: bytes, max_bytes: int) -> bytes | None:
    """Return the content of the first box with this UUID, at most ``max_bytes`` of it; None where
    there is none. Raises OSError."""
    with path.open("rb") as file:
        for box in read_boxes(file):
            if box.uuid == uuid:
                file.seek(box.start)
                return file.read(min(box.stop - box.start, max_bytes))
    return None


def replace_in_index(path: Path, old: bytes, new: bytes) -> int:
    """Replace ``old`` by ``new``, of the same length, wherever it stands in the file's index.

    Returns how often it did. Raises OSError, ValueError for another length.
    """
    if len(old) != len(new):
        raise ValueError("the replacement has another length")
    count = 0
    with path.open("r+b") as file:
        for box in read_boxes(file):
            if box.kind != b"moov" or box.stop - box.start > MAX_INDEX_BYTES:
                continue
            file.seek(box.start)
            index = file.read(box.stop - box.start)
            count += index.count(old)
            file.seek(box.start)
            file.write(index.replace(old, new))
    return count
