"""Planes at another size: smaller without aliasing, larger with a cubic.

Enlarging is two matrix products, one for the rows and one for the columns: several times as fast
on a CPU as going from pixel to pixel, and a part of the large picture costs only its share.
"""

from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Interpolation = Literal["bicubic", "bilinear"]

CACHED_MATRICES = 64
"""Matrices that are kept: a face keeps its size for long, and one takes about 300 kB."""


def resize_planes(planes: Tensor, height: int, width: int) -> Tensor:
    """(C, h, w) at another size."""
    if height < planes.shape[-2] or width < planes.shape[-1]:
        return F.interpolate(planes[None], (height, width), mode="bilinear", antialias=True)[0]
    return resize_part(planes, height, width, slice(None), slice(None))


def resize_part(
    planes: Tensor,
    height: int,
    width: int,
    rows: slice,
    columns: slice,
    way: Interpolation = "bicubic",
) -> Tensor:
    """``rows`` and ``columns`` of what (C, h, w) is at another size."""
    down = scaling_matrix(planes.shape[-2], height, way, planes.device)[rows]
    across = scaling_matrix(planes.shape[-1], width, way, planes.device)[columns]
    return down @ (planes @ across.T)


@lru_cache(maxsize=CACHED_MATRICES)
def scaling_matrix(before: int, after: int, way: Interpolation, device: torch.device) -> Tensor:
    """(after, before): the matrix that makes ``after`` samples of ``before``."""
    unit = torch.eye(before, device=device)[None, None]
    mode, smooth = ("bilinear", way == "bicubic") if after < before else (way, False)
    return F.interpolate(unit, (after, before), mode=mode, antialias=smooth)[0, 0]
