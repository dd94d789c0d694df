"""Look at a finished result as a viewer would: track its mouth anew, and compare."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, Template
from heygem_daemon.engines.strength import FADE_FRAMES
from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.face.tracking.mouth import APERTURE, measure_mouth_track
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.render.draw import RenderContext
from heygem_daemon.render.measures import (
    CLOSED_APERTURE_IOD,
    MIN_CLOSED_FRAMES,
    TRACKER_NOISE_IOD,
    closed_threshold,
    correlation,
    lag,
    share_closed,
    sharpness,
)
from heygem_daemon.render.overlap import Prefetcher
from heygem_daemon.render.quality import Quality

Flags = NDArray[np.bool_]
OnPublished = Callable[[int, Picture], None]

WINDOW_SECONDS = 2.0
MIN_REVIEW_SECONDS, MAX_REVIEW_SECONDS, SHARE = 6.0, 20.0, 0.1
"""A tenth of a result is looked at, but at least 6 s of it and at most 20: tracking a picture
costs as much as drawing a small one."""
SILENCE_SECONDS = 1.0
"""Of the longest silence so much is looked at besides."""
MAX_LAG_FRAMES = 5
"""Lags are looked for up to this many frames either way."""
QUEUED_PICTURES = 8
LIP_MARGIN = 0.3
"""Surroundings of the lips that belong to the mouth, in widths of the lips."""
FACE_MARGIN = 0.8
"""Around a face the tracker is shown this much of its height: it looks at twice the face."""
MAX_FACE_DISTANCE = 0.25
"""A face whose middle lies further than this from the template's, in face heights, is another."""

_LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


@dataclass(frozen=True, slots=True)
class ReviewSelection:
    """What of a result is looked at. ``silent``: (N,), which output frames lie in a silence;
    ``windows``: the output frames to look at, as from ``sample``."""

    silence_mask: Flags
    windows: Sequence[range]

    @property
    def frames(self) -> list[int]:
        """All frames of the windows, in order."""
        return [frame for window in self.windows for frame in window]


def measure_quality(
    context: RenderContext,
    template: Template,
    selection: ReviewSelection,
    source_sharpness: Mapping[int, float],
    published: Iterable[Picture],
    on_published: OnPublished = lambda _frame, _picture: None,
) -> Quality:
    """Measure the frames of ``watch``, as the pictures ``shown`` have been published.

    ``edges``: the sharpness of some frames' sources around the mouth. ``on_shown(frame, picture)``
    is told each. Frames that were passed through, and those in which the tracker follows another
    face than the template's, count nowhere.
    """
    fps, silent = float(context.timeline.fps), selection.silence_mask
    viewer = _ResultMeter(context, template, source_sharpness, on_published)
    apertures = viewer.measure_apertures(selection, published)
    closed = share_closed(apertures, closed_threshold(apertures), silent)
    figures = Quality(len(selection.frames) / fps, closed_in_silence=closed)
    if context.performance.target_parameters is None:
        return replace(figures, sharpness=viewer.sharpness)
    wanted = context.performance.target_parameters[:, APERTURE]
    late = lag(apertures, wanted, MAX_LAG_FRAMES)
    return replace(
        figures,
        aperture_correlation=correlation(apertures, wanted),
        aperture_lag_ms=None if late is None else late * 1000 / fps,
        closed_in_silence=share_closed(apertures, closed_threshold(wanted), silent),
        # A mouth that shall stay shut hides the source's teeth, the sharpest that there is.
        sharpness=viewer.sharpness if _target_opens(context, wanted, source_sharpness) else None,
    )


def _target_opens(context: RenderContext, wanted: Floats, frames: Iterable[int]) -> bool:
    """Whether ``wanted`` (N,) opens the mouth in any of ``frames`` that is drawn in full: one
    that fades, or is passed through, keeps an opening of the source's."""
    full = [frame for frame in frames if _is_drawn_in_full(context, frame)]
    return bool(full) and float(wanted[full].max()) > CLOSED_APERTURE_IOD + TRACKER_NOISE_IOD


def _is_drawn_in_full(context: RenderContext, frame: int) -> bool:
    near = range(max(0, frame - FADE_FRAMES), min(len(context.timeline), frame + FADE_FRAMES + 1))
    return all(context.performance.region(other) is not None for other in near)


def choose_windows(silence_mask: Flags, fps: float) -> list[range]:
    """Windows of the output frames to look at, in order and apart: evenly spread, and the middle
    of the longest silence; all frames of a short result. ``silent``: (N,)."""
    frames = len(silence_mask)
    wanted = min(max(frames * SHARE, MIN_REVIEW_SECONDS * fps), MAX_REVIEW_SECONDS * fps)
    if frames <= wanted:
        return [range(frames)]
    length = max(1, round(WINDOW_SECONDS * fps))
    starts = np.linspace(0, frames - length, max(1, round(wanted / length))).round().astype(int)
    windows = [range(start, start + length) for start in starts.tolist()]
    return list(
        _merge_windows([*windows, *_longest_silence(silence_mask, round(SILENCE_SECONDS * fps))])
    )


def _merge_windows(windows: Iterable[range]) -> Iterator[range]:
    """``windows`` in order, those that meet made one: no picture is looked at twice."""
    first, *rest = sorted(windows, key=min)
    for window in rest:
        if window.start <= first.stop:
            first = range(first.start, max(first.stop, window.stop))
        else:
            yield first
            first = window
    yield first


def _longest_silence(silent: Flags, most: int) -> list[range]:
    """The middle of the longest run of silent frames, ``most`` of them; nothing, if none is."""
    edges = np.flatnonzero(np.diff(np.pad(silent, 1).astype(np.int8))).reshape(-1, 2)
    if not len(edges):
        return []
    start, stop = edges[(edges[:, 1] - edges[:, 0]).argmax()].tolist()
    spare = max(0, stop - start - most) // 2
    return [range(start + spare, stop - spare)]


@dataclass(slots=True)
class _ResultMeter:
    """Looks at published pictures. Laplacian energy around the mouth is summed over the same
    moments of source and result."""

    context: RenderContext
    template: Template
    source_sharpness: Mapping[int, float]
    on_published: OnPublished
    source_energy: float = 0.0
    result_energy: float = 0.0

    @property
    def sharpness(self) -> float | None:
        return self.result_energy / self.source_energy if self.source_energy > 0 else None

    def measure_apertures(self, watch: ReviewSelection, published: Iterable[Picture]) -> Floats:
        """(N,), NaN where nothing was measured."""
        apertures = np.full(len(self.context.timeline), np.nan, np.float32)
        # Without numbers to compare with, a mouth tells only whether it is closed in silence.
        silences = watch.silence_mask[watch.frames].sum() >= MIN_CLOSED_FRAMES
        tracked = self.context.performance.target_parameters is not None or silences
        with Prefetcher(published, QUEUED_PICTURES) as pictures:
            for window in watch.windows:
                part = (self._measure_sharpness(frame, next(pictures)) for frame in window)
                if tracked:
                    seen = _track_apertures(part, window, self.context, self.template)
                    apertures[window.start : window.stop] = seen
                else:
                    deque(part, maxlen=0)
        return apertures

    def _measure_sharpness(self, frame: int, picture: Picture) -> Picture:
        self.on_published(frame, picture)
        if frame in self.source_sharpness:
            lips = source_lips(self.context, self.template, frame)
            self.source_energy += self.source_sharpness[frame]
            self.result_energy += sharpness(crop_lips(lips, picture.y))
        return picture


def _track_apertures(
    pictures: Iterable[Picture], window: range, context: RenderContext, template: Template
) -> Floats:
    """Apertures (T,) in the pictures of a window, NaN where they are not this performance's."""
    drawn = np.array([context.performance.region(frame) is not None for frame in window])
    if not drawn.any():
        return np.full(len(list(pictures)), np.nan, np.float32)
    landmarks = np.asarray(template.track.landmarks[context.timeline.source_indices[list(window)]])
    place = face_box(landmarks[drawn], template.width, template.height)
    # The tracker sees the face in question and little else: no other, and none in the distance.
    track = context.engine.tracker.track(crop_picture(picture, place) for picture in pictures)
    apertures = measure_mouth_track(track, context.engine.reference_face)[:, APERTURE]
    size = np.ptp(landmarks[..., 1], axis=1)
    middles = (landmarks[..., :2] - (place.left, place.top)).mean(axis=1)
    away = np.linalg.norm(track.landmarks[..., :2].mean(axis=1) - middles, axis=1)
    apertures[~drawn | ~(away < MAX_FACE_DISTANCE * size)] = np.nan
    return apertures


def source_lips(context: RenderContext, template: Template, frame: int) -> Floats:
    """(K, 3) the outer lips of an output frame's source picture, pixels."""
    points: Floats = template.track.landmarks[context.timeline.source_indices[frame]][_LIPS]
    return points


def face_box(landmarks: Floats, width: int, height: int) -> Box:
    """Where in a picture a face is during some frames, (T, 478, 3), with room around it."""
    points = landmarks[..., :2]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    room = FACE_MARGIN * np.ptp(points[..., 1], axis=1).max()
    left, top = (np.maximum(low - room, 0) // 2 * 2).astype(int).tolist()
    right, bottom = np.minimum((high + room) // 2 * 2, (width, height)).astype(int).tolist()
    return Box(left, top, right, bottom)


def crop_picture(picture: Picture, box: Box) -> Picture:
    """The part of a picture inside ``box``."""
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    half = np.s_[box.top // 2 : (box.bottom + 1) // 2, box.left // 2 : (box.right + 1) // 2]
    return replace(
        picture,
        y=np.ascontiguousarray(picture.y[rows, columns]),
        u=np.ascontiguousarray(picture.u[half]),
        v=np.ascontiguousarray(picture.v[half]),
    )


def crop_lips(lips: Floats, luma: Plane) -> Plane:
    """The part of ``luma`` (H, W) with the lip points (K, 3) and some surroundings."""
    low, high = lips[:, :2].min(axis=0), lips[:, :2].max(axis=0)
    margin = LIP_MARGIN * (high[0] - low[0])
    left, top = np.maximum(low - margin, 0).astype(int).tolist()
    right, bottom = np.maximum(high + margin, 0).astype(int).tolist()
    return luma[top:bottom, left:right]
