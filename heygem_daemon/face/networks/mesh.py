"""MediaPipe's face mesh with attention, as torch modules.

A backbone of depthwise-separable residual blocks turns a 192x192 crop of a face into a coarse
mesh of 468 points. Around the lips and each eye of that mesh a small feature map is cut out
(the 'attention'), from which a separate head predicts the points there more finely, and the
irises. Architecture and weights: MediaPipe, Apache-2.0 (``training/convert/mediapipe_face.py``).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_SIDE = 192
"""Width and height of the mesh's input in pixels."""
LANDMARK_COUNT = 478
"""468 points of the mesh and 5 of each of the two irises."""

_GRID = 16
"""Width and height of a region's feature map."""
_REGION_SCALE = 1.5
"""A region is the bounding box of its coarse points, enlarged by this factor."""
_FEATURE_STRIDE = 4
"""Input pixels per cell of the feature map that regions are cut from."""
_REGION_STRIDE = 4
"""A region's head returns points in units of a quarter of a cell of its own map."""
_EYELID = 16
"""The first points of an eye are its lids; an iris lies at their mean depth."""
_PADDING = {1: 1, 2: 2}
"""Stride → padding of a 3x3 convolution, see ``_trim_same_padding``."""


class Pointwise(nn.Linear):
    """A 1x1 convolution, computed as a product with the matrix of channels.

    On channels-last tensors no memory moves. PyTorch's own convolution falls back here (batches
    under 16 on a single thread) to one that copies its input, at several times the cost.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W), both channels-last."""
        return F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def _trim_same_padding(features: Tensor) -> Tensor:
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
            in_channels, in_channels, 3, stride, padding=_PADDING[stride], groups=in_channels
        )
        self.pointwise = Pointwise(in_channels, out_channels)
        self.activation = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            return self.activation(self.pointwise(self.depthwise(x)).add_(x))  # type: ignore[no-any-return]
        moved = self.pointwise(_trim_same_padding(self.depthwise(x)))
        moved[:, : x.shape[1]] += F.max_pool2d(x, 2)
        return self.activation(moved)  # type: ignore[no-any-return]


def _stage(in_channels: int, out_channels: int) -> nn.Sequential:
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


class RegionBranch(nn.Module):
    """Maps (B, 128, 4, 4) to positions (B, points, 2) in units of the region's map."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            MeshResidualBlock(128, 128), MeshResidualBlock(128, 128), *_stage(128, 128)
        )
        self.head = PointHead(2, points=2 * points)

    def forward(self, x: Tensor) -> Tensor:
        flat: Tensor = self.head(self.blocks(x))["points"]
        return flat.reshape(flat.shape[0], -1, 2)


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
            *_stage(32, 64),
            MeshResidualBlock(64, 128, stride=2),
        )
        self.contour = RegionBranch(points)
        self.iris = RegionBranch(extra_points) if extra_points else None

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
        linear = turn * ((high - low) * (_REGION_SCALE / _GRID)).unsqueeze(1)
        return torch.cat([linear, centre - linear.sum(dim=2, keepdim=True) * (_GRID / 2)], dim=2)

    def forward(self, features: Tensor, frame: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return contour points (B, n, 2) and iris points (B, 5, 2), or None without an iris, in
        pixels of the mesh's input.

        ``features``: the region's feature map (B, 32, 16, 16); ``frame``: its affine map.
        """
        shared = self.trunk(features)
        contour = _to_input(self.contour(shared), frame)
        return contour, None if self.iris is None else _to_input(self.iris(shared), frame)


def _to_input(points: Tensor, frame: Tensor) -> Tensor:
    cells = points / _REGION_STRIDE
    return (cells @ frame[:, :, :2].mT + frame[:, None, :, 2]) * _FEATURE_STRIDE


class FaceMesh(nn.Module):
    """From a crop of a face to 478 points and a presence logit."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=_PADDING[2])
        self.stem_activation = nn.PReLU(16)
        self.fine = nn.Sequential(
            MeshResidualBlock(16, 16),
            MeshResidualBlock(16, 16),
            MeshResidualBlock(16, 32, stride=2),
        )
        self.coarse = nn.Sequential(
            MeshResidualBlock(32, 32),
            MeshResidualBlock(32, 32),
            *_stage(32, 64),
            *_stage(64, 128),
            *_stage(128, 128),
            *_stage(128, 128),
        )
        self.head = PointHead(3, mesh=468 * 3, present=1)
        self.lips = Region((61, 291), 80)
        self.left_eye = Region((33, 133), 71, 5)
        self.right_eye = Region((362, 263), 71, 5)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return landmarks and presence logits for RGB crops, float32 (B, 3, 192, 192), 0-1.

        Landmarks (B, 478, 3) in pixels of the crop, z on the same scale; logits (B,).
        """
        features = self.fine(self.stem_activation(_trim_same_padding(self.stem(crops))))
        coarse = self.head(self.coarse(features))
        mesh = coarse["mesh"].reshape(-1, 468, 3)
        return self._refine(mesh, features), coarse["present"][:, 0]

    def _refine(self, mesh: Tensor, features: Tensor) -> Tensor:
        regions = (self.lips, self.left_eye, self.right_eye)
        frames = [region.affine_map(mesh) for region in regions]
        maps = cut_regions(features, frames)
        refined, irises = mesh.clone(), []
        for region, frame, cut in zip(regions, frames, maps, strict=True):
            contour, iris = region(cut, frame)
            refined[:, region.points, :2] = contour
            if iris is not None:
                depth = mesh[:, region.points[:_EYELID], 2].mean(dim=1)
                irises.append(torch.cat([iris, depth[:, None, None].expand(-1, 5, 1)], dim=2))
        return torch.cat([refined, *irises], dim=1)


def cut_regions(features: Tensor, frames: list[Tensor]) -> list[Tensor]:
    """Sample a feature map (B, C, H, W) bilinearly in each affine frame (B, 2, 3).

    Returns (B, C, 16, 16) per frame. Samples beyond the centres of the outermost cells are zero,
    as in MediaPipe.
    """
    height, width = features.shape[2:]
    steps = torch.arange(_GRID, dtype=features.dtype, device=features.device) + 0.5
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    cells = torch.stack([x, y, torch.ones_like(x)], dim=2)
    affine = torch.cat([frame.unsqueeze(1) for frame in frames], dim=1)
    where = torch.einsum("hwk,brjk->brhwj", cells, affine) - 0.5
    limit = torch.tensor([width - 1, height - 1], dtype=features.dtype, device=features.device)
    inside = ((where >= 0) & (where <= limit)).all(dim=4).flatten(1, 2).unsqueeze(1)
    grid = (2 * where / limit - 1).flatten(1, 2)
    cut = F.grid_sample(features, grid, padding_mode="border", align_corners=True) * inside
    return [
        part.contiguous(memory_format=torch.channels_last) for part in cut.chunk(len(frames), dim=2)
    ]
