"""Check before the first picture whether the disk has room for all that a job will write."""

import math
from pathlib import Path

from heygem_daemon.errors import BadInput, SpoolUnavailable
from heygem_daemon.media.info import VideoInfo
from heygem_daemon.media.video_codecs import EncoderSettings
from heygem_daemon.render.chunks import find_segments
from heygem_daemon.system.disk_space import describe_shortage, format_bytes, read_disk_space

MAX_GROWTH = 2.0
"""Largest bit rate of a result at USUAL_CRF over that of its source: 1.6 was measured, for HEVC, on
fourteen different clips; with a margin."""

MAX_BITS_PER_PIXEL = 0.4
"""Largest bit rate of a result at USUAL_CRF, whatever that of its source: twice the most that those
clips needed."""

PRORES_BITS_PER_PIXEL = 3.8
"""Bit rate of ProRes 422 HQ: 220 Mbit/s at 1920x1080 and 29.97 pictures a second (Apple, ProRes
White Paper, 2022), with a margin."""

USUAL_CRF = 18
CRF_THAT_HALVES = 6
"""x264: CRF steps that halve the bit rate (https://trac.ffmpeg.org/wiki/Encode/H.264)."""

TRACK_BYTES_PER_FRAME = 478 * 3 * 4
"""478 landmarks of three float32 coordinates."""
COPIES = 2
"""The segments are still on the disk while the result is joined from them."""


def estimate_bytes(
    video: VideoInfo, video_bytes: int, seconds: float, encoder: EncoderSettings
) -> int:
    """Estimate the bytes that a result of ``seconds`` takes while it is made.

    ``video_bytes``: size of the source file. The estimate is rather too high than too low.
    """
    pixel_rate = video.width * video.height * float(video.fps)
    if encoder.codec == "prores":
        rate = PRORES_BITS_PER_PIXEL * pixel_rate
    else:
        source_rate = 8 * video_bytes / max(float(video.duration), 0.1)
        crf_factor = math.exp2((USUAL_CRF - encoder.crf) / CRF_THAT_HALVES)
        rate = min(MAX_GROWTH * source_rate, MAX_BITS_PER_PIXEL * pixel_rate) * crf_factor
    frames = seconds * float(video.fps)
    return round(COPIES * seconds * rate / 8 + frames * TRACK_BYTES_PER_FRAME)


def require_disk_space(workspace: Path, needed_bytes: int, keep_free_bytes: int) -> None:
    """Raise SpoolUnavailable where the job would not leave ``keep_free_bytes`` on the disk.

    ``needed_bytes`` includes the finished segments in ``workspace``. Raises BadInput where even an
    empty disk would be too small. With ``keep_free_bytes`` 0 the check is turned off.
    """
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
