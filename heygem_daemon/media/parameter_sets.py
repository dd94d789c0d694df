"""Find in a keyframe's packet what states the size of the pictures, without decoding it."""

import re
from collections.abc import Iterator
from itertools import pairwise

SEARCHED_BYTES = 4096
"""The parameter sets come first in a packet."""
SEQUENCE_UNITS = {"h264": (0x1F, 0, 7), "hevc": (0x7E, 1, 33)}
"""Mask, shift and type of the first byte of a sequence parameter set, by codec."""
SIZED_CODECS = frozenset({*SEQUENCE_UNITS, "mpeg2video"})
"""The codecs for which ``stated_size`` finds anything."""
MPEG2_SEQUENCE = re.compile(rb"\x00\x00\x01\xb3(...)", re.DOTALL)
"""The start code of a sequence header, then width and height in 12 bits each."""
START_CODE = re.compile(rb"\x00\x00\x01")


def stated_size(codec: str, packet: bytes, extradata: bytes | None) -> bytes:
    """Return what differs between packets whose pictures differ in size; b"" where there is none.

    ``codec``: FFmpeg's name. ``extradata``: the stream's header, which tells how units are stored.
    Packets of the same size may differ too, by other settings of the encoder.
    """
    head = packet[:SEARCHED_BYTES]
    if codec == "mpeg2video":
        found = MPEG2_SEQUENCE.search(head)
        return found.group(1) if found else b""
    if codec not in SEQUENCE_UNITS:
        return b""
    mask, shift, sequence = SEQUENCE_UNITS[codec]
    prefixed = bool(extradata and extradata[0] == 1)
    units = _prefixed_units(head) if prefixed else _started_units(head)
    return b"".join(unit for unit in units if unit and (unit[0] & mask) >> shift == sequence)


def _started_units(head: bytes) -> Iterator[bytes]:
    """Yield the units between start codes (Annex B of H.264), without the last, which is cut."""
    places = [found.end() for found in START_CODE.finditer(head)]
    for begin, after in pairwise(places):
        yield head[begin : after - 3].rstrip(b"\0")


def _prefixed_units(head: bytes) -> Iterator[bytes]:
    """Yield the units that follow their length in four bytes, up to one that is cut."""
    at = 0
    while at + 4 < len(head):
        length = int.from_bytes(head[at : at + 4], "big")
        if at + 4 + length > len(head):
            return
        yield head[at + 4 : at + 4 + length]
        at += 4 + length
