"""Convert decoded frames to upright pictures of 8-bit YUV 4:2:0."""

from dataclasses import replace

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from heygem_daemon.media.colour import RGB, UNSPECIFIED, is_rgb, resolved_tags
from heygem_daemon.media.deep_converter import DeepConverter, DeepFormat
from heygem_daemon.media.framing import fitted_size, framed
from heygem_daemon.media.light_metadata import light_metadata_of
from heygem_daemon.media.orientation import AS_SHOWN, Orientation
from heygem_daemon.media.picture import ColourTags, Picture, Plane
from heygem_daemon.media.tone_map import SDR, HdrSource, ToneMapper, hdr_source

PLANAR_420 = frozenset({"yuv420p", "yuvj420p"})
SWS_COLORSPACE_OF_RGB = {1: 1, 6: 5}
"""Matrix code point → libswscale's number, for pictures that come as RGB."""


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
        """Return ``frame``, upright, as picture number ``index``.

        Where nothing of it has to change the picture's planes are those of the frame, read-only:
        a copy of each picture takes a tenth of the time in which it is decoded.
        """
        planar = self._planar(frame)
        width, height = self._size
        half = (height + 1) // 2, (width + 1) // 2
        planes = (
            framed(unpadded_plane(planar, number), size, black)
            for number, (size, black) in enumerate(
                zip(((height, width), half, half), self._black, strict=True)
            )
        )
        y, u, v = map(self._upright, planes)
        deep = None if self._deep is None else self._deep.convert(frame)
        return Picture(index=index, y=y, u=u, v=v, colour=self.colour, deep=deep)

    def _upright(self, plane: Plane) -> Plane:
        if self._orientation != AS_SHOWN:
            return self._orientation.apply(plane)
        # The decoder may still predict other pictures from the same memory.
        plane.flags.writeable = False
        return plane

    def _planar(self, frame: VideoFrame) -> VideoFrame:
        width, height = fitted_size((frame.width, frame.height), self._size)
        if self._tone_mapper is not None:
            return self._tone_mapper.convert(frame, width, height)
        if frame.format.name in PLANAR_420 and (frame.width, frame.height) == self._size:
            return frame
        colour_range = ColorRange.JPEG if self.colour.full_range else ColorRange.MPEG
        rgb = is_rgb(frame)
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
