"""MediaPipe's face mesh with attention, as torch modules.

A backbone of depthwise-separable residual blocks turns a 192x192 crop of a face into a coarse
mesh of 468 points. Around the lips and each eye of that mesh a small feature map is cut out
(the 'attention'), from which a separate head predicts the points there more finely, and the
irises. Architecture and weights: MediaPipe, Apache-2.0 (``training/convert/mediapipe_face.py``).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from heygem_daemon.face.networks.mesh_layers import (
    PADDING,
    MeshResidualBlock,
    PointHead,
    mesh_stage,
    trim_same_padding,
)
from heygem_daemon.face.networks.mesh_regions import REGION_GRID, JointRegions, Region, to_input

INPUT_SIDE = 192
"""Width and height of the mesh's input in pixels."""
LANDMARK_COUNT = 478
"""468 points of the mesh and 5 of each of the two irises."""

_EYELID = 16
"""The first points of an eye are its lids; an iris lies at their mean depth."""
_FINE_PICTURES = 2
"""Pictures whose finest maps are computed at once on a CPU. They take 1.2 MB a picture and layer:
those of eight leave the processor's cache after each layer, which takes 20 % longer."""


class FaceMesh(nn.Module):
    """From a crop of a face to 478 points and a presence logit."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=PADDING[2])
        self.stem_activation = nn.PReLU(16)
        self.fine = nn.Sequential(
            MeshResidualBlock(16, 16),
            MeshResidualBlock(16, 16),
            MeshResidualBlock(16, 32, stride=2),
        )
        self.coarse = nn.Sequential(
            MeshResidualBlock(32, 32),
            MeshResidualBlock(32, 32),
            *mesh_stage(32, 64),
            *mesh_stage(64, 128),
            *mesh_stage(128, 128),
            *mesh_stage(128, 128),
        )
        self.head = PointHead(3, mesh=468 * 3, present=1)
        self.lips = Region((61, 291), 80)
        self.left_eye = Region((33, 133), 71, 5)
        self.right_eye = Region((362, 263), 71, 5)
        self._join_regions()
        self.register_load_state_dict_post_hook(FaceMesh._join_regions)  # type: ignore[no-untyped-call]

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Return landmarks and presence logits for RGB crops, float32 (B, 3, 192, 192), 0-1.

        Landmarks (B, 478, 3) in pixels of the crop, z on the same scale; logits (B,). Only without
        gradients.
        """
        at_once = _FINE_PICTURES if crops.device.type == "cpu" else len(crops)
        features = torch.cat([self._fine_map(part) for part in torch.split(crops, at_once)])
        coarse = self.head(self.coarse(features))
        mesh = coarse["mesh"].reshape(-1, 468, 3)
        return self._refine(mesh, features), coarse["present"][:, 0]

    def _fine_map(self, crops: Tensor) -> Tensor:
        features: Tensor = self.fine(self.stem_activation(trim_same_padding(self.stem(crops))))
        return features

    def _join_regions(self, _keys: Any = None) -> None:
        self._joint = JointRegions(self._regions)

    @property
    def _regions(self) -> tuple[Region, ...]:
        return self.lips, self.left_eye, self.right_eye

    def _refine(self, mesh: Tensor, features: Tensor) -> Tensor:
        frames = [region.affine_map(mesh) for region in self._regions]
        branches = iter(self._joint(cut_regions(features, frames)))
        refined, irises = mesh.clone(), []
        for region, frame in zip(self._regions, frames, strict=True):
            refined[:, region.points, :2] = to_input(next(branches), frame)
            if region.iris is not None:
                iris = to_input(next(branches), frame)
                depth = mesh[:, region.points[:_EYELID], 2].mean(dim=1)
                irises.append(torch.cat([iris, depth[:, None, None].expand(-1, 5, 1)], dim=2))
        return torch.cat([refined, *irises], dim=1)


def cut_regions(features: Tensor, frames: list[Tensor]) -> Tensor:
    """Sample a feature map (B, C, H, W) bilinearly in each of G affine frames (B, 2, 3).

    Returns (B, G·C, 16, 16), channels-last. Samples beyond the centres of the outermost cells are
    zero, as in MediaPipe.
    """
    height, width = features.shape[2:]
    steps = torch.arange(REGION_GRID, dtype=features.dtype, device=features.device) + 0.5
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    cells = torch.stack([x, y, torch.ones_like(x)], dim=2)
    affine = torch.cat([frame.unsqueeze(1) for frame in frames], dim=1)
    where = torch.einsum("hwk,brjk->brhwj", cells, affine) - 0.5
    limit = torch.tensor([width - 1, height - 1], dtype=features.dtype, device=features.device)
    inside = ((where >= 0) & (where <= limit)).all(dim=4).flatten(1, 2).unsqueeze(1)
    grid = (2 * where / limit - 1).flatten(1, 2)
    cut = F.grid_sample(features, grid, padding_mode="border", align_corners=True) * inside
    # The regions lie one below the other: (B, C, G·16, 16).
    apart = cut.view(*cut.shape[:2], len(frames), REGION_GRID, REGION_GRID)
    return apart.permute(0, 3, 4, 2, 1).flatten(3).permute(0, 3, 1, 2)
