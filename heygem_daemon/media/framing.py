"""Fit pictures of one shape into frames of another, without stretching them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Sample = TypeVar("Sample", np.uint8, np.uint16)

SAME_SHAPE = 0.02
"""Difference of two aspect ratios that nobody sees."""


def fitted_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """Return the largest (width, height) that ``size`` can be scaled to inside ``target``.

    All in pixels. Where the shapes differ by less than 2 % it is ``target``.
    """
    across, down = target[0] / size[0], target[1] / size[1]
    if abs(across - down) <= SAME_SHAPE * max(across, down):
        return target
    scale = min(across, down)
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return min(width, target[0]), min(height, target[1])


def framed(plane: NDArray[Sample], size: tuple[int, int], black: int) -> NDArray[Sample]:
    """Return ``plane``, (h, w), in the middle of one of ``size``, (H, W), that is ``black``
    elsewhere; as it is where it has this size."""
    if plane.shape == size:
        return plane
    whole = np.full(size, black, plane.dtype)
    top, left = (size[0] - plane.shape[0]) // 2, (size[1] - plane.shape[1]) // 2
    whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return whole
