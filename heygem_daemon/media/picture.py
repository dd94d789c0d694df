"""A decoded picture: three planes of 8-bit YUV 4:2:0, its colour tags, and 10 bits if wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
DeepPlane = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class DeepPlanes:
    """The same picture in 10 bits, as a result shall hold it (see ``deep.DeepFormat``)."""

    y: DeepPlane
    """Luma, 0-1023, uint16 (H, W)."""
    u: DeepPlane
    """Chroma Cb, uint16 (H or ceil(H/2), ceil(W/2))."""
    v: DeepPlane
    """Chroma Cr, as ``u``."""


@dataclass(frozen=True, slots=True)
class ColourTags:
    """Colour description as ISO/IEC 23091-2 code points, which FFmpeg's AVCOL_* numbers equal.

    2 means 'unspecified' for ``matrix``, ``primaries`` and ``transfer``.
    """

    matrix: int = 2
    """Which coefficients turn Y'CbCr into R'G'B'."""
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False
    """True where luma runs 0-255, False for 16-235."""


@dataclass(frozen=True, slots=True)
class ChangedRegion:
    """Samples that replace a rectangle of a picture."""

    left: int
    """Column of luma, even."""
    top: int
    """Row of luma, even."""
    y: Plane
    """Luma, uint8 (h, w), h and w even."""
    u: Plane
    """Chroma Cb, uint8 (h / 2, w / 2)."""
    v: Plane
    """Chroma Cr, as ``u``."""

    def put_into(self, planes: Sequence[Plane]) -> None:
        """Write the samples into the planes Y, U and V of a whole picture, in place."""
        for plane, part, step in zip(planes, (self.y, self.u, self.v), (1, 2, 2), strict=True):
            top, left = self.top // step, self.left // step
            plane[top : top + part.shape[0], left : left + part.shape[1]] = part


@dataclass(frozen=True, slots=True)
class Picture:
    """One upright picture of a video. Its planes may be read-only and their rows apart in memory:
    copy them to change them."""

    index: int
    """Number in presentation order in the source, from 0."""
    y: Plane
    """Luma, uint8 (H, W)."""
    u: Plane
    """Chroma Cb, uint8 (ceil(H/2), ceil(W/2))."""
    v: Plane
    """Chroma Cr, as ``u``."""
    colour: ColourTags
    """Resolved: with a known matrix (see ``colour.resolved_tags``)."""
    deep: DeepPlanes | None = None
    """The picture in 10 bits, where the result has them."""

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    def with_region(self, region: ChangedRegion) -> "Picture":
        """Return a copy with ``region`` in it and no change outside. It has 8 bits only."""
        planes = self.y.copy(), self.u.copy(), self.v.copy()
        region.put_into(planes)
        y, u, v = planes
        return replace(self, y=y, u=u, v=v, deep=None)

    def crop(self, left: int, top: int, right: int, bottom: int) -> "Picture":
        """Return a copy of a part; ``left`` and ``top`` are even, ``right`` and ``bottom``
        exclusive, and even unless they are the picture's own edge."""
        half = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
        return replace(
            self,
            y=np.ascontiguousarray(self.y[top:bottom, left:right]),
            u=np.ascontiguousarray(self.u[half]),
            v=np.ascontiguousarray(self.v[half]),
        )
