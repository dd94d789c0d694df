"""Open media files and read their packets, and sort errors into bad input and storage faults."""

import errno
import gc
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from heygem_daemon.errors import BadInput
from heygem_daemon.media.bounded_file import BoundedFile
from heygem_daemon.media.known_formats import HEAD_BYTES, PROTECTED, is_protected, name_format
from heygem_daemon.media.regular_file import (
    REPLACE_FILE_HINT,
    open_regular,
    reading,
    unreadable,
)

COMMON_FORMATS_HINT = (
    "Use a common format: wav, mp3, m4a, flac or ogg for sound; mp4, mov, mkv or webm for video."
)
_COMMON_EXTENSIONS = (
    ".wav", ".mp3", ".m4a", ".flac", ".ogg", ".mp4", ".mov", ".mkv", ".webm",
)  # fmt: skip
KNOWN_LENGTH = frozenset(
    {"wav", "flac", "ogg", "mov", "matroska", "avi", "w64", "aiff", "caf", "au", "asf"}
)
"""Containers that state their length exactly; others guess it from the bit rate."""
DEMUXERS = (
    "wav,w64,aiff,caf,au,flac,ogg,mp3,aac,ac3,eac3,amr,mov,matroska,avi,mpeg,mpegvideo,"
    "mpegts,asf,flv,mxf,dv,yuv4mpegpipe,h264,hevc,m4v,png_pipe"
)
"""The containers that are opened, by FFmpeg's names: "mov" is MP4 too, and "matroska" WebM. None of
them can make FFmpeg open another file, as playlists, concat scripts and image sequences do. PNG is
for pictures of our own."""
PROTOCOLS = "none"
"""No protocol has this name: FFmpeg can open nothing."""
TAG_OPTIONS: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
)
"""Accepts tags in any encoding; PyAV 19 does without being asked and has no such option."""
TOLERATED_LOSS = Fraction(5, 100)
"""Share of a file that may be missing or undecodable."""
SIZE_LIMITS = (1 << 31, 1 << 32)
FAR_TOO_MUCH = 20
"""Announced over actual size from which the announced one is no size that a copy fell short of."""
CONSECUTIVE_ERRORS = 64
"""Read errors in a row after which the rest of a file counts as unreadable."""


@contextmanager
def open_media(
    path: Path, options: dict[str, str] | None = None, part: io.RawIOBase | None = None
) -> Iterator[InputContainer]:
    """Open a media file and yield its container, which is closed afterwards.

    FFmpeg reads through a descriptor that was opened without following a link, and opens nothing
    itself. ``options``: for FFmpeg's demuxer. ``part``: opened instead of the whole file. Raises
    BadInput where the content is not media, TooLarge where it does not begin soon, EnvironmentFault
    where the file cannot be read.
    """
    with open_regular(path) as file:
        require_content(path, file)
        bounded = BoundedFile(file)
        try:
            container = av.open(
                part or bounded,
                "r",
                options=options or {},
                container_options={"format_whitelist": DEMUXERS, "protocol_whitelist": PROTOCOLS},
                **TAG_OPTIONS,
            )
        except MemoryError:
            raise
        except (FFmpegError, ValueError) as error:
            require_content(path, file)
            bounded.lift()
            raise BadInput(*_why_not_opened(path, file, error)) from error
        except OSError as error:
            # What reading the file raises passes through FFmpeg as it is.
            raise unreadable(path, error) from error
        try:
            bounded.lift()
            yield container
        finally:
            container.close()


def require_unprotected(container: InputContainer, path: Path) -> None:
    """Raise BadInput where the samples of an MP4 are encrypted."""
    if "mov" in container.format.name.split(","):
        with reading(path) as file:
            if is_protected(file):
                raise BadInput(
                    f"{path.name} cannot be used: it is {PROTECTED.name}.", PROTECTED.remedy
                )


def free_closed_codecs() -> None:
    """Free the codecs of closed files.

    PyAV's containers and streams refer to each other, so that tens of megabytes would otherwise
    wait for the garbage collector.
    """
    gc.collect()


def require_readable(path: Path) -> None:
    """Raise as ``require_content`` where the file at ``path`` cannot be read."""
    with open_regular(path) as file:
        require_content(path, file)


def require_content(path: Path, file: FileIO) -> None:
    """Read the first and the last byte of the opened ``file`` of ``path``.

    A demuxer reports damage and a lost share with the same codes; this check distinguishes them.
    Raises EnvironmentFault for the share, BadInput for an empty file.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        file.read(1)
        file.seek(0)
        file.read(1)
        file.seek(0)
    except OSError as error:
        raise unreadable(path, error) from error
    if size == 0:
        raise BadInput(f"{path.name} is empty (0 bytes).", REPLACE_FILE_HINT)


def read_packets(
    container: InputContainer,
    *streams: Stream,
    on_error: Callable[[Exception], None] = lambda _error: None,
) -> Iterator["Packet[Stream]"]:
    """Yield the packets of ``streams`` (all, if none is given), then one empty packet per stream.

    Damaged parts are skipped; ``on_error`` is called with the error of each. After
    ``CONSECUTIVE_ERRORS`` failures without a packet in between the file ends there. Raises
    EnvironmentFault where the file can no longer be read, MemoryError where memory does not
    suffice.
    """
    failures = 0
    while failures < CONSECUTIVE_ERRORS:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
        except MemoryError:
            raise
        except (FFmpegError, IndexError) as error:
            # PyAV raises IndexError where damage looks like a new stream.
            failures += 1
            on_error(error)
        except OSError as error:
            raise unreadable(Path(container.name), error) from error
        else:
            return
    require_readable(Path(container.name))


def announced_seconds(container: InputContainer) -> Fraction:
    """Return the length that the container states; 0 where it states none that is reliable."""
    seconds = Fraction(container.duration or 0, 1_000_000)
    if seconds <= 0 or KNOWN_LENGTH.isdisjoint(container.format.name.split(",")):
        return Fraction(0)
    return seconds * _riff_excess(Path(container.name))


def is_unset_size(announced: int, actual: int) -> bool:
    """Whether an announced size in bytes was written before the size was known.

    A program that writes into a pipe announces nothing, or about the largest number of 31 or 32
    bits: some the number itself, others stay up to 16 MiB below (sox, espeak-ng). A true size may
    be as large; then more than a small part of it is there.
    """
    distance = min(abs(limit - announced) for limit in SIZE_LIMITS)
    is_near = distance <= SIZE_LIMITS[0] >> 6 and announced > actual * FAR_TOO_MUCH
    return announced == 0 or is_near or distance < 1 << 16


def _riff_excess(path: Path) -> Fraction:
    """Return the announced size over the actual size of a RIFF file (wav, avi), at least 1.

    It is 1 for other files and for those that announce no size. FFmpeg derives the length of a
    wav file from its actual size, so only the header says how long it should be.
    """
    with reading(path) as file:
        head = file.read(8)
        size = file.seek(0, os.SEEK_END)
    announced = int.from_bytes(head[4:8], "little")
    if head[:4] != b"RIFF" or announced + 8 <= size or is_unset_size(announced, size):
        return Fraction(1)
    return Fraction(announced + 8, size)


def is_truncated(found: Fraction, announced: Fraction) -> bool:
    """Whether more than 5 % and more than half a second of the announced length is missing.

    Both in seconds.
    """
    return announced - found > max(Fraction(1, 2), announced * TOLERATED_LOSS)


def _why_not_opened(path: Path, file: FileIO, error: Exception) -> tuple[str, str]:
    head = file.read(HEAD_BYTES)
    if (known := name_format(head)) is not None:
        return f"{path.name} cannot be used: it is {known.name}.", known.remedy
    if head[4:8] == b"ftyp":
        reason = (
            f"{path.name} is an MP4 or MOV file without its index (moov): it is truncated, or "
            "its recording or copying was not finished."
        )
        return reason, REPLACE_FILE_HINT
    # Text under such a name is no recording that was damaged.
    is_damaged = path.name.lower().endswith(_COMMON_EXTENSIONS) and not head.isascii()
    remedy = REPLACE_FILE_HINT if is_damaged else COMMON_FORMATS_HINT
    if getattr(error, "errno", None) == errno.EINVAL:
        # FFmpeg's answer for a container that is not in DEMUXERS.
        return f"{path.name} is not in a supported format, or is damaged.", remedy
    detail = getattr(error, "strerror", None) or str(error)
    return f"{path.name} is not a readable audio or video file ({detail}).", remedy
