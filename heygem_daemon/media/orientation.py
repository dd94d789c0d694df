"""Read how a stored picture is turned and mirrored for showing."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

from heygem_daemon.media.side_data import side_data_of

Sample = TypeVar("Sample", np.uint8, np.uint16)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned for showing: swap the axes first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, plane: NDArray[Sample]) -> NDArray[Sample]:
        """Return a C-contiguous copy of ``plane``, (H, W), upright."""
        turned = plane.T if self.transpose else plane
        step_y, step_x = -1 if self.mirror_y else 1, -1 if self.mirror_x else 1
        return np.array(turned[::step_y, ::step_x], order="C", copy=True)

    def then(self, later: "Orientation") -> "Orientation":
        """Return this orientation followed by ``later``."""
        mirrors = (self.mirror_x, self.mirror_y)
        mirror_x, mirror_y = mirrors[::-1] if later.transpose else mirrors
        return Orientation(
            self.transpose != later.transpose,
            mirror_x != later.mirror_x,
            mirror_y != later.mirror_y,
        )

    @property
    def degrees(self) -> int:
        """Clockwise rotation: 0, 90, 180 or 270. For a mirrored picture that of its axes."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_y else 0


AS_SHOWN = Orientation()
TURNS = (
    Orientation(mirror_x=True, mirror_y=True),
    Orientation(transpose=True, mirror_x=True),
    Orientation(transpose=True, mirror_y=True),
)
"""Turns by 180, 90 and 270 degrees clockwise."""


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the orientation from a frame's display matrix.

    The matrix M is 3x3 int32, row-major, with (x', y') = (x, y) · M.
    """
    try:
        matrix = side_data_of(frame, {Type.DISPLAYMATRIX})[Type.DISPLAYMATRIX]
    except KeyError:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
    return Orientation(mirror_x=a < 0, mirror_y=d < 0)
