"""The square of a picture that the face mesh reads, and when it has to move."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.networks.detector import Detection

CROP_SCALE = 1.5
"""Side of a crop divided by the size of the face in it. The mesh was trained at 1.5. Measured at 2,
its points shift twice as much with the crop's place and its presence logit falls from 20 to 5."""
MOVE_LIMIT = 0.10
"""A crop moves when the face is off its centre by more than this share of the face's size.
Measured: at 0.15 the mesh lags behind a moving face by 3 % of the eye distance, at 0.1 by 1 %, and
is as steady. A crop that follows every picture makes the landmarks tremble."""
GROWTH_LIMIT = 1.35
"""A crop also moves when the face has grown or shrunk by this factor."""
TURN_LIMIT = math.radians(15)
"""A crop also moves when the face has tilted by more than this, radians."""

_EYE_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of a picture."""

    x: float
    """Centre, pixels."""
    y: float
    """Centre, pixels."""
    side: float
    """Pixels."""
    tilt: float = 0.0
    """Clockwise, radians."""

    @property
    def face_size(self) -> float:
        """The size, in pixels, of the face that this crop was made for."""
        return self.side / CROP_SCALE

    def axes(self) -> NDArray[np.float64]:
        """Return (2, 2): the columns are the crop's unit vectors to the right and down."""
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, points: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """Convert points (..., 2 or 3) to pixels of the picture; a third coordinate is only scaled.

        The points are in pixels of the crop, resampled to ``side`` pixels.
        """
        scale = self.side / side
        moved = np.asarray(points, np.float64) * scale
        moved[..., :2] = (moved[..., :2] - self.side / 2) @ self.axes().T + (self.x, self.y)
        return moved.astype(np.float32)


def crop_around_landmarks(landmarks: NDArray[np.float32]) -> Crop:
    """Return the crop of a face with landmarks (478, 3) in picture pixels, its eyes level."""
    flat = landmarks[:, :2].astype(np.float64)
    right, down = flat[_EYE_CORNERS[1]] - flat[_EYE_CORNERS[0]]
    return _level_square(flat, math.atan2(down, right))


def crop_around_detection(detection: Detection, left: float, top: float, side: float) -> Crop:
    """Return the crop of a detection.

    ``left``, ``top``, ``side``: the square of the picture that the detector read, in pixels.
    """
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
    """Return the distance between the centres of two crops, pixels."""
    return math.hypot(other.x - one.x, other.y - one.y)


def drift(crop: Crop, centred: Crop) -> float:
    """Return how far a face has moved in ``crop``, as a share of what it may.

    ``centred``: the crop around the face, which must replace ``crop`` beyond 1.
    """
    growth = abs(math.log(centred.side / crop.side)) / math.log(GROWTH_LIMIT)
    turn = abs(math.remainder(centred.tilt - crop.tilt, math.tau)) / TURN_LIMIT
    return max(centre_distance(crop, centred) / (MOVE_LIMIT * centred.face_size), growth, turn)
