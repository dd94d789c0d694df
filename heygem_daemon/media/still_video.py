"""Turn an image file into a video without loss, which the rest of the program reads as any other.

A photograph becomes a PNG, which is a video of one picture. An animation becomes lossless H.264 of
a constant rate, in which a picture that stays is repeated.
"""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av import VideoFrame

from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.image_files import write_png
from heygem_daemon.media.image_signature import ImageInfo
from heygem_daemon.media.photograph import ImageFile
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.source import free_closed_codecs

USUAL_RATE, FAST_RATE = Fraction(25), Fraction(50)
"""Pictures a second of an animation, and of one that shows some for less than 40 ms: a mouth that
moves at the ten pictures a second of a usual GIF would not look like speech."""
SRGB = ColourTags(primaries=1, transfer=13)
"""The colours of sRGB: the result looks as the image does in a browser."""


def write_still_video(image: Path, target: Path, guard: MediaGuard = NO_LIMITS) -> ImageInfo:
    """Write the video ``target`` from an image file, and return what that is.

    Raises BadInput, TooLarge, or EnvironmentFault where the disk is full.
    """
    with ImageFile(image, guard) as source:
        if source.is_animation:
            return replace(source.info, pictures=_write_animation(source, target))
        write_png(target, source.read(), SRGB)
        return source.info


def shown_counts(delays: list[float]) -> tuple[Fraction, list[int]]:
    """Return the rate of an animation, and in how many frames of it each picture is shown.

    ``delays``: the seconds for which each picture is shown, above 0. Rounded so that no error adds
    up; no picture is left out.
    """
    rate = FAST_RATE if min(delays) < float(1 / USUAL_RATE) - 0.001 else USUAL_RATE
    ends = np.maximum(np.rint(np.cumsum(delays) * float(rate)), np.arange(1, len(delays) + 1))
    ends = np.maximum.accumulate(ends - np.arange(len(delays))) + np.arange(len(delays))
    return rate, [int(count) for count in np.diff(ends, prepend=0)]


def _write_animation(source: ImageFile, target: Path) -> int:
    """Write all pictures of ``source``; return how many there are."""
    delays = [delay for _, delay in source.read_animation()]
    rate, counts = shown_counts(delays)
    free_closed_codecs()
    with (
        atomic_output(target) as temporary,
        av.open(str(temporary), "w", format="matroska") as container,
    ):
        stream = container.add_stream(
            "libx264rgb", rate=rate, options={"qp": "0", "preset": "ultrafast"}
        )
        shown = 0
        for (rgb, _), count in zip(source.read_animation(), counts, strict=True):
            if not shown:
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "rgb24"
                stream.codec_context.color_primaries = SRGB.primaries
                stream.codec_context.color_trc = SRGB.transfer
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            for _ in range(count):
                frame.pts, frame.time_base = shown, 1 / rate
                container.mux(stream.encode(frame))
                shown += 1
        container.mux(stream.encode(None))
    return len(counts)
