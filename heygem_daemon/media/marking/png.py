"""The chunks of a PNG (ISO/IEC 15948), and its XMP packet: an ``iTXt`` chunk (XMP part 3)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
_XMP_HEAD = XMP_KEYWORD + b"\0\0\0\0\0"
"""Keyword, not compressed, no language, no translation of the keyword."""


@dataclass(frozen=True, slots=True)
class PngChunk:
    """A chunk of a PNG."""

    kind: bytes
    """Four letters; the first is a capital where a picture needs the chunk."""
    content: bytes
    stop: int
    """The byte of the file behind it."""


def read_chunks(data: bytes) -> Iterator[PngChunk]:
    """Yield the chunks of a PNG, as far as it makes sense."""
    at = len(SIGNATURE) if data.startswith(SIGNATURE) else len(data)
    while at + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        stop = at + 12 + size
        if stop > len(data):
            return
        yield PngChunk(kind, data[at + 8 : stop - 4], stop)
        at = stop


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Return the PNG ``data`` with an XMP packet behind its header.

    Raises ValueError for what is no PNG.
    """
    header = next(read_chunks(data), None)
    if header is None or header.kind != b"IHDR":
        raise ValueError("not a PNG")
    body = b"iTXt" + _XMP_HEAD + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[: header.stop] + chunk + data[header.stop :]


def read_xmp(data: bytes) -> bytes | None:
    """Return the XMP packet of a PNG; None if it has none that is not compressed."""
    for chunk in read_chunks(data):
        if chunk.kind == b"iTXt" and chunk.content.startswith(_XMP_HEAD):
            return chunk.content[len(_XMP_HEAD) :]
    return None


def picture_digest(data: bytes) -> str:
    """SHA-256, 64 hex digits, of the chunks that make the picture; texts do not count."""
    digest = sha256()
    for chunk in read_chunks(data):
        if chunk.kind[:1].isupper():
            digest.update(chunk.kind + struct.pack(">I", len(chunk.content)) + chunk.content)
    return digest.hexdigest()
