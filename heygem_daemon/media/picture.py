"""A decoded picture: three planes of 8-bit YUV 4:2:0, and the tags that give them colour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ColourTags:
    """Colour description as ISO/IEC 23091-2 code points, which FFmpeg's AVCOL_* numbers equal.

    2 means 'unspecified' for ``matrix``, ``primaries`` and ``transfer``. ``full_range`` is True
    where luma runs 0-255 rather than 16-235.
    """

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One upright picture of a video, C-contiguous and writeable only by whoever copies it.

    ``index`` is its number in presentation order in the source, from 0. ``y`` has shape (H, W);
    ``u`` and ``v`` have shape (ceil(H/2), ceil(W/2)); all uint8.
    """

    index: int
    y: Plane
    u: Plane
    v: Plane
    colour: ColourTags

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def width(self) -> int:
        return int(self.y.shape[1])
