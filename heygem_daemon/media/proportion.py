"""Refuse a file that is far larger than all that its header announces could fill.

A sparse file of terabytes takes no room on the disk, and its header may honestly announce a second.
It would be read from end to end, for its checksum.
"""

import os
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.stream import Disposition

from heygem_daemon.errors import TooLarge
from heygem_daemon.media.guard import MediaGuard
from heygem_daemon.media.rational import as_fraction
from heygem_daemon.media.regular_file import open_regular
from heygem_daemon.media.source import announced_seconds, open_media
from heygem_daemon.system.units import GIB

SPARE_BYTES = GIB
"""Covers, fonts and other attachments, an index, and room that a camera reserved."""
BYTES_PER_PIXEL = 8
"""Uncompressed, red, green, blue and alpha in 16 bits each. Compressed videos take a hundredth."""
BYTES_PER_VALUE = 8
"""Of a sound, uncompressed, in double precision."""
OTHER_BYTES_PER_SECOND = 4 << 20
"""Subtitles, time codes, sensors, and what a container adds."""
MOST_VIDEO_STREAMS = 4
HIGHEST_RATE = 120.0
"""Pictures a second, where a header says more or nothing."""
MOST_COMPRESSION = 20
"""How much a file system that compresses may save of a recording. What is sparse saves more."""


def require_announced_proportion(container: InputContainer, path: Path, guard: MediaGuard) -> None:
    """Raise TooLarge where the file is larger than its header allows, before it is read.

    A file that announces no length may be as long as the limits allow.
    """
    if guard.limits is None:
        return
    seconds = float(announced_seconds(container))
    sound = (seconds or guard.limits.seconds) * _sound_bytes_per_second(container)
    pixels = (seconds or guard.limits.seconds) * _pixels_per_second(container)
    said = f"its header announces {seconds:.1f} seconds" if seconds else "it announces no length"
    if seconds:
        _require_size(path, said, sound, pixels)
    else:
        _require_size(path, said, 0, pixels + sound / BYTES_PER_PIXEL)


def require_sound_proportion(path: Path, seconds: float, guard: MediaGuard) -> None:
    """Raise TooLarge where a file that holds ``seconds`` of sound is out of proportion to that."""
    if guard.limits is None:
        return
    with open_media(path) as container:
        sound = seconds * _sound_bytes_per_second(container)
        pixels = seconds * _pixels_per_second(container)
    _require_size(path, f"it holds {seconds:.1f} seconds of sound", sound, pixels)


def require_video_proportion(
    path: Path, seconds: float, pictures: int, pixels: int, guard: MediaGuard
) -> None:
    """Raise TooLarge where a file that holds so much video is out of proportion to that.

    ``seconds``: between the first picture and the last. ``pixels``: of each of the ``pictures``.
    """
    if guard.limits is None:
        return
    with open_media(path) as container:
        sound = seconds * _sound_bytes_per_second(container)
        streams = len(_video_sizes(container))
    said = f"it holds {pictures:,} pictures in {seconds:.1f} seconds"
    _require_size(path, said, sound, pictures * pixels * streams)


def _require_size(path: Path, said: str, sound_bytes: float, pixels: float) -> None:
    """``said``: what the file says of itself. ``pixels``: of all pictures. Where the disk holds
    little of the file, little is allowed."""
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
    # Some network file systems do not say how much is stored.
    stored = status.st_blocks * 512 or status.st_size
    content = sound_bytes + pixels * BYTES_PER_PIXEL
    most = SPARE_BYTES + min(content, stored * MOST_COMPRESSION)
    if status.st_size > most:
        raise TooLarge(
            f"{path.name} has {status.st_size / GIB:,.1f} GiB, but {said}: that takes at most "
            f"{most / GIB:,.1f} GiB.",
            "Export the file again, so that it holds nothing but the recording.",
        )


def _sound_bytes_per_second(container: InputContainer) -> float:
    values = sum(
        stream.codec_context.sample_rate * stream.codec_context.channels
        for stream in container.streams.audio
        if stream.codec_context is not None
    )
    return OTHER_BYTES_PER_SECOND + values * BYTES_PER_VALUE


def _pixels_per_second(container: InputContainer) -> float:
    return sum(pixels * rate for pixels, rate in _video_sizes(container))


def _video_sizes(container: InputContainer) -> list[tuple[int, float]]:
    """Return pixels and pictures a second of the video streams; covers do not count."""
    found = []
    for stream in container.streams.video[:MOST_VIDEO_STREAMS]:
        if stream.disposition & Disposition.attached_pic or stream.codec_context is None:
            continue
        rate = float(as_fraction(stream.average_rate or stream.guessed_rate, Fraction(0)))
        context = stream.codec_context
        found.append((context.width * context.height, min(rate or HIGHEST_RATE, HIGHEST_RATE)))
    return found
