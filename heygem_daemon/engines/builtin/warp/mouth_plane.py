"""The mouth's plane: one coordinate system for all pictures of a person, and its view in a crop.

Plane coordinates have their origin in the middle of the person's mouth, x to the viewer's right, y
down, and the distance of the outer eye corners (IOD) as their unit. The plane is fixed to the head:
it turns, shifts and scales with the pose and does not depend on the shape of the mouth.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box
from heygem_daemon.face.reading.landmarks import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER
from heygem_daemon.face.reading.pose import Pose

LEFT, RIGHT, TOP, BOTTOM = -1.15, 1.15, -0.75, 1.2
"""The region that may change, IOD; below the mouth it includes chin and throat."""


@dataclass(frozen=True, slots=True)
class MouthPlanes:
    """The mouth's plane in each of T frames.

    picture x, y = origin + axes · (plane x, y).
    """

    axes: Floats
    """(T, 2, 2), pixels per IOD."""
    origin: Floats
    """(T, 2), pixels."""
    depth: Floats
    """(T, 2), pixels by which a point moves that goes 1 IOD away from the viewer."""

    def project_movement(self, frames: NDArray[np.intp], canonical: Floats) -> Floats:
        """Return canonical movements (B, K, 3) as movements in the plane (B, K, 2)."""
        inverse = np.linalg.inv(self.axes[frames])
        slant = np.einsum("bij,bj->bi", inverse, self.depth[frames])
        planar: Floats = canonical[..., :2] + canonical[..., 2:] * slant[:, None]
        return planar

    def to_plane(self, frames: NDArray[np.intp], points: Floats) -> Floats:
        """Return picture points (B, K, 2 or 3) in plane coordinates (B, K, 2), IOD."""
        inverse = np.linalg.inv(self.axes[frames])
        centred = points[..., :2] - self.origin[frames][:, None]
        planar: Floats = np.einsum("bij,bkj->bki", inverse, centred)
        return planar

    def region_box(self, frame: int, width: int, height: int) -> Box | None:
        """Return the region's even bounds in a picture; None if less than half of it is inside."""
        corners = np.array([[x, y] for x in (LEFT, RIGHT) for y in (TOP, BOTTOM)])
        points = self.origin[frame] + corners @ self.axes[frame].T
        low, high = points.min(axis=0), points.max(axis=0)
        left, top = (max(0, 2 * math.floor(value / 2)) for value in low)
        right = min(width // 2 * 2, 2 * math.ceil(high[0] / 2))
        bottom = min(height // 2 * 2, 2 * math.ceil(high[1] / 2))
        inside = max(0, right - left) * max(0, bottom - top)
        if inside < 0.5 * np.prod(high - low):
            return None
        return Box(left, top, right, bottom)


def mouth_centre(canonical: Floats) -> Floats:
    """Return the middle between the corners of the mouth over all frames (T, 478, 3): (3,)."""
    corners = canonical[:, [LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER]]
    centre: Floats = np.median(corners.mean(axis=1), axis=0).astype(np.float32)
    return centre


def mouth_planes(pose: Pose, centre: Floats) -> MouthPlanes:
    """Return the mouth's plane in every frame of ``pose``."""
    scaled = pose.scale[:, None, None] * pose.rotation
    origin = scaled @ centre + pose.translation
    return MouthPlanes(scaled[:, :2, :2], origin[:, :2].astype(np.float32), scaled[:, :2, 2])


CropWindow = tuple[slice, slice]
"""Rows and columns of a crop."""


@dataclass(frozen=True, slots=True)
class PlaneView:
    """Where the mouth's plane lies in a crop."""

    axes: Floats
    """(2, 2), pixels per IOD."""
    origin: Floats
    """(2,), pixels from the crop's upper left corner; a pixel's centre is at 0.5."""

    @property
    def scale(self) -> float:
        """Pixels per IOD, averaged over both directions."""
        return float(np.sqrt(np.abs(np.linalg.det(self.axes))))

    def to_plane(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the plane coordinates (2, len(y), len(x)) of pixel positions."""
        inverse = np.linalg.inv(self.axes.astype(np.float64))
        shift = -inverse @ self.origin
        rows = [
            float(inverse[row, 0]) * x + (float(inverse[row, 1]) * y + float(shift[row]))[:, None]
            for row in (0, 1)
        ]
        return torch.stack(rows)

    def to_pixels(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the pixel positions (2, …) of plane coordinates ``x`` and ``y`` of any shape."""
        axes, origin = self.axes.astype(np.float64), self.origin
        return torch.stack(
            [float(axes[k, 0]) * x + float(axes[k, 1]) * y + float(origin[k]) for k in (0, 1)]
        )

    def window(self, corners: Floats, margin: int, size: tuple[int, int]) -> CropWindow:
        """Return rows and columns of a crop of ``size`` (h, w) that contain plane points (K, 2)."""
        points = corners @ self.axes.T + self.origin
        low = np.floor(points.min(axis=0)).astype(int) - margin
        high = np.ceil(points.max(axis=0)).astype(int) + margin
        (left, top), (right, bottom) = (np.clip(at, 0, size[::-1]).tolist() for at in (low, high))
        return slice(top, bottom), slice(left, right)


def crop_view(axes: Floats, origin: Floats, box: Box) -> PlaneView:
    """Return the view in a region's crop of its picture's plane."""
    return PlaneView(axes, origin - np.array([box.left, box.top], np.float32))


def pixel_centres(pixels: slice, device: torch.device) -> torch.Tensor:
    """Return the positions of the centres of a range of pixels."""
    return torch.arange(pixels.start, pixels.stop, device=device, dtype=torch.float32) + 0.5


def is_empty(window: CropWindow) -> bool:
    """Return whether a window contains no pixel."""
    return any(part.stop <= part.start for part in window)
