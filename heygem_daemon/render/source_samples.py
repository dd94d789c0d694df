"""What a review compares a result with: the same moments of the source.

It is noted while the frames are drawn, when the source is decoded anyway.
"""

from collections.abc import Iterable

from heygem_daemon.engines.base import Template
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.measures import sharpness
from heygem_daemon.render.review import crop_lips, source_lips
from heygem_daemon.render.strip import ComparisonStrip

SHARPNESS_INTERVAL_FRAMES = 5
"""Sharpness is measured in every so many pictures: it changes slowly."""


class SourceSamples:
    """Looks at sources. ``edges``: by output frame, the sharpness around the mouth."""

    def __init__(
        self,
        context: RenderContext,
        template: Template,
        frames: Iterable[int],
        strip: ComparisonStrip | None,
    ) -> None:
        """``frames``: the output frames that will be reviewed; ``strip`` is shown its part."""
        self.sharpness_by_frame: dict[int, float] = {}
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
        """Look at the picture that an output frame is made of."""
        if frame in self._measured:
            lips = source_lips(self._context, self._template, frame)
            self.sharpness_by_frame[frame] = sharpness(crop_lips(lips, source.y))
        if self._strip is not None:
            self._strip.add_source(frame, source)
        self._missing_frames.discard(frame)

    def add_missing(self) -> None:
        """Look at what was drawn in an earlier attempt. Raises as ``VideoReader.sequence``."""
        frames = sorted(self._missing_frames)
        numbers = self._context.timeline.source_indices[frames].tolist()
        for frame, source in zip(frames, self._context.reader.read_indices(numbers), strict=True):
            self.add(frame, source)
