"""Convert decoded frames to upright pictures of 8-bit YUV 4:2:0."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from heygem_daemon.media.colour import RGB, UNSPECIFIED, resolved_tags
from heygem_daemon.media.deep_converter import DeepConverter, DeepFormat
from heygem_daemon.media.light_metadata import light_metadata_of
from heygem_daemon.media.orientation import Orientation
from heygem_daemon.media.picture import ColourTags, Picture, Plane
from heygem_daemon.media.tone_map import SDR, HdrSource, ToneMapper, hdr_source

PLANAR_420 = frozenset({"yuv420p", "yuvj420p"})
SAME_SHAPE = 0.02
"""Difference of two aspect ratios that nobody sees."""
SWS_COLORSPACE_OF_RGB = {1: 1, 6: 5}
"""Matrix code point → libswscale's number, for pictures that come as RGB."""


def is_rgb(frame: VideoFrame) -> bool:
    """Whether the frame is RGB or has a palette, and so has no Y'CbCr matrix yet."""
    return bool(frame.format.is_rgb) or frame.format.name == "pal8"


def colour_tags_of(frame: VideoFrame) -> ColourTags:
    """Return the tags of ``frame`` as a 4:2:0 picture; unspecified ones stay unspecified."""
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    tags = ColourTags(
        matrix=int(frame.colorspace),
        primaries=int(frame.color_primaries) or UNSPECIFIED,
        transfer=int(frame.color_trc) or UNSPECIFIED,
        full_range=full,
    )
    if is_rgb(frame):
        tags = replace(tags, matrix=UNSPECIFIED, full_range=False)
        return resolved_tags(tags, frame.height)
    return replace(tags, matrix=UNSPECIFIED) if tags.matrix == RGB else tags


def hdr_source_of(frame: VideoFrame) -> HdrSource | None:
    """Return what is HDR about ``frame``; None: it is SDR."""
    source = hdr_source(colour_tags_of(frame))
    if source is None:
        return None
    return hdr_source(source.colour, light_metadata_of(frame))


class PictureConverter:
    """Converts the frames of one video to pictures. Not safe for use by several threads."""

    def __init__(
        self,
        width: int,
        height: int,
        orientation: Orientation,
        colour: ColourTags,
        hdr: HdrSource | None = None,
        deep: DeepFormat | None = None,
    ) -> None:
        """``width`` and ``height`` in pixels as stored, before ``orientation`` is applied;
        ``colour`` as tagged in the file; ``hdr``: what is HDR about it, then ``colour`` is that of
        the SDR pictures that are made of it; ``deep``: how the pictures get 10 bits, too."""
        self._deep = None if deep is None else DeepConverter(deep, (width, height), orientation)
        self._size = width, height
        self._orientation = orientation
        self._tone_mapper = None if hdr is None else ToneMapper(hdr)
        self.colour = resolved_tags(colour, width if orientation.transpose else height)
        """The resolved tags of the pictures."""
        self._black = (0 if self.colour.full_range else 16), 128, 128
        self._reformatter = VideoReformatter()

    def convert(self, frame: VideoFrame, index: int) -> Picture:
        """Return an upright copy of ``frame`` as picture number ``index``."""
        planar = self._planar(frame)
        planes: Iterable[Plane] = (unpadded_plane(planar, number) for number in range(3))
        if (planar.width, planar.height) != self._size:
            planes = self._framed(planes)
        y, u, v = (self._orientation.apply(plane) for plane in planes)
        deep = None if self._deep is None else self._deep.convert(frame)
        return Picture(index=index, y=y, u=u, v=v, colour=self.colour, deep=deep)

    def _planar(self, frame: VideoFrame) -> VideoFrame:
        if self._tone_mapper is not None:
            return self._tone_mapper.convert(frame, *self._size)
        if frame.format.name in PLANAR_420 and (frame.width, frame.height) == self._size:
            return frame
        colour_range = ColorRange.JPEG if self.colour.full_range else ColorRange.MPEG
        rgb = is_rgb(frame)
        width, height = fitted_size((frame.width, frame.height), self._size)
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            dst_colorspace=SWS_COLORSPACE_OF_RGB.get(self.colour.matrix) if rgb else None,
            src_color_range=None if rgb else colour_range,
            dst_color_range=colour_range,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        )

    def _framed(self, planes: Iterable[Plane]) -> Iterator[Plane]:
        """Yield ``planes`` in the middle of black ones of the full size."""
        width, height = self._size
        sizes = (height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2
        for plane, size, black in zip(planes, sizes, self._black, strict=True):
            framed = np.full(size, black, np.uint8)
            top, left = (size[0] - plane.shape[0]) // 2, (size[1] - plane.shape[1]) // 2
            framed[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
            yield framed


def fitted_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return the largest (width, height) that ``size`` can be scaled to inside ``target``.

    All in pixels. Where the shapes differ by less than 2 % it is ``target``.
    """
    across, down = target[0] / size[0], target[1] / size[1]
    if abs(across - down) <= SAME_SHAPE * max(across, down):
        return target
    scale = min(across, down)
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return min(width, target[0]), min(height, target[1])


def converter_of(
    frame: VideoFrame, orientation: Orientation, size: tuple[int, int] | None = None
) -> PictureConverter:
    """Return the converter for a file whose first frame is ``frame``.

    ``size``: width and height of its pictures, before ``orientation``; None: the frame's.
    """
    hdr = hdr_source_of(frame)
    colour = colour_tags_of(frame) if hdr is None else SDR
    return PictureConverter(*(size or (frame.width, frame.height)), orientation, colour, hdr)


def unpadded_plane(frame: VideoFrame, plane_index: int) -> Plane:
    """Return a view of one plane of a planar 8-bit frame without its padding, shape (h, w)."""
    plane = frame.planes[plane_index]
    rows: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
