"""The regions of the face mesh that are refined: their layers, and how all are computed together.

A region's maps are so small that calling a layer costs more than its arithmetic. All regions have
the same layers, so each is called once for all of them.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heygem_daemon.face.networks.mesh_layers import (
    PADDING,
    MeshResidualBlock,
    PointHead,
    mesh_stage,
)

REGION_GRID = 16
"""Width and height of a region's feature map."""
_REGION_SCALE = 1.5
"""A region is the bounding box of its coarse points, enlarged by this factor."""
_FEATURE_STRIDE = 4
"""Input pixels per cell of the feature map that regions are cut from."""
_REGION_STRIDE = 4
"""A region's head returns points in units of a quarter of a cell of its own map."""


class RegionBranch(nn.Module):
    """The layers from (B, 128, 4, 4) to a set of points."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            MeshResidualBlock(128, 128), MeshResidualBlock(128, 128), *mesh_stage(128, 128)
        )
        self.head = PointHead(2, points=2 * points)


class Region(nn.Module):
    """A refined region: a trunk, and a branch for each set of points in it."""

    points: Tensor
    """int64 (points,): the mesh points that the region refines, from the weights."""

    def __init__(self, corners: tuple[int, int], points: int, extra_points: int = 0) -> None:
        """``corners``: the two mesh points whose line is horizontal in the region."""
        super().__init__()
        self.corners = corners
        self.register_buffer("points", torch.zeros(points, dtype=torch.int64))
        self.trunk = nn.Sequential(
            MeshResidualBlock(32, 32),
            MeshResidualBlock(32, 32),
            *mesh_stage(32, 64),
            MeshResidualBlock(64, 128, stride=2),
        )
        self.contour = RegionBranch(points)
        self.iris = RegionBranch(extra_points) if extra_points else None

    @property
    def branches(self) -> list[RegionBranch]:
        """The contour, and the iris if there is one."""
        return [self.contour] if self.iris is None else [self.contour, self.iris]

    def affine_map(self, mesh: Tensor) -> Tensor:
        """Return the (B, 2, 3) affine map from this region's grid to the feature map, both in cells
        from the outer edge. ``mesh``: the coarse mesh (B, 468, 3) in input pixels."""
        flat = mesh[..., :2] / _FEATURE_STRIDE
        left, right = (flat[:, corner] for corner in self.corners)
        along = right - left
        angle = torch.atan2(along[:, 1], along[:, 0])
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack([cos, -sin, sin, cos], dim=1).reshape(-1, 2, 2)
        level = flat[:, self.points] @ turn
        low, high = level.amin(dim=1), level.amax(dim=1)
        centre = turn @ ((low + high) / 2).unsqueeze(2)
        linear = turn * ((high - low) * (_REGION_SCALE / REGION_GRID)).unsqueeze(1)
        shift = centre - linear.sum(dim=2, keepdim=True) * (REGION_GRID / 2)
        return torch.cat([linear, shift], dim=2)


class JointBlock(nn.Module):
    """Residual blocks of one shape, each on its own part of the channels, in the same order.

    The results are, bit for bit, those of the blocks alone.
    """

    depthwise: Tensor
    depthwise_bias: Tensor
    pointwise: Tensor
    """(G, C', C) for G blocks."""
    pointwise_bias: Tensor
    """(G, 1, C')."""
    slope: Tensor

    def __init__(self, blocks: Sequence[MeshResidualBlock]) -> None:
        super().__init__()
        self.stride = blocks[0].stride
        joined = {
            "depthwise": torch.cat([block.depthwise.weight for block in blocks]),
            "depthwise_bias": torch.cat([_bias(block.depthwise) for block in blocks]),
            "pointwise": torch.stack([block.pointwise.weight for block in blocks]),
            "pointwise_bias": torch.stack([_bias(block.pointwise)[None] for block in blocks]),
            "slope": torch.cat([block.activation.weight for block in blocks]),
        }
        for name, weight in joined.items():
            self.register_buffer(name, weight.detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, G·C, H, W) to (B, G·C', H', W'), both channels-last."""
        stride, channels = self.stride, x.shape[1]
        moved = F.conv2d(
            x, self.depthwise, self.depthwise_bias, stride, PADDING[stride], groups=channels
        )
        if stride == 1:
            moved = joint_pointwise(moved, self.pointwise, self.pointwise_bias).add_(x)
        else:
            moved = self._pointwise_apart(moved)
            groups = len(self.pointwise)
            kept = _by_block(moved, groups)[:, :, : channels // groups]
            kept += _by_block(F.max_pool2d(x, 2), groups)
        return F.prelu(moved, self.slope)

    def _pointwise_apart(self, moved: Tensor) -> Tensor:
        """Return the products of all blocks. They are computed one by one: torch adds up in another
        order where a map lacks its first row and column (see ``trim_same_padding``)."""
        parts = moved.permute(0, 2, 3, 1)[:, 1:, 1:].chunk(len(self.pointwise), dim=3)
        products = [
            F.linear(part, weight, bias[0])
            for part, weight, bias in zip(parts, self.pointwise, self.pointwise_bias, strict=True)
        ]
        return torch.cat(products, dim=3).permute(0, 3, 1, 2)


class JointRegions(nn.Module):
    """All regions of a mesh, computed together. Its weights are a copy of theirs."""

    reduce: Tensor
    reduce_bias: Tensor
    reduce_slope: Tensor
    region_of_branch: Tensor

    def __init__(self, regions: Sequence[Region]) -> None:
        super().__init__()
        branches = [branch for region in regions for branch in region.branches]
        heads = [branch.head for branch in branches]
        self.trunk = _join([region.trunk for region in regions])
        self.blocks = _join([branch.blocks for branch in branches])
        self.head_block = JointBlock([head.block for head in heads])
        self._heads = tuple(heads)
        """In a tuple, which does not make them submodules: their regions have them."""
        joined = {
            "reduce": torch.stack([head.reduce.weight for head in heads]),
            "reduce_bias": torch.stack([_bias(head.reduce)[None] for head in heads]),
            "reduce_slope": torch.cat([head.activation.weight for head in heads]),
            "region_of_branch": torch.tensor(
                [number for number, region in enumerate(regions) for _ in region.branches]
            ),
        }
        for name, weight in joined.items():
            self.register_buffer(name, weight.detach(), persistent=False)
        self._count = len(regions)

    def forward(self, features: Tensor) -> list[Tensor]:
        """Return the points (B, n, 2) of each branch of each region, in units of its region's map.

        ``features``: (B, G·32, 16, 16), channels-last, for G regions.
        """
        shared = self.trunk(features).permute(0, 2, 3, 1).unflatten(3, (self._count, -1))
        branches = shared.index_select(3, self.region_of_branch).flatten(3).permute(0, 3, 1, 2)
        reduced = joint_pointwise(self.blocks(branches), self.reduce, self.reduce_bias)
        points = self.head_block(F.prelu(reduced, self.reduce_slope))
        return [
            head.outputs["points"](part.flatten(1)).unflatten(1, (-1, 2))
            for head, part in zip(self._heads, points.chunk(len(self._heads), dim=1), strict=True)
        ]


def joint_pointwise(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """Map each of G parts of the channels of ``x`` (B, G·C, H, W), channels-last, by its own
    matrix: (B, G·C', H, W), channels-last.

    ``weights``: (G, C', C); ``biases``: (G, 1, C').
    """
    batch, _, height, width = x.shape
    groups, wide, _ = weights.shape
    rows = x.permute(0, 2, 3, 1).reshape(batch * height * width, groups, -1)
    products = rows.new_empty(len(rows), groups, wide)
    torch.baddbmm(biases, rows.transpose(0, 1), weights.mT, out=products.transpose(0, 1))
    return products.view(batch, height, width, -1).permute(0, 3, 1, 2)


def to_input(points: Tensor, frame: Tensor) -> Tensor:
    """Return points (B, n, 2), in units of a region's map, in pixels of the mesh's input.

    ``frame``: the region's affine map.
    """
    cells = points / _REGION_STRIDE
    return (cells @ frame[:, :, :2].mT + frame[:, None, :, 2]) * _FEATURE_STRIDE


def _by_block(x: Tensor, groups: int) -> Tensor:
    """Return a view (B, G, C, H, W) of (B, G·C, H, W)."""
    return x.view(len(x), groups, -1, *x.shape[2:])


def _join(sequences: Sequence[nn.Sequential]) -> nn.Sequential:
    """Return the joint blocks of sequences of the same blocks."""
    return nn.Sequential(
        *(JointBlock(blocks) for blocks in zip(*map(_blocks, sequences), strict=True))
    )


def _blocks(sequence: nn.Sequential) -> Iterator[MeshResidualBlock]:
    for module in sequence:
        assert isinstance(module, MeshResidualBlock)
        yield module


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias
