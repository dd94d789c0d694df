"""Convert decoded frames to upright planes of 10 bits."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from heygem_daemon.media.picture import ColourTags, DeepPlane, DeepPlanes
from heygem_daemon.media.tone_map import HdrSource

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


class Turn(Protocol):
    """How stored planes become upright ones (``pixel_format.Orientation``)."""

    @property
    def transpose(self) -> bool:
        """Whether the axes are swapped."""

    @property
    def mirror_x(self) -> bool:
        """Whether columns are in the opposite order, after the axes were swapped."""

    @property
    def mirror_y(self) -> bool:
        """Whether rows are in the opposite order, after the axes were swapped."""


class DeepConverter:
    """Converts the frames of one video. Not safe for use by several threads."""

    def __init__(self, deep: DeepFormat, size: tuple[int, int], turn: Turn) -> None:
        """``size``: width and height in pixels as stored, before ``turn`` is applied."""
        self._deep = deep
        self._size = size
        self._turn = turn
        # Swapped axes swap which way chroma is halved.
        self._stored_format = deep.pixel_format.replace("422", "440" if turn.transpose else "422")
        self._reformatter = VideoReformatter()

    def convert(self, frame: VideoFrame) -> DeepPlanes:
        """Return the upright planes of ``frame``."""
        stored = self._stored(frame)
        y, u, v = (self._upright(stored, number) for number in range(3))
        return DeepPlanes(y, u, v)

    def _stored(self, frame: VideoFrame) -> VideoFrame:
        source_full = frame.color_range == ColorRange.JPEG
        same_range = source_full == self._deep.colour.full_range
        same_size = (frame.width, frame.height) == self._size
        if frame.format.name == self._stored_format and same_range and same_size:
            return frame
        rgb = bool(frame.format.is_rgb)
        return self._reformatter.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format=self._stored_format,
            dst_colorspace=SWS_COLORSPACE.get(self._deep.colour.matrix) if rgb else None,
            src_color_range=None if rgb else (ColorRange.JPEG if source_full else ColorRange.MPEG),
            dst_color_range=ColorRange.JPEG if self._deep.colour.full_range else ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        )

    def _upright(self, frame: VideoFrame, number: int) -> DeepPlane:
        stored = unpadded_deep_plane(frame, number)
        turned = stored.T if self._turn.transpose else stored
        step_y, step_x = -1 if self._turn.mirror_y else 1, -1 if self._turn.mirror_x else 1
        return np.array(turned[::step_y, ::step_x], order="C", copy=True)


def unpadded_deep_plane(frame: VideoFrame, number: int) -> NDArray[np.uint16]:
    """Return a view of one plane of a planar 10-bit frame without its padding, shape (h, w)."""
    plane = frame.planes[number]
    rows = np.frombuffer(memoryview(plane), dtype="<u2").reshape(-1, plane.line_size // 2)
    return rows[: plane.height, : plane.width]
