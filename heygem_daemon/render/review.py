"""Review a finished result: track its mouth again, and compare it with target and source."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

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
    MIN_CLOSED_FRAMES,
    closed_threshold,
    correlation,
    eye_distance,
    is_open,
    lag,
    share_closed,
    sharpness,
    sharpness_alike,
    unexplained,
)
from heygem_daemon.render.overlap import Prefetcher
from heygem_daemon.render.quality import Quality

Flags = NDArray[np.bool_]
OnPublished = Callable[[int, Picture], None]
OnMeasured = Callable[[int, int], None]
"""Takes how many of the frames that are reviewed have been measured, and how many there are."""

WINDOW_SECONDS = 2.0
MIN_REVIEW_SECONDS, MAX_REVIEW_SECONDS, SHARE = 6.0, 20.0, 0.1
"""A tenth of a result is reviewed, but at least 6 s and at most 20 s: tracking a picture costs as
much as drawing a small one."""
SILENCE_SECONDS = 1.0
"""How much of the longest silence is reviewed in addition."""
MIN_ALIKE_FRAMES = 10
"""Frames of the result, at least, for a sharpness relative to equally open mouths."""
MAX_LAG_FRAMES = 5
"""Largest lag that is measured, in frames, in both directions."""
QUEUED_PICTURES, QUEUED_CROPS, QUEUED_BYTES = 8, 64, 32 << 20
"""Least and most faces that wait for the tracker, and the bytes that more than the least may
take."""
LIP_MARGIN = 0.3
"""Margin around the lips that counts as mouth, in widths of the lips."""
FACE_MARGIN = 0.8
"""Margin around a face for the tracker, in heights of the face: it needs about twice the face."""
MAX_FACE_DISTANCE = 0.25
"""A face counts as another one if its centre is further than this from that of the template, in
face heights."""

_LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


def ignore_measured(_done: int, _of: int) -> None:
    """Do nothing with how many frames have been measured."""


@dataclass(frozen=True, slots=True)
class ReviewSelection:
    """The frames of a result that are reviewed."""

    silence_mask: Flags
    """Shape (output frames,): which of them lie in a silence."""
    windows: Sequence[range]
    """Output frames to review, as from ``choose_windows``."""

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
    on_measured: OnMeasured = ignore_measured,
) -> Quality:
    """Measure the selected frames of a result.

    ``published``: the pictures of these frames, in order. ``source_sharpness``: sharpness around
    the mouth of some frames' source pictures. ``on_published(frame, picture)`` is called for each
    frame, ``on_measured`` before the first and after each. Frames that were passed through, and
    those in which the tracker follows another face than the template's, are not counted.
    """
    fps, silent = float(context.timeline.fps), selection.silence_mask
    meter = _ResultMeter(context, template, source_sharpness, on_published, on_measured)
    apertures = meter.measure_apertures(selection, published)
    figures = replace(
        _silence_figures(apertures, closed_threshold(apertures), silent, fps),
        seconds=len(selection.frames) / fps,
        sharpness_alike=meter.sharpness_alike(apertures),
        source_opens=meter.source_opens,
    )
    if context.performance.target_parameters is None:
        return replace(figures, sharpness=meter.sharpness)
    target = context.performance.target_parameters[:, APERTURE]
    lag_frames = lag(apertures, target, MAX_LAG_FRAMES)
    error = unexplained(apertures, target)
    shown_faces = template.track.landmarks[np.unique(context.timeline.source_indices)]
    silence = _silence_figures(apertures, closed_threshold(target), silent, fps)
    return replace(
        figures,
        aperture_correlation=correlation(apertures, target),
        aperture_error_pixels=None if error is None else error * eye_distance(shown_faces),
        aperture_lag_ms=None if lag_frames is None else lag_frames * 1000 / fps,
        closed_in_silence=silence.closed_in_silence,
        open_in_silence_seconds=silence.open_in_silence_seconds,
        # A mouth that has to stay closed hides the teeth of the source, its sharpest part.
        sharpness=meter.sharpness if _target_opens(context, target, source_sharpness) else None,
    )


def _silence_figures(apertures: Floats, threshold: float, silent: Flags, fps: float) -> Quality:
    """Return what ``apertures`` (N,) show in silences; ``threshold``: that of a closed mouth."""
    closed = share_closed(apertures, threshold, silent)
    if closed is None:
        return Quality(0.0)
    opened = float((silent & (apertures > threshold)).sum()) / fps
    return Quality(0.0, closed_in_silence=closed, open_in_silence_seconds=opened)


def _target_opens(context: RenderContext, target: Floats, frames: Iterable[int]) -> bool:
    """Whether ``target`` (N,) opens the mouth in any of ``frames`` that is drawn in full.

    A frame that fades or is passed through may keep an opening of the source.
    """
    full = [frame for frame in frames if _is_drawn_in_full(context, frame)]
    return bool(full) and is_open(float(target[full].max()))


def _is_drawn_in_full(context: RenderContext, frame: int) -> bool:
    near = range(max(0, frame - FADE_FRAMES), min(len(context.timeline), frame + FADE_FRAMES + 1))
    return all(context.performance.region(other) is not None for other in near)


def choose_windows(silence_mask: Flags, fps: float) -> list[range]:
    """Choose windows of output frames to review, ascending and without overlap.

    They are evenly spread, and include the middle of the longest silence. A short result is one
    window. ``silence_mask``: bool (output frames,).
    """
    frames = len(silence_mask)
    reviewed = min(max(frames * SHARE, MIN_REVIEW_SECONDS * fps), MAX_REVIEW_SECONDS * fps)
    if frames <= reviewed:
        return [range(frames)]
    length = max(1, round(WINDOW_SECONDS * fps))
    starts = np.linspace(0, frames - length, max(1, round(reviewed / length))).round().astype(int)
    windows = [range(start, start + length) for start in starts.tolist()]
    return list(
        _merge_windows([*windows, *_longest_silence(silence_mask, round(SILENCE_SECONDS * fps))])
    )


def _merge_windows(windows: Iterable[range]) -> Iterator[range]:
    """Yield ``windows`` in order, with those that touch or overlap merged."""
    first, *rest = sorted(windows, key=min)
    for window in rest:
        if window.start <= first.stop:
            first = range(first.start, max(first.stop, window.stop))
        else:
            yield first
            first = window
    yield first


def _longest_silence(silent: Flags, max_frames: int) -> list[range]:
    """Return up to ``max_frames`` in the middle of the longest silence; [] if there is none."""
    edges = np.flatnonzero(np.diff(np.pad(silent, 1).astype(np.int8))).reshape(-1, 2)
    if not len(edges):
        return []
    start, stop = edges[(edges[:, 1] - edges[:, 0]).argmax()].tolist()
    spare = max(0, stop - start - max_frames) // 2
    return [range(start + spare, stop - spare)]


@dataclass(slots=True)
class _ResultMeter:
    """Measures published pictures: apertures, and the Laplacian energy around the mouth in the same
    frames as in the source."""

    context: RenderContext
    template: Template
    source_sharpness: Mapping[int, float]
    on_published: OnPublished
    on_measured: OnMeasured
    result_sharpness: dict[int, float] = field(default_factory=dict)
    """By output frame, like ``source_sharpness``."""

    @property
    def sharpness(self) -> float | None:
        source = sum(self.source_sharpness[frame] for frame in self.result_sharpness)
        return sum(self.result_sharpness.values()) / source if source > 0 else None

    def sharpness_alike(self, apertures: Floats) -> float | None:
        """Sharpness relative to source pictures that are as wide open; None where few are.

        ``apertures``: (N,) of the result.
        """
        frames = [frame for frame in self.result_sharpness if np.isfinite(apertures[frame])]
        if not frames:
            return None
        energies = np.array([self.result_sharpness[frame] for frame in frames], np.float32)
        return sharpness_alike(
            (apertures[frames], energies), self._source_edges(), MIN_ALIKE_FRAMES
        )

    @property
    def source_opens(self) -> bool:
        """Whether the source's mouth is open in any picture whose sharpness was measured; also
        where its mouth could not be measured."""
        apertures, _ = self._source_edges()
        return not apertures.size or is_open(float(apertures.max()))

    def _source_edges(self) -> tuple[Floats, Floats]:
        """Return the apertures and energies (K,) of the source pictures, each once."""
        shown = self.context.timeline.source_indices
        by_picture = {int(shown[frame]): value for frame, value in self.source_sharpness.items()}
        track = self.template.track.chosen(list(by_picture))
        apertures = measure_mouth_track(track, self.context.engine.reference_face)[:, APERTURE]
        finite = np.isfinite(apertures)
        return apertures[finite], np.array([*by_picture.values()], np.float32)[finite]

    def measure_apertures(self, selection: ReviewSelection, published: Iterable[Picture]) -> Floats:
        """Return the apertures of all output frames, (N,) IOD, NaN where nothing was measured.

        What the tracker needs of each picture is cut out by the thread that decodes, which can so
        be far ahead: between the windows it has more to do than the tracker.
        """
        apertures = np.full(len(self.context.timeline), np.nan, np.float32)
        # Without a target, apertures only show whether the mouth is closed in silences.
        has_silence = selection.silence_mask[selection.frames].sum() >= MIN_CLOSED_FRAMES
        must_track = self.context.performance.target_parameters is not None or has_silence
        windows = [
            (window, _window_box(window, self.context, self.template) if must_track else None)
            for window in selection.windows
        ]
        depth = queue_depth([box for _, box in windows if box is not None])
        with Prefetcher(self._measured_crops(windows, published), depth) as crops:
            counted_crops = self._count(crops, len(selection.frames))
            for window, box in windows:
                part = islice(counted_crops, len(window))
                if box is not None:
                    pictures = (crop for crop in part if crop is not None)
                    measured = _track_apertures(pictures, window, box, self.context, self.template)
                    apertures[window.start : window.stop] = measured
                deque(part, maxlen=0)
        return apertures

    def _count(self, crops: Iterable[Picture | None], of: int) -> Iterator[Picture | None]:
        """Yield the crops, and report how many the tracker has taken and come back for more."""
        self.on_measured(0, of)
        for done, crop in enumerate(crops, 1):
            yield crop
            self.on_measured(done, of)

    def _measured_crops(
        self, windows: Iterable[tuple[range, Box | None]], published: Iterable[Picture]
    ) -> Iterator[Picture | None]:
        """Measure the sharpness of each picture; yield what is inside its window's box, if any."""
        pictures = iter(published)
        for window, box in windows:
            for frame, picture in zip(window, pictures, strict=False):
                self._measure_sharpness(frame, picture)
                yield None if box is None else crop_picture(picture, box)

    def _measure_sharpness(self, frame: int, picture: Picture) -> None:
        self.on_published(frame, picture)
        if frame in self.source_sharpness:
            lips = source_lips(self.context, self.template, frame)
            self.result_sharpness[frame] = sharpness(crop_lips(lips, picture.y))


def queue_depth(boxes: Iterable[Box]) -> int:
    """Return how many crops may wait for the tracker, so that they take at most ``QUEUED_BYTES``;
    but at least ``QUEUED_PICTURES``."""
    largest = max((box.width * box.height * 3 // 2 for box in boxes), default=1)
    return max(QUEUED_PICTURES, min(QUEUED_CROPS, QUEUED_BYTES // max(1, largest)))


def _window_box(window: range, context: RenderContext, template: Template) -> Box | None:
    """Return the part of the pictures that the tracker reads; None: no frame is drawn."""
    drawn = [frame for frame in window if context.performance.region(frame) is not None]
    if not drawn:
        return None
    landmarks = np.asarray(template.track.landmarks[context.timeline.source_indices[drawn]])
    return face_box(landmarks, template.width, template.height)


def _track_apertures(
    crops: Iterable[Picture], window: range, box: Box, context: RenderContext, template: Template
) -> Floats:
    """Return the apertures (T,) in the pictures of a window, NaN in frames that do not count.

    ``crops``: the pictures inside ``box``, so that the tracker does not follow another face.
    """
    drawn = np.array([context.performance.region(frame) is not None for frame in window])
    landmarks = np.asarray(template.track.landmarks[context.timeline.source_indices[list(window)]])
    track = context.engine.tracker.track(crops)
    apertures = measure_mouth_track(track, context.engine.reference_face)[:, APERTURE]
    height = np.ptp(landmarks[..., 1], axis=1)
    centres = (landmarks[..., :2] - (box.left, box.top)).mean(axis=1)
    distance = np.linalg.norm(track.landmarks[..., :2].mean(axis=1) - centres, axis=1)
    # The comparison is negated because a distance of NaN, no face, is not near either.
    apertures[~drawn | ~(distance < MAX_FACE_DISTANCE * height)] = np.nan
    return apertures


def source_lips(context: RenderContext, template: Template, frame: int) -> Floats:
    """Return the outer lips of an output frame's source picture, float32 (K, 3) in pixels."""
    points: Floats = template.track.landmarks[context.timeline.source_indices[frame]][_LIPS]
    return points


def face_box(landmarks: Floats, width: int, height: int) -> Box:
    """Return the box of a face over some frames, (T, 478, 3), with a margin around it."""
    points = landmarks[..., :2]
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    room = FACE_MARGIN * np.ptp(points[..., 1], axis=1).max()
    left, top = (np.maximum(low - room, 0) // 2 * 2).astype(int).tolist()
    right, bottom = np.minimum((high + room) // 2 * 2, (width, height)).astype(int).tolist()
    return Box(left, top, right, bottom)


def crop_picture(picture: Picture, box: Box) -> Picture:
    """Return the part of a picture inside ``box``."""
    return picture.crop(box.left, box.top, box.right, box.bottom)


def crop_lips(lips: Floats, luma: Plane) -> Plane:
    """Return the part of ``luma`` (H, W) around the lip points (K, 3)."""
    low, high = lips[:, :2].min(axis=0), lips[:, :2].max(axis=0)
    margin = LIP_MARGIN * (high[0] - low[0])
    left, top = np.maximum(low - margin, 0).astype(int).tolist()
    right, bottom = np.maximum(high + margin, 0).astype(int).tolist()
    return luma[top:bottom, left:right]
