"""Sample the source for the review, which compares it with the same frames of the result.

Samples are taken while the frames are drawn, when the source is decoded anyway.
"""

from collections.abc import Iterable

from heygem_daemon.engines.base import Template
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.scaling import scale
from heygem_daemon.media.shown_pixels import in_shown_pixels
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.measures import sharpness
from heygem_daemon.render.review import crop_lips, source_lips
from heygem_daemon.render.strip import ComparisonStrip

SHARPNESS_INTERVAL_FRAMES = 2
"""Frames between two measurements of sharpness: many, since a picture of the result is compared
with those of the source that are as wide open."""


class SourceSamples:
    """Measures the sharpness of source pictures, and passes them to the strip."""

    def __init__(
        self,
        context: RenderContext,
        template: Template,
        frames: Iterable[int],
        strip: ComparisonStrip | None,
    ) -> None:
        """``frames``: the output frames that will be reviewed."""
        self.sharpness_by_frame: dict[int, float] = {}
        """Sharpness around the mouth of the source picture, by output frame."""
        self._context = context
        self._template = template
        self._strip = strip
        region = context.performance.region
        drawn = {
            frame
            for frame in frames
            if frame % SHARPNESS_INTERVAL_FRAMES == 0 and region(frame) is not None
        }
        self._measured = frozenset(drawn)
        self._missing_frames = drawn | set(strip.moments if strip else ())

    def add(self, frame: int, source: Picture) -> None:
        """Sample the source picture of an output frame, in shown pixels."""
        moments = self._strip.moments if self._strip else ()
        if frame not in self._measured and frame not in moments:
            return
        source = next(in_shown_pixels([source], self._context.reader.info.sample_aspect))
        if frame in self._measured:
            lips = source_lips(self._context, self._template, frame)
            luma = self._softened(source).y
            self.sharpness_by_frame[frame] = sharpness(crop_lips(lips, luma))
        if self._strip is not None:
            self._strip.add_source(frame, source)
        self._missing_frames.discard(frame)

    def _softened(self, source: Picture) -> Picture:
        """Return what a smaller result can show of ``source``, at the size of ``source``."""
        size = self._context.scaled_to
        return source if size is None else scale(scale(source, size), (source.width, source.height))

    def add_missing(self) -> None:
        """Sample the frames of an earlier attempt. Raises as ``VideoReader.read_indices``."""
        frames = sorted(self._missing_frames)
        numbers = self._context.timeline.source_indices[frames].tolist()
        for frame, source in zip(frames, self._context.reader.read_indices(numbers), strict=True):
            self.add(frame, source)
