"""Encode pictures to a segment, which can be joined to other segments as it is."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import av
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.deep_converter import unpadded_deep_plane
from heygem_daemon.media.picture import ChangedRegion, ColourTags, DeepPlane, Picture, Plane
from heygem_daemon.media.pixel_format import unpadded_plane
from heygem_daemon.media.source import free_closed_codecs
from heygem_daemon.media.video_codecs import H264, EncoderSettings
from heygem_daemon.system.processor_features import processor_features

Samples = TypeVar("Samples", Plane, DeepPlane)


class SegmentWriter:
    """Writes one segment. A context manager: the file appears, complete, when the block ends.

    No file appears if the block raises. The segment begins with an IDR picture and its GOPs are
    closed. 4:2:0 allows only even sides: an odd width or height grows by one pixel that repeats
    the edge.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        colour: ColourTags,
        *,
        encoder: EncoderSettings = H264,
        sample_aspect: Fraction = Fraction(1),
        scaled_to: tuple[int, int] | None = None,
    ) -> None:
        """``width`` and ``height`` of the pictures in pixels; ``colour`` is written into the
        bitstream as it is; ``sample_aspect``: a pixel's width over its height; ``scaled_to``: even
        width and height of the result, None: those of the pictures."""
        self._path = path
        self._size = even(width), even(height)
        self._scaled_to = scaled_to or self._size
        self._fps = fps
        self._colour = colour
        self._encoder = encoder
        self._sample_aspect = sample_aspect
        self._reformatter = VideoReformatter()
        self._files = ExitStack()
        self._reused: VideoFrame | None = None
        self._count = 0

    def __enter__(self) -> "SegmentWriter":
        free_closed_codecs()
        with ExitStack() as files:
            temporary = files.enter_context(atomic_output(self._path))
            spec = self._encoder.spec
            self._container = files.enter_context(
                av.open(str(temporary), "w", format=spec.container)
            )
            options = self._encoder.options(self._fps, processor_features())
            stream = self._container.add_stream(spec.encoder, rate=self._fps, options=options)
            assert isinstance(stream, VideoStream)
            self._stream = stream
            self._configure(self._stream.codec_context)
            self._files = files.pop_all()
        return self

    def write(self, picture: Picture, region: ChangedRegion | None = None) -> None:
        """Encode ``picture`` as the next frame, with ``region`` in it, for a picture of 8 bits.

        Raises SpoolUnavailable where the disk is full.
        """
        frame = self._frame(picture, region)
        frame.pts = self._count
        frame.time_base = 1 / self._fps
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._files.__exit__(kind, error, traceback)
            return
        with self._files:
            self._container.mux(self._stream.encode(None))

    def _configure(self, context: VideoCodecContext) -> None:
        context.width, context.height = self._scaled_to
        context.pix_fmt = self._encoder.pixel_format
        if self._encoder.spec.tag is not None:
            context.codec_tag = self._encoder.spec.tag
        context.time_base = 1 / self._fps
        # Threads that share one frame wait for each other; those with a frame each do not.
        context.thread_type = "FRAME"
        context.thread_count = self._encoder.threads
        context.sample_aspect_ratio = self._sample_aspect
        context.color_primaries = self._colour.primaries
        context.color_trc = self._colour.transfer
        context.colorspace = self._colour.matrix
        context.color_range = ColorRange.JPEG if self._is_full_range else ColorRange.MPEG

    @property
    def _is_full_range(self) -> bool:
        # Players take ProRes for limited range, whatever its container says.
        return self._colour.full_range and self._encoder.codec != "prores"

    def _frame(self, picture: Picture, region: ChangedRegion | None) -> VideoFrame:
        context = self._stream.codec_context
        frame = self._in_encoders_format(self._source_frame(picture, region))
        frame.color_primaries = self._colour.primaries
        frame.color_trc = self._colour.transfer
        frame.colorspace = self._colour.matrix
        frame.color_range = context.color_range
        return frame

    def _source_frame(self, picture: Picture, region: ChangedRegion | None) -> VideoFrame:
        if picture.deep is not None:
            # Of the encoder's own format: a result that needs another one has no 10-bit planes.
            frame = self._reused_frame(self._encoder.pixel_format)
            for number, deep in enumerate((picture.deep.y, picture.deep.u, picture.deep.v)):
                copy_padded(unpadded_deep_plane(frame, number), deep)
            return frame
        frame = self._reused_frame("yuv420p")
        planes = [unpadded_plane(frame, number) for number in range(3)]
        for target, plane in zip(planes, (picture.y, picture.u, picture.v), strict=True):
            copy_padded(target, plane)
        if region is not None:
            region.put_into(planes)
        return frame

    def _reused_frame(self, pixel_format: str) -> VideoFrame:
        """Return the frame of the picture before, to be overwritten. It gets other memory where the
        encoder still reads the old one."""
        if self._reused is None:
            self._reused = VideoFrame(*self._size, pixel_format)
        self._reused.make_writable()
        return self._reused

    def _in_encoders_format(self, frame: VideoFrame) -> VideoFrame:
        if frame.format.name == self._encoder.pixel_format and self._size == self._scaled_to:
            return frame
        return self._reformatter.reformat(
            frame,
            width=self._scaled_to[0],
            height=self._scaled_to[1],
            format=self._encoder.pixel_format,
            src_color_range=ColorRange.JPEG if self._colour.full_range else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG if self._is_full_range else ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        )


def even(side: int) -> int:
    """Return ``side``, or one more where it is odd."""
    return side + side % 2


def copy_padded(target: Samples, plane: Samples) -> None:
    """Copy ``plane`` into the larger or equal ``target``, repeating its last row and column."""
    height, width = plane.shape
    target[:height, :width] = plane
    target[:height, width:] = plane[:, -1:]
    target[height:] = target[height - 1 : height]
