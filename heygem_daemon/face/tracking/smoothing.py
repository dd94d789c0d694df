"""Smooths the lips of a track over time."""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.tracking.track import MouthProblem

SIGMA = 0.7
"""Standard deviation of the Gaussian, pictures. With more, closures of the mouth are lost."""
RADIUS = 2
"""Pictures to either side that are averaged."""

_RIGID_POINTS = (33, 133, 362, 263, 168, 6)
"""Eye corners and nose bridge: their mean moves with the head and not with speech."""


@dataclass(frozen=True, slots=True)
class FaceSample:
    """One picture of a track, see ``Track``."""

    landmarks: NDArray[np.float32]
    """(478, 3) in pixels of the picture, zero where not ``present``."""
    present: bool
    """Whether the speaker's face was found."""
    score: float
    """The mesh's presence probability, 0-1."""
    tracklet: int
    """Samples of one tracklet follow one face without a gap or a cut."""
    trouble: MouthProblem = MouthProblem.NONE
    """Why the mouth cannot be drawn."""
    person: int = 0
    """The number of the person."""
    face_count: int = 1
    """How many faces of its shot could be the speaker's."""


def smooth_lips(samples: Iterable[FaceSample], lips: NDArray[np.int64]) -> Iterator[FaceSample]:
    """Yield the samples with the points ``lips`` smoothed inside each tracklet.

    The lips are smoothed relative to the head, so that its movement is kept. The output is
    ``RADIUS`` samples behind the input.
    """
    window: deque[FaceSample] = deque(maxlen=2 * RADIUS + 1)
    ahead = 0
    for sample in samples:
        window.append(sample)
        ahead += 1
        if ahead > RADIUS:
            ahead -= 1
            yield _smoothed(window, len(window) - 1 - RADIUS, lips)
    for position in range(len(window) - ahead, len(window)):
        yield _smoothed(window, position, lips)


def _smoothed(window: deque[FaceSample], position: int, lips: NDArray[np.int64]) -> FaceSample:
    centre = window[position]
    if not centre.present:
        return centre
    total, weight = np.zeros((len(lips), 3)), 0.0
    for k, other in enumerate(window):
        distance = abs(k - position)
        if other.present and other.tracklet == centre.tracklet and distance <= RADIUS:
            share = math.exp(-0.5 * (distance / SIGMA) ** 2)
            total += share * (other.landmarks[lips] - _head(other))
            weight += share
    landmarks = centre.landmarks.copy()
    landmarks[lips] = total / weight + _head(centre)
    return replace(centre, landmarks=landmarks)


def _head(sample: FaceSample) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = sample.landmarks[list(_RIGID_POINTS)].mean(axis=0, dtype=np.float64)
    return mean
