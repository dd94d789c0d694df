"""Read the length that the first frame of an MP3 file states (Xing, Info and VBRI tags)."""

import os
from fractions import Fraction
from pathlib import Path

from heygem_daemon.media.regular_file import reading

SEARCH_BYTES = 1 << 16
"""Where the first frame must begin, after an ID3 tag."""
SIDE_INFO_BYTES = {(3, 1): 17, (3, 2): 32, (2, 1): 9, (2, 2): 17}
"""Bytes between header and tag, by MPEG version (3: version 1; else 2) and channels."""
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
HAS_FRAMES, HAS_BYTES = 1, 2
TAGS = (b"Xing", b"Info", b"VBRI")
VBRI_OFFSET = 32


def stated_mp3_seconds(path: Path) -> Fraction:
    """Return the stated length; 0 where there is no tag. Raises OSError."""
    block, _ = _read_first_frame(path)
    for name in TAGS:
        at = block.find(name)
        if at > 0 and (seconds := _seconds(block, at, name)):
            return seconds
    return Fraction(0)


def has_stated_bytes(path: Path) -> bool:
    """Whether all bytes are there that the tag states: if there are fewer frames, then their number
    in the tag is wrong. False where it states no bytes. Raises OSError."""
    block, present = _read_first_frame(path)
    for name in TAGS:
        at = block.find(name)
        if at > 0 and _seconds(block, at, name):
            return 0 < _stated_bytes(block, at, name) <= present
    return False


def _read_first_frame(path: Path) -> tuple[bytes, int]:
    """Return the file from behind its ID3 tag, ``SEARCH_BYTES`` at most, and how long that is."""
    with reading(path) as file:
        head = file.read(10)
        tag = head[:3] == b"ID3" and len(head) == 10
        begin = 10 + _id3_bytes(head) if tag else 0
        size = file.seek(0, os.SEEK_END)
        file.seek(begin)
        return file.read(SEARCH_BYTES), size - begin


def _stated_bytes(block: bytes, at: int, name: bytes) -> int:
    """Return how many bytes the tag at ``at`` states; 0 where it states none."""
    if name == b"VBRI":
        return int.from_bytes(block[at + 10 : at + 14], "big")
    flags, both = int.from_bytes(block[at + 4 : at + 8], "big"), HAS_FRAMES | HAS_BYTES
    return int.from_bytes(block[at + 12 : at + 16], "big") if flags & both == both else 0


def _id3_bytes(head: bytes) -> int:
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size


def _seconds(block: bytes, at: int, name: bytes) -> Fraction:
    """Return the length that a tag at ``at`` states; 0 where no frame has its tag there."""
    if name == b"VBRI":
        start, frames = at - 4 - VBRI_OFFSET, block[at + 14 : at + 18]
    else:
        flags = int.from_bytes(block[at + 4 : at + 8], "big")
        frames = block[at + 8 : at + 12] if flags & HAS_FRAMES else b""
        starts = [at - 4 - offset for offset in SIDE_INFO_BYTES.values()]
        start = next((each for each in starts if _is_frame_with_tag(block, each, at)), -1)
    if start < 0 or not _is_layer_3(block[start : start + 4]):
        return Fraction(0)
    version, rate_index = block[start + 1] >> 3 & 3, block[start + 2] >> 2 & 3
    samples = 1152 if version == 3 else 576
    return Fraction(int.from_bytes(frames, "big") * samples, RATES[version][rate_index])


def _is_frame_with_tag(block: bytes, start: int, at: int) -> bool:
    header = block[start : start + 4] if start >= 0 else b""
    if not _is_layer_3(header):
        return False
    channels = 1 if header[3] >> 6 == 3 else 2
    version = 3 if header[1] >> 3 & 3 == 3 else 2
    return start + 4 + SIDE_INFO_BYTES[version, channels] == at


def _is_layer_3(header: bytes) -> bool:
    return (
        len(header) == 4
        and header[0] == 0xFF
        and header[1] & 0xE6 == 0xE2
        and header[1] >> 3 & 3 in RATES
        and header[2] >> 2 & 3 < 3
    )
