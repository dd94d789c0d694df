"""The part of a picture that an engine may change, as tensors on the engine's device."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

STRIP_PIXELS = 1 << 16
"""Pixels of a strip: with all intermediate results of drawing, about two megabytes. A small face is
one strip, since calls cost more than memory there; large faces take as long with half of it."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The samples inside a box: code values of 8-bit YUV 4:2:0, as decoded."""

    luma: Tensor
    """uint8 (h, w)."""
    chroma: Tensor
    """uint8 (2, h / 2, w / 2): U and V."""

    def to_yuv444(self) -> Tensor:
        """Return float32 (3, h, w), code values 0-255, with chroma interpolated to luma's grid."""
        size = tuple(self.luma.shape)
        planes = torch.empty((3, *size), device=self.luma.device)
        planes[0] = self.luma
        planes[1:] = F.interpolate(self.chroma[None].float(), size, mode="bilinear")[0]
        return planes

    def with_change(self, before: Tensor, after: Tensor) -> "Patch":
        """Return this patch with the change from ``before`` to ``after`` added.

        Both are float32 (3, h, w) as ``to_yuv444`` returns them. Where they are equal, every
        sample keeps its value; a chroma sample takes the mean change of its four pixels.
        """
        changed = Patch(torch.empty_like(self.luma), torch.empty_like(self.chroma))
        for rows in row_strips(self.luma):
            half = slice(rows.start // 2, rows.stop // 2)
            change = after[:, rows] - before[:, rows]
            # Bilinear at half the size is the mean of four pixels, and faster than pooling.
            halved = F.interpolate(change[None, 1:], scale_factor=0.5, mode="bilinear")[0]
            changed.luma[rows] = to_code_values(change[0].add_(self.luma[rows]))
            changed.chroma[:, half] = to_code_values(halved.add_(self.chroma[:, half]))
        return changed


def to_code_values(values: Tensor) -> Tensor:
    """Return uint8 code values: rounded (halves to even) and clipped to 0-255."""
    return values.round().clamp_(0, 255).to(torch.uint8)


def row_strips(pixels: Tensor) -> Iterator[slice]:
    """Yield strips of an even number of rows that cover ``pixels`` (…, h, w) with h even.

    On a CPU their intermediate results stay in its cache; a GPU gets all rows at once.
    """
    height, width = pixels.shape[-2:]
    step = max(2, height) if pixels.is_cuda else max(2, STRIP_PIXELS // max(1, width) // 2 * 2)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))
