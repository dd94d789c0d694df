"""The square that the face mesh looks at, and when it has to move."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.networks.detector import Detection

CROP_SCALE = 1.5
"""Side of a crop over the size of the face in it. The mesh was trained at 1.5; measured, its
points shift twice as much with the crop's place at 2, and its presence logit falls from 20 to 5."""
MOVE_LIMIT = 0.10
"""A crop stays until the face is off its centre by more than this share of the face's size
(measured: at 0.15 the mesh lags a moving face by 3 % of the eye distance, at 0.1 by 1 %, and
trembles no more),"""
GROWTH_LIMIT = 1.35
"""or has grown or shrunk by this factor,"""
TURN_LIMIT = math.radians(15)
"""or tilts by more than this. A crop that follows every picture makes the mesh tremble."""

_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of a picture: centre and side in pixels, tilt clockwise in radians."""

    x: float
    y: float
    side: float
    tilt: float = 0.0

    @property
    def face_size(self) -> float:
        """Size in pixels of the face that this crop was made for."""
        return self.side / CROP_SCALE

    def axes(self) -> NDArray[np.float64]:
        """(2, 2): columns are the crop's unit vectors to the right and down."""
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, points: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """Points (..., 2 or 3) in pixels of the crop resampled to ``side`` pixels, to pixels
        of the picture; a third coordinate is scaled only."""
        scale = self.side / side
        moved = np.asarray(points, np.float64) * scale
        moved[..., :2] = (moved[..., :2] - self.side / 2) @ self.axes().T + (self.x, self.y)
        return moved.astype(np.float32)


def crop_around_landmarks(landmarks: NDArray[np.float32]) -> Crop:
    """The crop for a face of landmarks (478, 3) in picture pixels, its eyes level."""
    flat = landmarks[:, :2].astype(np.float64)
    right, down = flat[_EYE_CORNERS[1]] - flat[_EYE_CORNERS[0]]
    return _level_square(flat, math.atan2(down, right))


def crop_around_detection(detection: Detection, left: float, top: float, side: float) -> Crop:
    """The crop for a detection in the square of the picture that the detector saw."""
    eyes = detection.points[:2].astype(np.float64)
    right, down = eyes[1] - eyes[0]
    low, high = detection.box[:2].astype(np.float64), detection.box[2:].astype(np.float64)
    middle = (low + high) / 2 * side + (left, top)
    size = float((high - low).max()) * side
    return Crop(float(middle[0]), float(middle[1]), size * CROP_SCALE, math.atan2(down, right))


def _level_square(points: NDArray[np.float64], tilt: float) -> Crop:
    axes = Crop(0, 0, 1, tilt).axes()
    level = points @ axes
    low, high = level.min(axis=0), level.max(axis=0)
    x, y = axes @ ((low + high) / 2)
    return Crop(float(x), float(y), float((high - low).max()) * CROP_SCALE, tilt)


def centre_distance(one: Crop, other: Crop) -> float:
    """Pixels between the centres of two crops."""
    return math.hypot(other.x - one.x, other.y - one.y)


def is_outdated(crop: Crop, wanted: Crop) -> bool:
    """Whether the face has moved so far that ``wanted`` must take the place of ``crop``."""
    growth = wanted.side / crop.side
    turn = math.remainder(wanted.tilt - crop.tilt, math.tau)
    return (
        centre_distance(crop, wanted) > MOVE_LIMIT * wanted.face_size
        or not 1 / GROWTH_LIMIT <= growth <= GROWTH_LIMIT
        or abs(turn) > TURN_LIMIT
    )
