"""Weigh what a file says of the length of its sound against what is in it.

A header's length is evidence. Of a copy that was not finished, it says what is missing. But a
program that writes into a pipe announces a length before it knows it.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import file_size, reading
from heygem_daemon.media.riff import read_wav_sizes
from heygem_daemon.media.source import (
    FAR_TOO_MUCH,
    announced_seconds,
    is_truncated,
    is_unset_size,
)
from heygem_daemon.media.xing import has_stated_bytes, stated_mp3_seconds

Verdict = Literal["whole", "short", "doubtful", "truncated"]
"""'short': a little is missing. 'doubtful': the header is wrong, or almost all is missing."""

W64 = b"riff\x2e\x91\xcf\x11"
ASF = b"\x30\x26\xb2\x75"
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
HEADER_BYTES = 1 << 16
WRITTEN_AHEAD = frozenset({"wav", "aiff", "au", "caf", "w64", "avi"})
"""Containers whose header states a size, and that programs write into pipes nevertheless."""
NEGLIGIBLE_SECONDS = Fraction(15, 100)
"""What encoders add and decoders remove, and what coarse clocks lose."""


def stated_seconds(
    container: InputContainer, stream: AudioStream, path: Path, found: Fraction
) -> Fraction:
    """Return how long the file says that ``stream`` is; 0 where it says nothing reliable.

    ``found``: seconds that were decoded.
    """
    names = container.format.name.split(",")
    if "wav" in names:
        sizes = read_wav_sizes(path)
        if sizes is None or sizes.announced <= sizes.present or not sizes.present:
            return Fraction(0)
        return found * sizes.announced / sizes.present
    if "mp3" in names:
        stated_length = stated_mp3_seconds(path)
        return min(stated_length, found) if has_stated_bytes(path) else stated_length
    actual, stated = file_size(path), stated_file_size(path)
    if stated > actual:
        return found * stated / actual
    of_container = announced_seconds(container)
    others = [each for each in container.streams if not _is_cover(each) and each is not stream]
    if not of_container or not others:
        return of_container
    of_stream = (stream.duration or 0) * as_fraction(stream.time_base, Fraction(0))
    return of_stream or _tagged_seconds(stream.metadata.get("DURATION", ""))


def stated_file_size(path: Path) -> int:
    """Return the size in bytes that the header of a W64, CAF or ASF file states; 0: none."""
    with reading(path) as file:
        head = file.read(HEADER_BYTES)
    if head.startswith(W64):
        return int.from_bytes(head[16:24], "little")
    if head.startswith(ASF) and (at := head.find(ASF_FILE_PROPERTIES)) > 0:
        return int.from_bytes(head[at + 40 : at + 48], "little")
    if head.startswith(b"caff"):
        return _caf_size(head)
    return 0


def _caf_size(head: bytes) -> int:
    """Return where the samples of a CAF file end; 0 where it does not say."""
    position = 8
    while position + 12 <= len(head):
        length = int.from_bytes(head[position + 4 : position + 12], "big", signed=True)
        if head[position : position + 4] == b"data":
            return position + 12 + length if length >= 0 else 0
        position += 12 + max(0, length)
    return 0


def weigh_length(
    stated: Fraction, found: Fraction, found_bytes: int, container_format: str
) -> Verdict:
    """Say whether a sound is whole of which ``stated`` seconds are announced (0: unknown).

    ``found``: seconds that are there, in ``found_bytes``.
    """
    if stated - found <= NEGLIGIBLE_SECONDS:
        return "whole"
    if not WRITTEN_AHEAD.isdisjoint(container_format.split(",")) and found:
        stated_bytes = round(stated / found * found_bytes)
        is_far = stated_bytes > found_bytes * FAR_TOO_MUCH
        is_unset = is_unset_size(stated_bytes, found_bytes)
        if is_far or is_unset:
            return "whole" if is_far and is_unset else "doubtful"
    return "truncated" if is_truncated(found, stated) else "short"


def _is_cover(stream: object) -> bool:
    disposition = getattr(stream, "disposition", None)
    return isinstance(disposition, Disposition) and bool(disposition & Disposition.attached_pic)


def _tagged_seconds(text: str) -> Fraction:
    """Return a length as Matroska's writers note it for each track: 00:00:02.600000000."""
    try:
        hours, minutes, seconds = (Fraction(part) for part in text.split(":"))
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
    return hours * 3600 + minutes * 60 + seconds
