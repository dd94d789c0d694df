"""Look at a finished result as a viewer would: track its mouth anew, and compare."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, Template
from heygem_daemon.engines.strength import FADE_FRAMES
from heygem_daemon.face.reading.landmarks import OUTER_LOWER, OUTER_UPPER
from heygem_daemon.face.tracking.mouth import APERTURE, measure_track
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.render.draw import Scene
from heygem_daemon.render.measures import (
    CLOSED,
    FEWEST_CLOSED,
    STILL,
    closed_below,
    correlation,
    lag,
    share_closed,
    sharpness,
)
from heygem_daemon.render.overlap import Prefetched
from heygem_daemon.render.quality import Quality

Flags = NDArray[np.bool_]
OnShown = Callable[[int, Picture], None]

WINDOW_SECONDS = 2.0
LEAST_SECONDS, MOST_SECONDS, SHARE = 6.0, 20.0, 0.1
"""A tenth of a result is looked at, but at least 6 s of it and at most 20: tracking a picture
costs as much as drawing a small one."""
SILENCE_SECONDS = 1.0
"""Of the longest silence so much is looked at besides."""
REACH = 5
"""Lags are looked for up to this many frames either way."""
QUEUED_PICTURES = 8
LIP_MARGIN = 0.3
"""Surroundings of the lips that belong to the mouth, in widths of the lips."""
ROOM = 0.8
"""Around a face the tracker is shown this much of its height: it looks at twice the face."""
SAME_FACE = 0.25
"""A face whose middle lies further than this from the template's, in face heights, is another."""

_LIPS = list(OUTER_UPPER + OUTER_LOWER)


@dataclass(frozen=True, slots=True)
class Watch:
    """What of a result is looked at. ``silent``: (N,), which output frames lie in a silence;
    ``windows``: the output frames to look at, as from ``sample``."""

    silent: Flags
    windows: Sequence[range]

    @property
    def frames(self) -> list[int]:
        """All frames of the windows, in order."""
        return [frame for window in self.windows for frame in window]


def review(
    scene: Scene,
    template: Template,
    watch: Watch,
    edges: Mapping[int, float],
    shown: Iterable[Picture],
    on_shown: OnShown = lambda _frame, _picture: None,
) -> Quality:
    """Measure the frames of ``watch``, as the pictures ``shown`` have been published.

    ``edges``: the sharpness of some frames' sources around the mouth. ``on_shown(frame, picture)``
    is told each. Frames that were passed through, and those in which the tracker follows another
    face than the template's, count nowhere.
    """
    fps, silent = float(scene.timeline.fps), watch.silent
    viewer = _Viewer(scene, template, edges, on_shown)
    apertures = viewer.apertures(watch, shown)
    closed = share_closed(apertures, closed_below(apertures), silent)
    figures = Quality(len(watch.frames) / fps, closed_in_silence=closed)
    if scene.performance.wanted is None:
        return replace(figures, sharpness=viewer.sharpness)
    wanted = scene.performance.wanted[:, APERTURE]
    late = lag(apertures, wanted, REACH)
    return replace(
        figures,
        aperture_correlation=correlation(apertures, wanted),
        aperture_lag_ms=None if late is None else late * 1000 / fps,
        closed_in_silence=share_closed(apertures, closed_below(wanted), silent),
        # A mouth that shall stay shut hides the source's teeth, the sharpest that there is.
        sharpness=viewer.sharpness if _shall_open(scene, wanted, edges) else None,
    )


def _shall_open(scene: Scene, wanted: Floats, frames: Iterable[int]) -> bool:
    """Whether ``wanted`` (N,) opens the mouth in any of ``frames`` that is drawn in full: one
    that fades, or is passed through, keeps an opening of the source's."""
    full = [frame for frame in frames if _is_drawn_in_full(scene, frame)]
    return bool(full) and float(wanted[full].max()) > CLOSED + STILL


def _is_drawn_in_full(scene: Scene, frame: int) -> bool:
    near = range(max(0, frame - FADE_FRAMES), min(len(scene.timeline), frame + FADE_FRAMES + 1))
    return all(scene.performance.region(other) is not None for other in near)


def sample(silent: Flags, fps: float) -> list[range]:
    """Windows of the output frames to look at, in order and apart: evenly spread, and the middle
    of the longest silence; all frames of a short result. ``silent``: (N,)."""
    frames = len(silent)
    wanted = min(max(frames * SHARE, LEAST_SECONDS * fps), MOST_SECONDS * fps)
    if frames <= wanted:
        return [range(frames)]
    length = max(1, round(WINDOW_SECONDS * fps))
    starts = np.linspace(0, frames - length, max(1, round(wanted / length))).round().astype(int)
    windows = [range(start, start + length) for start in starts.tolist()]
    return list(_apart([*windows, *_longest(silent, round(SILENCE_SECONDS * fps))]))


def _apart(windows: Iterable[range]) -> Iterator[range]:
    """``windows`` in order, those that meet made one: no picture is looked at twice."""
    first, *rest = sorted(windows, key=min)
    for window in rest:
        if window.start <= first.stop:
            first = range(first.start, max(first.stop, window.stop))
        else:
            yield first
            first = window
    yield first


def _longest(silent: Flags, most: int) -> list[range]:
    """The middle of the longest run of silent frames, ``most`` of them; nothing, if none is."""
    edges = np.flatnonzero(np.diff(np.pad(silent, 1).astype(np.int8))).reshape(-1, 2)
    if not len(edges):
        return []
    start, stop = edges[(edges[:, 1] - edges[:, 0]).argmax()].tolist()
    spare = max(0, stop - start - most) // 2
    return [range(start + spare, stop - spare)]


@dataclass(slots=True)
class _Viewer:
    """Looks at published pictures. Laplacian energy around the mouth is summed over the same
    moments of source and result."""

    scene: Scene
    template: Template
    edges: Mapping[int, float]
    on_shown: OnShown
    source_energy: float = 0.0
    result_energy: float = 0.0

    @property
    def sharpness(self) -> float | None:
        return self.result_energy / self.source_energy if self.source_energy > 0 else None

    def apertures(self, watch: Watch, shown: Iterable[Picture]) -> Floats:
        """(N,), NaN where nothing was measured."""
        apertures = np.full(len(self.scene.timeline), np.nan, np.float32)
        # Without numbers to compare with, a mouth tells only whether it is closed in silence.
        silences = watch.silent[watch.frames].sum() >= FEWEST_CLOSED
        tracked = self.scene.performance.wanted is not None or silences
        with Prefetched(shown, QUEUED_PICTURES) as pictures:
            for window in watch.windows:
                part = (self._see(frame, next(pictures)) for frame in window)
                if tracked:
                    seen = _apertures(part, window, self.scene, self.template)
                    apertures[window.start : window.stop] = seen
                else:
                    deque(part, maxlen=0)
        return apertures

    def _see(self, frame: int, picture: Picture) -> Picture:
        self.on_shown(frame, picture)
        if frame in self.edges:
            lips = lips_of(self.scene, self.template, frame)
            self.source_energy += self.edges[frame]
            self.result_energy += sharpness(around(lips, picture.y))
        return picture


def _apertures(
    pictures: Iterable[Picture], window: range, scene: Scene, template: Template
) -> Floats:
    """Apertures (T,) in the pictures of a window, NaN where they are not this performance's."""
    drawn = np.array([scene.performance.region(frame) is not None for frame in window])
    if not drawn.any():
        return np.full(len(list(pictures)), np.nan, np.float32)
    landmarks = np.asarray(template.track.landmarks[scene.timeline.sources[list(window)]])
    place = surroundings(landmarks[drawn], template.width, template.height)
    # The tracker sees the face in question and little else: no other, and none in the distance.
    track = scene.engine.tracker.track(cut(picture, place) for picture in pictures)
    apertures = measure_track(track, scene.engine.reference)[:, APERTURE]
    size = np.ptp(landmarks[..., 1], axis=1)
    middles = (landmarks[..., :2] - (place.left, place.top)).mean(axis=1)
    away = np.linalg.norm(track.landmarks[..., :2].mean(axis=1) - middles, axis=1)
    apertures[~drawn | ~(away < SAME_FACE * size)] = np.nan
    return apertures


def lips_of(scene: Scene, template: Template, frame: int) -> Floats:
    """(K, 3) the outer lips of an output frame's source picture, pixels."""
    points: Floats = template.track.landmarks[scene.timeline.sources[frame]][_LIPS]
    return points


def surroundings(landmarks: Floats, width: int, height: int) -> Box:
    """Where in a picture a face is during some frames, (T, 478, 3), with room around it."""
    points = landmarks[..., :2]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    room = ROOM * np.ptp(points[..., 1], axis=1).max()
    left, top = (np.maximum(low - room, 0) // 2 * 2).astype(int).tolist()
    right, bottom = np.minimum((high + room) // 2 * 2, (width, height)).astype(int).tolist()
    return Box(left, top, right, bottom)


def cut(picture: Picture, box: Box) -> Picture:
    """The part of a picture inside ``box``."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    half = np.s_[box.top // 2 : (box.bottom + 1) // 2, box.left // 2 : (box.right + 1) // 2]
    return replace(
        picture,
        y=np.ascontiguousarray(picture.y[rows, columns]),
        u=np.ascontiguousarray(picture.u[half]),
        v=np.ascontiguousarray(picture.v[half]),
    )


def around(lips: Floats, luma: Plane) -> Plane:
    """The part of ``luma`` (H, W) with the lip points (K, 3) and some surroundings."""
    low, high = lips[:, :2].min(axis=0), lips[:, :2].max(axis=0)
    margin = LIP_MARGIN * (high[0] - low[0])
    left, top = np.maximum(low - margin, 0).astype(int).tolist()
    right, bottom = np.maximum(high + margin, 0).astype(int).tolist()
    return luma[top:bottom, left:right]
