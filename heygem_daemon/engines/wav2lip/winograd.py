"""3x3 convolutions with half the multiplications, on an x86 processor.

S. Winograd's F(4, 3), along the rows only (A. Lavin and S. Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016): sums of each four rows and their two neighbours make six pictures of a
quarter of the rows; each is convolved with a 1x3 kernel; sums of the results are the four rows.
Six such kernels multiply half as often as a 3x3 one does for four rows. The same along the columns
would save more multiplications, but cost about as much in additions.

Each column depends on its neighbours only, to the last bit, as in a plain convolution.
"""

import torch
from torch import Tensor, nn

from heygem_daemon.engines.wav2lip.network import ConvBlock

onednn = torch.ops.mkldnn

TILE = 4
"""Rows that are computed together."""
NEAR_POINT, FAR_POINT = 0.5**0.5, 2**0.5
"""The kernel's polynomial is evaluated at 0, ±``NEAR_POINT``, ±``FAR_POINT`` and infinity. Of the
points that were tried these two have the smallest error in bfloat16: half that of the usual 1 and
2."""
SQUARES_SUM = NEAR_POINT**2 + FAR_POINT**2

MIN_CHANNELS = 64
MIN_MULTIPLICATIONS = 100e6
"""Multiplications of a 3x3 convolution for one picture. Below this, or with fewer channels, the
additions cost more than they save. Measured time relative to a plain convolution: 64 channels of
24x24 1.03, 64 of 96x66 0.86, 128 of 48x36 0.74, 256 of 24x20 0.66."""

CONVOLUTION_OPTIONS = [0, 1], [1, 1], [1, 1], 1
"""Padding, stride, dilation and groups of the 1x3 convolutions."""


def is_winograd_faster(block: ConvBlock, precision: torch.dtype, shape: tuple[int, ...]) -> bool:
    """Whether ``WinogradBlock`` is faster for a block whose input has this ``shape`` (B, C, h, w).

    Only in bfloat16, because float32 must be exact. Not on processors with matrix tiles (AMX),
    where the additions are what costs.
    """
    (convolution, *_) = block.conv_block
    if not block.residual or not isinstance(convolution, nn.Conv2d):
        return False
    channels, height, width = shape[1:]
    small = channels < MIN_CHANNELS or 9 * channels**2 * height * width < MIN_MULTIPLICATIONS
    fits = convolution.kernel_size == (3, 3) and height % TILE == 0
    return fits and not small and precision == torch.bfloat16 and not _has_tiles()


def _has_tiles() -> bool:
    return bool(torch.cpu._is_amx_tile_supported())


class WinogradBlock(nn.Module):
    """A residual ``ConvBlock`` with folded batch norm. ``shape``: (B, C, h, w) of its usual input,
    h a multiple of four."""

    def __init__(
        self,
        block: ConvBlock,
        activation: nn.Module,
        precision: torch.dtype,
        shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        (convolution,) = block.conv_block
        assert isinstance(convolution, nn.Conv2d)
        assert convolution.bias is not None
        self.act = activation
        batch, channels, height, width = shape
        usual = [batch, channels, height // TILE, width]
        self._weights = [
            onednn._reorder_convolution_weight(kernel.to(precision), *CONVOLUTION_OPTIONS, usual)
            for kernel in transform_kernel(convolution.weight)
        ]
        self._biases = [bias.to(precision) for bias in transform_bias(convolution.bias)]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w), channels last, to the same shape."""
        first, second, third, fourth = rows = split_rows(x)
        drawn = torch.empty_like(x, memory_format=torch.channels_last)
        out = split_rows(drawn)
        even, odd = _empty_like(first), _empty_like(first)

        near_sum, near_difference = self._convolve_pair(1, rows, FAR_POINT, even, odd)
        far_sum, far_difference = self._convolve_pair(3, rows, NEAR_POINT, even, odd)

        torch.add(second, near_difference, alpha=NEAR_POINT, out=out[1]).add_(
            far_difference, alpha=FAR_POINT
        )
        torch.add(third, near_sum, alpha=NEAR_POINT**2, out=out[2]).add_(
            far_sum, alpha=FAR_POINT**2
        )

        torch.add(fourth, second, alpha=-SQUARES_SUM, out=even)[:, :, 1:].add_(fourth[:, :, :-1])
        torch.add(self._convolve_and_add(0, even, near_sum.add_(far_sum)), first, out=out[0])

        torch.add(first, third, alpha=-SQUARES_SUM, out=odd)[:, :, :-1].add_(first[:, :, 1:])
        cubed = near_difference.mul_(NEAR_POINT**3).add_(far_difference, alpha=FAR_POINT**3)
        torch.add(self._convolve_and_add(5, odd, cubed), fourth, out=out[3])

        activated: Tensor = self.act(drawn)
        return activated

    def _convolve_pair(
        self, number: int, rows: list[Tensor], other: float, even: Tensor, odd: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return sum and difference of the convolutions at a point and its opposite.

        ``number``: of the first of the two kernels. ``other``: the point of the other pair.
        ``even`` and ``odd`` are buffers.
        """
        first, second, third, fourth = rows
        point = NEAR_POINT if other == FAR_POINT else FAR_POINT
        torch.add(fourth, second, alpha=-(other**2), out=even)
        torch.add(third, first, alpha=-(other**2), out=odd)
        plus = self._convolve(number, torch.add(even, odd, alpha=point))
        minus = self._convolve(number + 1, even.sub_(odd, alpha=point))
        difference = plus - minus
        return plus.add_(minus), difference

    def _convolve(self, number: int, x: Tensor) -> Tensor:
        given = x, self._weights[number], self._biases[number], *CONVOLUTION_OPTIONS
        y: Tensor = onednn._convolution_pointwise(*given, "none", [], "")
        return y

    def _convolve_and_add(self, number: int, x: Tensor, other: Tensor) -> Tensor:
        given = x, other, self._weights[number], self._biases[number], *CONVOLUTION_OPTIONS
        y: Tensor = onednn._convolution_pointwise.binary(*given, "add", 1.0, None, [], "")
        return y


def split_rows(planes: Tensor) -> list[Tensor]:
    """Return four views of (B, C, h, w): every fourth row, from each of the first four on."""
    return [planes[:, :, first::TILE] for first in range(TILE)]


def transform_kernel(weight: Tensor) -> list[Tensor]:
    """Return the six kernels (C, C, 1, 3) that a 3x3 kernel (C, C, 3, 3) becomes."""
    upper, middle, lower = weight[:, :, :1], weight[:, :, 1:2], weight[:, :, 2:]

    def at(point: float) -> Tensor:
        return torch.add(upper, middle, alpha=point).add_(lower, alpha=point**2)

    near = 2 * NEAR_POINT**2 * (NEAR_POINT**2 - FAR_POINT**2)
    far = 2 * FAR_POINT**2 * (FAR_POINT**2 - NEAR_POINT**2)
    return [
        upper,
        at(NEAR_POINT) / near,
        at(-NEAR_POINT) / near,
        at(FAR_POINT) / far,
        at(-FAR_POINT) / far,
        lower,
    ]


def transform_bias(bias: Tensor) -> list[Tensor]:
    """Return the six kernels' biases (C,), whose sums add ``bias`` (C,) to each row."""
    even, odd = bias / (2 * NEAR_POINT**2), bias / (2 * NEAR_POINT)
    none = torch.zeros_like(bias)
    return [bias - 2 * even, even + odd, even - odd, none, none, bias - 2 * NEAR_POINT**3 * odd]


def _empty_like(planes: Tensor) -> Tensor:
    return torch.empty_like(planes, memory_format=torch.channels_last)
