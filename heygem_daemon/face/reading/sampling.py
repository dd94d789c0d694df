"""Resamples squares of YUV pictures to the RGB input of a network."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.media.colour import rgb_from_yuv
from heygem_daemon.media.picture import Picture, Plane


def sample_crop(pictures: Sequence[Picture], crop: Crop, side: int, device: torch.device) -> Tensor:
    """Return RGB float32 (B, 3, side, side), 0-1, of one crop in pictures of one size and colour.

    The picture's border is repeated beyond it. Large crops are averaged over whole blocks of
    pixels before the bilinear sampling, so that detail does not alias.
    """
    where = _positions(crop, side)
    luma = _sample_planes([[picture.y] for picture in pictures], crop, where, 1.0, device)
    chroma = _sample_planes([[p.u, p.v] for p in pictures], crop, where, 0.5, device)
    first = pictures[0]
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


def _sample_planes(
    planes: Sequence[Sequence[Plane]],
    crop: Crop,
    where: NDArray[np.float64],
    scale: float,
    device: torch.device,
) -> Tensor:
    """Return (B, C, side, side): code values of C planes of each of B pictures.

    ``where``: the crop's ``_positions``; ``scale``: plane pixels per luma pixel.
    """
    side = len(where)
    where = where * scale
    block = max(1, int(crop.side * scale / side))
    left, top, right, bottom = _sampled_rectangle(where, planes[0][0], block)
    parts = torch.cat(
        [
            _block_average([plane[top:bottom, left:right] for plane in group], block, device)
            for group in planes
        ]
    )
    size = (parts.shape[2], parts.shape[1])
    grid = torch.from_numpy(((where - (left, top)) * (2 / block) / size - 1).astype(np.float32))
    # All planes are channels of one picture, so that positions are computed once.
    sampled = F.grid_sample(
        parts[None], grid[None].to(device), padding_mode="border", align_corners=False
    )
    return sampled.reshape(len(planes), -1, side, side)


def _sampled_rectangle(
    where: NDArray[np.float64], plane: Plane, block: int
) -> tuple[int, int, int, int]:
    """Return the rectangle of a plane that samples at ``where`` read, at least one block large."""
    limit = np.array([plane.shape[1], plane.shape[0]])
    margin = 2 * block
    corners = where[[0, 0, -1, -1], [0, -1, 0, -1]]
    low = np.floor(corners.min(axis=0)) - margin
    high = np.ceil(corners.max(axis=0)) + margin
    low = np.clip(low, 0, np.maximum(limit - block, 0)).astype(int)
    high = np.clip(high, np.minimum(low + block, limit), limit).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _block_average(parts: Sequence[Plane], block: int, device: torch.device) -> Tensor:
    """Return float32 (C, h, w): means over blocks, without pixels beyond the last whole block."""
    if block == 1 or min(parts[0].shape) < block:
        return torch.from_numpy(np.stack(parts)).to(device).float()
    means = np.stack([_block_means(part, block) for part in parts])
    return torch.from_numpy(means).to(device)


def _block_means(part: Plane, block: int) -> NDArray[np.float32]:
    """Return means over blocks, by strided sums: several times faster than average pooling."""
    rows, columns = (length // block * block for length in part.shape)
    kind = np.uint16 if 255 * block**2 < 1 << 16 else np.uint32
    total = np.zeros((rows // block, columns // block), kind)
    for row in range(block):
        for column in range(block):
            total += part[row:rows:block, column:columns:block]
    return total.astype(np.float32) / np.float32(block**2)
