"""The mouth's plane: pixels of any picture of a person, in one coordinate system that speaks mouth.

Plane coordinates have their origin in the middle of the person's mouth, x to the viewer's right,
y down, the distance of the outer eye corners (IOD) as unit. The plane is fixed to the head: it
turns, shifts and scales with the pose, and knows nothing of how the mouth is shaped.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box
from heygem_daemon.face.landmarks import LEFT_CORNER, RIGHT_CORNER
from heygem_daemon.face.pose import Pose

Floats = NDArray[np.float32]

LEFT, RIGHT, TOP, BOTTOM = -1.15, 1.15, -0.75, 1.2
"""The region that may change; below the mouth there are chin and throat."""


@dataclass(frozen=True, slots=True)
class Planes:
    """One plane a frame. ``axes``: (T, 2, 2) pixels per IOD; ``origin``: (T, 2) pixels;
    ``depth``: (T, 2) pixels by which a point moves that goes 1 IOD away from the viewer.

    picture x, y = origin + axes · (plane x, y).
    """

    axes: Floats
    origin: Floats
    depth: Floats

    def moved(self, frames: NDArray[np.intp], canonical: Floats) -> Floats:
        """Canonical movements (B, K, 3) of points as movements in the plane (B, K, 2)."""
        inverse = np.linalg.inv(self.axes[frames])
        slant = np.einsum("bij,bj->bi", inverse, self.depth[frames])
        planar: Floats = canonical[..., :2] + canonical[..., 2:] * slant[:, None]
        return planar

    def from_picture(self, frames: NDArray[np.intp], points: Floats) -> Floats:
        """Picture points (B, K, 2 or 3) in plane coordinates (B, K, 2)."""
        inverse = np.linalg.inv(self.axes[frames])
        centred = points[..., :2] - self.origin[frames][:, None]
        planar: Floats = np.einsum("bij,bkj->bki", inverse, centred)
        return planar

    def box(self, frame: int, width: int, height: int) -> Box | None:
        """Even bounds of the region in a picture; None where less than half of it is inside."""
        corners = np.array([[x, y] for x in (LEFT, RIGHT) for y in (TOP, BOTTOM)])
        seen = self.origin[frame] + corners @ self.axes[frame].T
        low, high = seen.min(axis=0), seen.max(axis=0)
        left, top = (max(0, 2 * math.floor(value / 2)) for value in low)
        right = min(width // 2 * 2, 2 * math.ceil(high[0] / 2))
        bottom = min(height // 2 * 2, 2 * math.ceil(high[1] / 2))
        inside = max(0, right - left) * max(0, bottom - top)
        if inside < 0.5 * np.prod(high - low):
            return None
        return Box(left, top, right, bottom)


def mouth_centre(canonical: Floats) -> Floats:
    """Middle between the corners of the mouth over all frames (T, 478, 3): (3,)."""
    corners = canonical[:, [LEFT_CORNER, RIGHT_CORNER]]
    centre: Floats = np.median(corners.mean(axis=1), axis=0).astype(np.float32)
    return centre


def planes_of(pose: Pose, centre: Floats) -> Planes:
    """The mouth plane of every frame of ``pose``."""
    scaled = pose.scale[:, None, None] * pose.rotation
    origin = scaled @ centre + pose.shift
    return Planes(scaled[:, :2, :2], origin[:, :2].astype(np.float32), scaled[:, :2, 2])
