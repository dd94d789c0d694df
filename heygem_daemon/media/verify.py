"""Check a finished result by decoding all of it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from heygem_daemon.errors import BadInput
from heygem_daemon.media.index import decoded
from heygem_daemon.media.sound import is_as_long, measure
from heygem_daemon.media.source import opened
from heygem_daemon.media.streams import video_stream

TOLD_EVERY = 25
"""Pictures."""


class ResultWrong(Exception):
    """A result is not what it must be: a bug of this program, not of the input."""


def verify(
    path: Path,
    frames: int,
    fps: Fraction,
    duration: Fraction,
    audio: bool = True,
    on_pictures: Callable[[int], None] = lambda _count: None,
) -> None:
    """Raise ResultWrong unless ``path`` decodes to what was ordered.

    That is ``frames`` pictures, picture i shown at i / ``fps``; a length within half a frame of
    ``duration`` seconds; and, with ``audio``, a sound of that length. ``on_pictures`` is told
    now and then how many pictures are checked: those of a long result take many minutes. Raises
    EnvironmentFault where the file cannot be read.
    """
    try:
        _require_pictures(path, frames, fps, duration, on_pictures)
        if audio:
            _require_sound(path, duration)
    except BadInput as error:
        raise ResultWrong(error.reason) from error


def _require_pictures(
    path: Path, frames: int, fps: Fraction, duration: Fraction, on_pictures: Callable[[int], None]
) -> None:
    with opened(path) as container:
        stream = video_stream(container, path)
        base = stream.time_base or Fraction(1)
        stream.thread_type = "AUTO"
        count = 0
        for frame in decoded(container, stream):
            shown = (frame.pts or 0) * base
            if shown != count / fps:
                raise ResultWrong(f"picture {count} is shown at {shown} s, not at {count / fps} s")
            count += 1
            if count % TOLD_EVERY == 0:
                on_pictures(count)
    if count != frames:
        raise ResultWrong(f"{count} pictures instead of {frames}")
    length = count / fps
    if abs(length - duration) > Fraction(1, 2) / fps and count > 1:
        raise ResultWrong(f"{float(length):.3f} s of picture instead of {float(duration):.3f} s")


def _require_sound(path: Path, duration: Fraction) -> None:
    heard = measure(path)
    if not is_as_long(heard, duration):
        raise ResultWrong(
            f"{float(heard.duration):.3f} s of sound instead of {float(duration):.3f} s"
        )
