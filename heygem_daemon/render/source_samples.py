"""What a review compares a result with: the same moments of the source.

It is noted while the frames are drawn, when the source is decoded anyway.
"""

from collections.abc import Iterable

from heygem_daemon.engines.base import Template
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.draw import Scene
from heygem_daemon.render.measures import sharpness
from heygem_daemon.render.review import around, lips_of
from heygem_daemon.render.strip import Strip

SELDOM = 5
"""Sharpness is measured in every so many pictures: it changes slowly."""


class Before:
    """Looks at sources. ``edges``: by output frame, the sharpness around the mouth."""

    def __init__(
        self, scene: Scene, template: Template, frames: Iterable[int], strip: Strip | None
    ) -> None:
        """``frames``: the output frames that will be reviewed; ``strip`` is shown its part."""
        self.edges: dict[int, float] = {}
        self._scene = scene
        self._template = template
        self._strip = strip
        region = scene.performance.region
        drawn = {frame for frame in frames if frame % SELDOM == 0 and region(frame) is not None}
        self._measured = frozenset(drawn)
        self._awaited = drawn | set(strip.moments if strip else ())

    def see(self, frame: int, source: Picture) -> None:
        """Look at the picture that an output frame is made of."""
        if frame in self._measured:
            lips = lips_of(self._scene, self._template, frame)
            self.edges[frame] = sharpness(around(lips, source.y))
        if self._strip is not None:
            self._strip.see_source(frame, source)
        self._awaited.discard(frame)

    def catch_up(self) -> None:
        """Look at what was drawn in an earlier attempt. Raises as ``VideoReader.sequence``."""
        frames = sorted(self._awaited)
        numbers = self._scene.timeline.sources[frames].tolist()
        for frame, source in zip(frames, self._scene.reader.sequence(numbers), strict=True):
            self.see(frame, source)
