"""Read pictures between their pixels."""

import torch
import torch.nn.functional as F


def sampled(picture: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """Y, U, V (3, h, w) of ``picture`` (3, H, W) at pixel positions (2, h, w); a pixel's centre is
    at 0.5. Luma is read bicubic, chroma, which was interpolated once already, bilinear."""
    height, width = picture.shape[1:]
    size = pixels.new_tensor([2 / width, 2 / height])
    grid = (pixels * size[:, None, None] - 1).permute(1, 2, 0)[None]
    read = picture.new_empty((3, *pixels.shape[1:]))
    torch.clamp(_read(picture[:1], grid, "bicubic"), 0, 255, out=read[:1])
    read[1:] = _read(picture[1:], grid, "bilinear")
    return read


def _read(planes: torch.Tensor, grid: torch.Tensor, mode: str) -> torch.Tensor:
    return F.grid_sample(planes[None], grid, mode=mode, padding_mode="border", align_corners=False)[
        0
    ]
