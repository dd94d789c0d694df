"""The part of a picture that an engine may change, as planes on the engine's device."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Patch:
    """What lies inside a box: code values of 8-bit YUV 4:2:0, as decoded.

    ``luma``: uint8 (h, w); ``chroma``: uint8 (2, h / 2, w / 2), U and V.
    """

    luma: Tensor
    chroma: Tensor

    def to_yuv444(self) -> Tensor:
        """Float32 (3, h, w), code values 0-255; chroma is interpolated to luma's grid."""
        size = tuple(self.luma.shape)
        chroma = F.interpolate(self.chroma[None].float(), size, mode="bilinear")
        return torch.cat([self.luma[None].float(), chroma[0]])

    def with_change(self, before: Tensor, after: Tensor) -> "Patch":
        """This patch with the change from ``before`` to ``after`` applied to it.

        Both are float32 (3, h, w) as ``full`` returns them. Wherever the two are equal every
        sample stays what it was; chroma takes the mean change of its four pixels.
        """
        change = after - before
        # Bilinear at half the size is the mean of each four pixels, four times as fast as pooling.
        halved = F.interpolate(change[None, 1:], scale_factor=0.5, mode="bilinear")
        return Patch(to_code_values(self.luma + change[0]), to_code_values(self.chroma + halved[0]))


def to_code_values(values: Tensor) -> Tensor:
    """Code values of 8 bits from any numbers: rounded (halves to even) and clipped."""
    return values.round().clamp(0, 255).to(torch.uint8)
