"""Resamples squares of YUV pictures to the RGB input of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.media.colour import rgb_from_yuv
from heygem_daemon.media.picture import Picture, Plane

_KEPT_SAMPLINGS = 4
"""How many samplings are kept for the next pictures, 0.3 MB each: luma's and chroma's of two faces.
A face is read through the same crop until it has left the crop's middle."""


def sample_crop(pictures: Sequence[Picture], crop: Crop, side: int, device: torch.device) -> Tensor:
    """Return RGB float32 (B, 3, side, side), 0-1, of one crop in pictures of one size and colour.

    The picture's border is repeated beyond it. Large crops are averaged over whole blocks of
    pixels before the bilinear sampling, so that detail does not alias.
    """
    first = pictures[0]
    luma = _sample_planes(
        [[picture.y] for picture in pictures], _sampling(crop, side, 1.0, first.y.shape), device
    )
    chroma = _sample_planes(
        [[p.u, p.v] for p in pictures], _sampling(crop, side, 0.5, first.u.shape), device
    )
    matrix, black = rgb_from_yuv(first.colour, first.height)
    weights = torch.from_numpy(matrix / 255).to(device)[:, :, None, None]
    bias = torch.from_numpy(-(matrix @ black) / 255).to(device)
    rgb = F.conv2d(torch.cat([luma, chroma], dim=1), weights, bias)
    return rgb.clamp_(0, 1).contiguous(memory_format=torch.channels_last)


def inside_mask(crop: Crop, side: int, width: int, height: int) -> NDArray[np.bool_]:
    """Return (side, side): whether each sample of a crop lies inside a ``width`` x ``height``
    picture."""
    where = _positions(crop, side)
    return np.asarray(((where >= 0) & (where <= (width, height))).all(axis=2))


def _positions(crop: Crop, side: int) -> NDArray[np.float64]:
    """Return (side, side, 2): each sample's position in the picture; a pixel's centre is at 0.5."""
    steps = ((np.arange(side) + 0.5) / side - 0.5) * crop.side
    axes = crop.axes()
    # A sum of a row and a column: a product of matrices takes several times as long.
    placed: NDArray[np.float64] = steps[:, None, None] * axes[:, 1] + (
        steps[:, None] * axes[:, 0] + (crop.x, crop.y)
    )
    return placed


@dataclass(frozen=True, slots=True)
class _Sampling:
    """How a crop is sampled from planes of one size."""

    rows: slice
    """Of the plane, like ``columns``: what is read."""
    columns: slice
    block: int
    """Edge of the squares that are averaged first."""
    grid: Tensor
    """(1, side, side, 2): where each sample is among the averages, for ``grid_sample``."""


@lru_cache(maxsize=_KEPT_SAMPLINGS)
def _sampling(crop: Crop, side: int, scale: float, shape: tuple[int, int]) -> _Sampling:
    """Return how a crop is sampled from a plane of ``shape``.

    ``scale``: plane pixels per luma pixel.
    """
    where = _positions(crop, side) * scale
    block = max(1, int(crop.side * scale / side))
    left, top, right, bottom = _sampled_rectangle(where, shape, block)
    height, width = bottom - top, right - left
    averaged = block if min(height, width) >= block else 1
    size = (width // averaged, height // averaged)
    grid = ((where - (left, top)) * (2 / block) / size - 1).astype(np.float32)
    return _Sampling(slice(top, bottom), slice(left, right), averaged, torch.from_numpy(grid)[None])


def _sample_planes(
    planes: Sequence[Sequence[Plane]], sampling: _Sampling, device: torch.device
) -> Tensor:
    """Return (B, C, side, side): code values of C planes of each of B pictures."""
    block = sampling.block
    parts = torch.cat(
        [
            _block_average(
                [plane[sampling.rows, sampling.columns] for plane in group], block, device
            )
            for group in planes
        ]
    )
    # All planes are channels of one picture, so that positions are computed once.
    sampled = F.grid_sample(
        parts[None], sampling.grid.to(device), padding_mode="border", align_corners=False
    )
    return sampled.reshape(len(planes), -1, *sampled.shape[2:])


def _sampled_rectangle(
    where: NDArray[np.float64], shape: tuple[int, int], block: int
) -> tuple[int, int, int, int]:
    """Return the rectangle of a plane of ``shape`` that samples at ``where`` read, at least one
    block large."""
    limit = np.array(shape[::-1])
    margin = 2 * block
    corners = where[[0, 0, -1, -1], [0, -1, 0, -1]]
    low = np.floor(corners.min(axis=0)) - margin
    high = np.ceil(corners.max(axis=0)) + margin
    low = np.clip(low, 0, np.maximum(limit - block, 0)).astype(int)
    high = np.clip(high, np.minimum(low + block, limit), limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _block_average(parts: Sequence[Plane], block: int, device: torch.device) -> Tensor:
    """Return float32 (C, h, w): means over blocks, without pixels beyond the last whole block."""
    if block == 1:
        return torch.from_numpy(np.stack(parts)).to(device).float()
    means = np.stack([_block_means(part, block) for part in parts])
    return torch.from_numpy(means).to(device)


def _block_means(part: Plane, block: int) -> NDArray[np.float32]:
    """Return means over blocks: sums of whole rows, and then of columns, several times faster than
    average pooling."""
    rows, columns = (length // block * block for length in part.shape)
    kind = np.uint16 if 255 * block**2 < 1 << 16 else np.uint32
    lines: NDArray[np.unsignedinteger] = part[:rows:block, :columns].astype(kind)
    for row in range(1, block):
        lines += part[row:rows:block, :columns]
    total = lines[:, ::block].copy()
    for column in range(1, block):
        total += lines[:, column::block]
    return total.astype(np.float32) / np.float32(block**2)
