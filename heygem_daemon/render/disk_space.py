"""Whether the disk has room for all that a job will write, known before the first picture."""

import math
from pathlib import Path

from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.media.info import VideoInfo
from heygem_daemon.render.chunks import find_segments
from heygem_daemon.system.disk_space import describe_shortage, format_bytes, read_disk_space

LARGER = 2.0
"""Most that a result at USUAL_CRF was larger than its source, a second: 1.6 for HEVC (measured on
fourteen clips of every sort), with a margin."""

MAX_BITS_PER_PIXEL = 0.4
"""Twice the most that those clips needed at USUAL_CRF, for sources of a far higher rate."""

USUAL_CRF = 18
CRF_THAT_HALVES = 6
"""x264: so much more of it halves the rate (https://trac.ffmpeg.org/wiki/Encode/H.264)."""

TRACK_BYTES_PER_FRAME = 478 * 3 * 4
COPIES = 2
"""All segments are still there when the result is joined of them."""


def estimate_bytes(video: VideoInfo, video_bytes: int, seconds: float, crf: int) -> int:
    """Bytes that a result of so many ``seconds`` takes while it is made, by its source's size.

    An estimate, rather too high than too low.
    """
    source = 8 * video_bytes / max(float(video.duration), 0.1)
    most = MAX_BITS_PER_PIXEL * video.width * video.height * float(video.fps)
    finer = math.exp2((USUAL_CRF - crf) / CRF_THAT_HALVES)
    rate = min(LARGER * source, most) * finer
    frames = seconds * float(video.fps)
    return round(COPIES * seconds * rate / 8 + frames * TRACK_BYTES_PER_FRAME)


def require_disk_space(workspace: Path, needed_bytes: int, keep_free_bytes: int) -> None:
    """Raise SpoolUnavailable where ``needed`` bytes, less the segments that are there already, do
    not leave ``keep`` bytes free; BadInput where not even the empty disk could take them. With
    nothing to keep nobody wants it looked at."""
    if keep_free_bytes == 0:
        return
    space = read_disk_space(workspace)
    missing = needed_bytes - sum(path.stat().st_size for path in find_segments(workspace))
    if space.has_room(missing + keep_free_bytes):
        return
    if needed_bytes + keep_free_bytes > space.total_bytes:
        raise BadInput(
            f"The result would take about {format_bytes(needed_bytes)} of disk while it is made; "
            f"the spool's disk has only {format_bytes(space.total_bytes)} in all, of which "
            f"{format_bytes(keep_free_bytes)} stay free.",
            "Cut the sound into shorter parts, or use a smaller video.",
        )
    raise SpoolUnavailable(
        describe_shortage("the job", needed_bytes, space.free_bytes, keep_free_bytes)
    )
