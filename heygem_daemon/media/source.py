"""Open media files and read their packets, with the errors sorted into our own."""

import errno
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.errors import BadInput, EnvironmentFault

REPLACE_FILE_HINT = "Export or copy the file again and put the new one in the inbox."
COMMON_FORMATS_HINT = (
    "Use a common format: wav, mp3, m4a, flac or ogg for sound; mp4, mov, mkv or webm for video."
)
KNOWN_LENGTH = frozenset({"wav", "flac", "ogg", "mov", "matroska", "avi", "w64", "aiff"})
"""Containers whose own word on their length is exact; others guess it from the bit rate."""
TOLERATED_LOSS = Fraction(5, 100)
CONSECUTIVE_ERRORS = 64
"""Read errors in a row after which the rest of a file counts as unreadable."""


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """The open container of a media file, closed afterwards whatever happens.

    Raises BadInput where the content is no media, EnvironmentFault where the file cannot be read.
    """
    require_readable(path)
    try:
        container = av.open(os.fspath(path), metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        require_readable(path)
        raise BadInput(*_why_not_opened(path, error)) from error
    try:
        yield container
    finally:
        container.close()


def free_closed_codecs() -> None:
    """Free the codecs of files that are closed: PyAV's containers and streams hold each other, so
    that tens of megabytes would wait for the garbage collector."""
    gc.collect()


def require_readable(path: Path) -> None:
    """Ask the file system itself whether ``path`` can be read at its start and at its end.

    A demuxer reports damage and a vanished share with the same codes; this tells them apart.
    Raises EnvironmentFault for the share, BadInput for a file that is empty or not a file.
    """
    try:
        if path.is_dir():
            raise BadInput(f"{path.name} is a folder, not a media file.", REPLACE_FILE_HINT)
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            file.read(1)
            file.seek(0)
            file.read(1)
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "unknown error")
        raise EnvironmentFault(f"{path.name} cannot be read ({code}): {error.strerror}.") from error
    if size == 0:
        raise BadInput(f"{path.name} is empty (0 bytes).", REPLACE_FILE_HINT)


def read_packets(container: InputContainer, *streams: Stream) -> Iterator["Packet[Stream]"]:
    """Packets of ``streams`` (all, if none is given), then one empty packet a stream.

    A damaged stretch is skipped. Only when the demuxer fails many times without a packet in
    between does the file end there.
    """
    failures = 0
    while failures < CONSECUTIVE_ERRORS:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
        except (FFmpegError, IndexError):
            # PyAV stumbles with an IndexError where damage feigns a new stream.
            failures += 1
        else:
            return
    require_readable(Path(container.name))


def announced_seconds(container: InputContainer) -> Fraction:
    """The length that the container itself states; 0 where it states none worth believing."""
    if not container.duration or KNOWN_LENGTH.isdisjoint(container.format.name.split(",")):
        return Fraction(0)
    return Fraction(container.duration, 1_000_000) * _riff_excess(Path(container.name))


def _riff_excess(path: Path) -> Fraction:
    """Announced over actual size of a RIFF file (wav, avi); 1 for others and where it says none.

    FFmpeg derives a wav file's length from what is there, so the header must be asked for what
    there should be. Recorders that stream write 0 or the largest number.
    """
    with path.open("rb") as file:
        head = file.read(8)
        size = file.seek(0, os.SEEK_END)
    announced = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or announced in (0, 0xFFFFFFFF) or announced + 8 <= size:
        return Fraction(1)
    return Fraction(announced + 8, size)


def is_truncated(found: Fraction, announced: Fraction) -> bool:
    """True where more than 5 % and more than half a second of what was announced is missing."""
    return announced - found > max(Fraction(1, 2), announced * TOLERATED_LOSS)


def _why_not_opened(path: Path, error: Exception) -> tuple[str, str]:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        reason = (
            f"{path.name} is an MP4 or MOV file without its index (moov): it is truncated, or "
            "its recording or copying was not finished."
        )
        return reason, REPLACE_FILE_HINT
    detail = getattr(error, "strerror", None) or str(error)
    return f"{path.name} is not a readable audio or video file ({detail}).", COMMON_FORMATS_HINT
