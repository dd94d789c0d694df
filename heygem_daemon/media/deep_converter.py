"""Convert decoded frames to upright planes of 10 bits."""

from dataclasses import dataclass

import numpy as np
from av import VideoFormat, VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from heygem_daemon.media.colour import is_rgb
from heygem_daemon.media.framing import fitted_size, framed
from heygem_daemon.media.orientation import Orientation
from heygem_daemon.media.picture import ColourTags, DeepPlanes
from heygem_daemon.media.tone_map import HdrSource

BLACK, GREY = 64, 512
"""Luma of black in limited range, and neutral chroma, in 10 bits."""
SWS_COLORSPACE = {1: 1, 6: 5, 9: 9}
"""Matrix code point → libswscale's number, for pictures that come as RGB."""


@dataclass(frozen=True, slots=True)
class DeepFormat:
    """What the 10-bit pictures of a video are like."""

    pixel_format: str
    """FFmpeg's name: 'yuv420p10le' or 'yuv422p10le'."""
    colour: ColourTags
    """Their tags."""
    hdr: HdrSource | None = None
    """What is HDR about them; None: they are SDR."""

    @property
    def chroma_rows(self) -> int:
        """Rows of luma for each row of chroma: 1 or 2."""
        return 1 if "422" in self.pixel_format else 2


class DeepConverter:
    """Converts the frames of one video. Not safe for use by several threads."""

    def __init__(self, deep: DeepFormat, size: tuple[int, int], orientation: Orientation) -> None:
        """``size``: width and height in pixels as stored, before ``orientation`` is applied."""
        self._deep = deep
        self._size = size
        self._orientation = orientation
        # Swapped axes swap which way chroma is halved.
        halved = "440" if orientation.transpose else "422"
        self._stored_format = deep.pixel_format.replace("422", halved)
        stored = VideoFormat(self._stored_format, *size)
        self._plane_sizes = tuple((part.height, part.width) for part in stored.components)
        """Rows and columns of each plane as stored."""
        self._black = (0 if deep.colour.full_range else BLACK), GREY, GREY
        self._reformatter = VideoReformatter()

    def convert(self, frame: VideoFrame) -> DeepPlanes:
        """Return the upright planes of ``frame``."""
        stored = self._stored(frame)
        y, u, v = (
            self._orientation.apply(framed(unpadded_deep_plane(stored, number), size, black))
            for number, (size, black) in enumerate(zip(self._plane_sizes, self._black, strict=True))
        )
        return DeepPlanes(y, u, v)

    def _stored(self, frame: VideoFrame) -> VideoFrame:
        source_full = frame.color_range == ColorRange.JPEG
        same_range = source_full == self._deep.colour.full_range
        same_size = (frame.width, frame.height) == self._size
        if frame.format.name == self._stored_format and same_range and same_size:
            return frame
        rgb = is_rgb(frame)
        width, height = fitted_size((frame.width, frame.height), self._size)
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=self._stored_format,
            dst_colorspace=SWS_COLORSPACE.get(self._deep.colour.matrix) if rgb else None,
            src_color_range=None if rgb else (ColorRange.JPEG if source_full else ColorRange.MPEG),
            dst_color_range=ColorRange.JPEG if self._deep.colour.full_range else ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        )


def unpadded_deep_plane(frame: VideoFrame, number: int) -> NDArray[np.uint16]:
    """Return a view of one plane of a planar 10-bit frame without its padding, shape (h, w)."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), dtype="<u2").reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : plane.width]
