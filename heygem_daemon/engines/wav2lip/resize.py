"""Resize planes: smaller without aliasing, larger with a cubic.

Enlarging is two matrix products, one for the rows and one for the columns. On a CPU this is several
times as fast as torch's interpolation, and a part of the large picture costs only its share.
"""

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Interpolation = Literal["bicubic", "bilinear"]

CACHED_MATRICES = 64
"""Matrices that are kept, about 300 kB each: a face keeps its size for long."""


def resize_planes(planes: Tensor, height: int, width: int) -> Tensor:
    """Return (C, h, w) resized to (C, height, width)."""
    if height < planes.shape[-2] or width < planes.shape[-1]:
        return F.interpolate(planes[None], (height, width), mode="bilinear", antialias=True)[0]
    return resize_part(planes, height, width, slice(None), slice(None))


def resize_part(
    planes: Tensor,
    height: int,
    width: int,
    rows: slice,
    columns: slice,
    interpolation: Interpolation = "bicubic",
) -> Tensor:
    """Return ``rows`` and ``columns`` of (C, h, w) resized to (C, height, width)."""
    down = scaling_matrix(planes.shape[-2], height, interpolation, planes.device)[rows]
    across = scaling_matrix(planes.shape[-1], width, interpolation, planes.device)[columns]
    return down @ (planes @ across.T)


@lru_cache(maxsize=CACHED_MATRICES)
def scaling_matrix(
    before: int, after: int, interpolation: Interpolation, device: torch.device
) -> Tensor:
    """Return (after, before): the matrix that resamples ``before`` samples to ``after``."""
    unit = torch.eye(before, device=device)[None, None]
    if after < before:
        mode, smooth = "bilinear", interpolation == "bicubic"
    else:
        mode, smooth = interpolation, False
    return F.interpolate(unit, (after, before), mode=mode, antialias=smooth)[0, 0]
