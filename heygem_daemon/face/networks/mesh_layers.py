"""The layers that MediaPipe's face mesh is made of, as torch modules."""

import torch.nn.functional as F
from torch import Tensor, nn

PADDING = {1: 1, 2: 2}
"""Stride → padding of a 3x3 convolution, see ``trim_same_padding``."""


class Pointwise(nn.Linear):
    """A 1x1 convolution, computed as a product with the matrix of channels.

    On channels-last tensors no memory moves. PyTorch's own convolution falls back here (batches
    under 16 on a single thread) to one that copies its input, at several times the cost.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W), both channels-last."""
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def trim_same_padding(features: Tensor) -> Tensor:
    """Make a 3x3 convolution at stride 2, padded by 2, equal TensorFlow's SAME padding.

    On an even size SAME pads only to the right and below. Padding by 2 on all sides and dropping
    the first row and column is the same and needs no copy of the input.
    """
    return features[:, :, 1:, 1:]


class MeshResidualBlock(nn.Module):
    """Depthwise 3x3 and pointwise convolution, added to the input; stride 2 pools the input.

    Where ``out_channels`` exceeds ``in_channels``, nothing is added to the channels beyond.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, 3, stride, padding=PADDING[stride], groups=in_channels
        )
        self.pointwise = Pointwise(in_channels, out_channels)
        self.activation = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return self.activation(self.pointwise(self.depthwise(x)).add_(x))  # type: ignore[no-any-return]
        moved = self.pointwise(trim_same_padding(self.depthwise(x)))
        moved[:, : x.shape[1]] += F.max_pool2d(x, 2)
        return self.activation(moved)  # type: ignore[no-any-return]


def mesh_stage(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return a stage: a block that halves the resolution, then two blocks."""
    return nn.Sequential(
        MeshResidualBlock(in_channels, out_channels, stride=2),
        MeshResidualBlock(out_channels, out_channels),
        MeshResidualBlock(out_channels, out_channels),
    )


class PointHead(nn.Module):
    """Reduces to 32 channels, then one block, then one vector per output.

    ``outputs``: name → length of its vector.
    """

    def __init__(self, size: int, **outputs: int) -> None:
        super().__init__()
        self.reduce = Pointwise(128, 32)
        self.activation = nn.PReLU(32)
        self.block = MeshResidualBlock(32, 32)
        self.outputs = nn.ModuleDict(
            {name: nn.Linear(32 * size * size, width) for name, width in outputs.items()}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Map (B, 128, size, size) to name → (B, width) for each output."""
        features = self.block(self.activation(self.reduce(x))).flatten(1)
        return {name: layer(features) for name, layer in self.outputs.items()}
