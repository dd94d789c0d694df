"""The part of a picture that an engine may change, as tensors on the engine's device."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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
        chroma = F.interpolate(self.chroma[None].float(), size, mode="bilinear")
        return torch.cat([self.luma[None].float(), chroma[0]])

    def with_change(self, before: Tensor, after: Tensor) -> "Patch":
        """Return this patch with the change from ``before`` to ``after`` added.

        Both are float32 (3, h, w) as ``to_yuv444`` returns them. Where they are equal, every
        sample keeps its value; a chroma sample takes the mean change of its four pixels.
        """
        change = after - before
        # Bilinear at half the size is the mean of four pixels, and four times as fast as pooling.
        halved = F.interpolate(change[None, 1:], scale_factor=0.5, mode="bilinear")
        return Patch(to_code_values(self.luma + change[0]), to_code_values(self.chroma + halved[0]))


def to_code_values(values: Tensor) -> Tensor:
    """Return uint8 code values: rounded (halves to even) and clipped to 0-255."""
    return values.round().clamp(0, 255).to(torch.uint8)
