"""Where a crop's pixels lie in the mouth's plane."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box

Floats = NDArray[np.float32]
Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class View:
    """Where the mouth's plane lies in a crop. ``axes``: (2, 2) pixels per IOD; ``origin``: (2,)
    pixels from the crop's upper left corner (a pixel's centre is at 0.5)."""

    axes: Floats
    origin: Floats

    @property
    def scale(self) -> float:
        """Pixels per IOD, mean of both directions."""
        return float(np.sqrt(np.abs(np.linalg.det(self.axes))))

    def plane(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Plane coordinates (2, len(y), len(x)) of pixel positions."""
        inverse = np.linalg.inv(self.axes.astype(np.float64))
        shift = -inverse @ self.origin
        rows = [
            float(inverse[row, 0]) * x + (float(inverse[row, 1]) * y + float(shift[row]))[:, None]
            for row in (0, 1)
        ]
        return torch.stack(rows)

    def pixels(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Pixel positions (2, …) of plane coordinates ``x``, ``y`` of any one shape."""
        axes, origin = self.axes.astype(np.float64), self.origin
        return torch.stack(
            [float(axes[k, 0]) * x + float(axes[k, 1]) * y + float(origin[k]) for k in (0, 1)]
        )

    def window(self, corners: Floats, margin: int, size: tuple[int, int]) -> Window:
        """Rows and columns of a crop of ``size`` (h, w) that hold plane points (K, 2)."""
        points = corners @ self.axes.T + self.origin
        low = np.floor(points.min(axis=0)).astype(int) - margin
        high = np.ceil(points.max(axis=0)).astype(int) + margin
        (left, top), (right, bottom) = (np.clip(at, 0, size[::-1]).tolist() for at in (low, high))
        return slice(top, bottom), slice(left, right)


def view_of(axes: Floats, origin: Floats, box: Box) -> View:
    """The view of a region's crop from the plane of its picture."""
    return View(axes, origin - np.array([box.left, box.top], np.float32))


def centres(pixels: slice, device: torch.device) -> torch.Tensor:
    """Positions of the middles of a run of pixels."""
    return torch.arange(pixels.start, pixels.stop, device=device, dtype=torch.float32) + 0.5


def is_empty(window: Window) -> bool:
    """Whether a window holds no pixel."""
    return any(part.stop <= part.start for part in window)
