"""Encode pictures to a segment: H.264 that can be joined to other segments as it is."""

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av import VideoFrame
from av.video.codeccontext import VideoCodecContext

from heygem_daemon.media.atomic_output import atomic_output
from heygem_daemon.media.picture import ColourTags, Picture, Plane
from heygem_daemon.media.pixel_format import unpadded_plane
from heygem_daemon.media.source import free_closed_codecs

KEYFRAME_SECONDS = 5
"""Longest distance of keyframes: what a player must decode when someone seeks."""

PRESET_X264_PARAMS = {"veryfast": "me=dia:partitions=i8x8:subme=1"}
"""x264 parameters by preset that turn off what a talking head does not need, since it moves little
from picture to picture. Searching each block's motion in small steps, by plain differences and not
for its halves, saves a third of veryfast's time. Slower presets are chosen for their thoroughness;
faster ones already save the same."""

COMMON_X264_PARAMS = "aq-strength=0.5:deblock=2,2:deadzone-inter=11:deadzone-intra=6"
"""x264 parameters for every preset: move half as many bits from faces to flat walls as x264 would;
keep small differences that it would drop; and smooth the edges of blocks more, since the source was
encoded once before. Measured with ``PRESET_X264_PARAMS`` on five mouths that were encoded again:
0.9 to 2.0 dB nearer to their source than with veryfast alone, in files of 0.87 to 1.34 times the
size, and 0.89 to 1.06 times as sharp as the source; with veryfast alone 0.93 to 1.18 times."""

MAX_ENCODER_THREADS = 8
"""Each thread holds some pictures."""


class SegmentWriter:
    """Writes one segment. A context manager: the file appears, complete, when the block ends.

    No file appears if the block raises. The segment begins with an IDR picture and its GOPs are
    closed. H.264 in 4:2:0 allows only even sides: an odd width or height grows by one pixel that
    repeats the edge.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        colour: ColourTags,
        *,
        crf: int = 18,
        preset: str = "veryfast",
        sample_aspect: Fraction = Fraction(1),
    ) -> None:
        """``width`` and ``height`` of the pictures in pixels; ``colour`` is written into the
        bitstream as it is; ``crf`` 0-51 and ``preset`` are libx264's; ``sample_aspect``: a pixel's
        width over its height."""
        self._path = path
        self._size = width, height
        self._fps = fps
        self._colour = colour
        params = [f"open-gop=0:keyint={max(1, round(KEYFRAME_SECONDS * fps))}", COMMON_X264_PARAMS]
        params += [PRESET_X264_PARAMS[preset]] if preset in PRESET_X264_PARAMS else []
        self._options = {"crf": str(crf), "preset": preset, "x264-params": ":".join(params)}
        self._sample_aspect = sample_aspect
        self._files = ExitStack()
        self._count = 0

    def __enter__(self) -> "SegmentWriter":
        free_closed_codecs()
        with ExitStack() as files:
            temporary = files.enter_context(atomic_output(self._path))
            self._container = files.enter_context(av.open(str(temporary), "w", format="mp4"))
            self._stream = self._container.add_stream(
                "libx264", rate=self._fps, options=self._options
            )
            self._configure(self._stream.codec_context)
            self._files = files.pop_all()
        return self

    def write(self, picture: Picture) -> None:
        """Encode ``picture`` as the next frame. Raises SpoolUnavailable where the disk is full."""
        frame = self._frame(picture)
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
        width, height = self._size
        context.width, context.height = width + width % 2, height + height % 2
        context.pix_fmt = "yuv420p"
        context.time_base = 1 / self._fps
        # Threads that share one frame wait for each other; those with a frame each do not.
        context.thread_type = "FRAME"
        context.thread_count = min(len(os.sched_getaffinity(0)), MAX_ENCODER_THREADS)
        context.sample_aspect_ratio = self._sample_aspect
        context.color_primaries = self._colour.primaries
        context.color_trc = self._colour.transfer
        context.colorspace = self._colour.matrix
        context.color_range = 2 if self._colour.full_range else 1

    def _frame(self, picture: Picture) -> VideoFrame:
        context = self._stream.codec_context
        frame = VideoFrame(context.width, context.height, "yuv420p")
        for number, plane in enumerate((picture.y, picture.u, picture.v)):
            copy_padded(unpadded_plane(frame, number), plane)
        frame.colorspace = self._colour.matrix
        frame.color_range = context.color_range
        return frame


def copy_padded(target: Plane, plane: Plane) -> None:
    """Copy ``plane`` into the larger or equal ``target``, repeating its last row and column."""
    height, width = plane.shape
    target[:height, :width] = plane
    target[:height, width:] = plane[:, -1:]
    target[height:] = target[height - 1 : height]
