"""The colours of a face at fixed points, sampled from the face mesh's input.

They show what landmarks do not: the mesh also places its points on a hand in front of the mouth,
and on another person's face.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.face.reading.landmarks import OVAL

Colours = NDArray[np.uint8]
"""(…, COLOUR_POINT_COUNT, 3) R, G, B of the points, 0-255."""

UPPER_FACE_POINTS = (151, 9, 168, 6, 197, 195, 5, 4, 50, 280, 101, 330, 118, 347, 36, 266, 116, 345)
"""Skin that stays visible while the mouth is covered: forehead, nose, upper cheeks."""
LIP_POINTS = (61, 291, 78, 308, 13, 14, 97, 326, 12, 38, 268, 72, 302, 15, 86, 316, 85, 315)
"""The dark corners of the mouth, the line between the lips, the nostrils, the red of both lips."""
LOWER_FACE_POINTS = (
    164, 167, 393, 165, 391, 92, 322,
    57, 287, 186, 410, 206, 426, 214, 434, 210, 430, 212, 432,
    18, 200, 199, 83, 313, 201, 421, 208, 428, 204, 424, 194, 418, 32, 262,
    135, 364, 169, 394, 140, 369,
)  # fmt: skip
"""Skin around the mouth, from below the nose to the chin and half across the cheeks."""
SURROUNDING_POINTS = (10, 109, 338, 67, 297, 152, 176, 400)
"""Points of the outline whose outward neighbourhood is sampled: hair above, neck and clothes
below."""

OUTWARD_SCALE = 1.3
"""Distance from the middle of the face at which these are sampled, relative to the outline's."""
COLOUR_POOL_PIXELS = 4
"""A colour is the mean of a square of this edge, in pixels of the mesh's 192."""

COLOUR_POINT_COUNT = (
    len(UPPER_FACE_POINTS) + len(LIP_POINTS) + len(LOWER_FACE_POINTS) + len(SURROUNDING_POINTS)
)
UPPER_PART = slice(0, len(UPPER_FACE_POINTS))
LIPS_PART = slice(len(UPPER_FACE_POINTS), len(UPPER_FACE_POINTS) + len(LIP_POINTS))
LOWER_PART = slice(
    len(UPPER_FACE_POINTS) + len(LIP_POINTS), COLOUR_POINT_COUNT - len(SURROUNDING_POINTS)
)
AROUND_PART = slice(COLOUR_POINT_COUNT - len(SURROUNDING_POINTS), COLOUR_POINT_COUNT)


def sample_colours(crops: Tensor, landmarks: Tensor) -> Colours:
    """Return the colours (B, COLOUR_POINT_COUNT, 3) of faces.

    ``crops``: float32 (B, 3, side, side), RGB 0-1; ``landmarks``: (B, 478, 3), in their pixels.
    """
    flat = landmarks[..., :2]
    middle = flat[:, list(OVAL)].mean(dim=1, keepdim=True)
    around = middle + OUTWARD_SCALE * (flat[:, list(SURROUNDING_POINTS)] - middle)
    where = torch.cat(
        [flat[:, [*UPPER_FACE_POINTS, *LIP_POINTS, *LOWER_FACE_POINTS]], around], dim=1
    )
    grid = (where * (2 / crops.shape[-1]) - 1).unsqueeze(1)
    coarse = F.avg_pool2d(crops, COLOUR_POOL_PIXELS)
    sampled = F.grid_sample(coarse, grid, padding_mode="border", align_corners=False)
    colours = (sampled[:, :, 0] * 255).round().clamp(0, 255).to(torch.uint8).mT
    return np.asarray(colours.contiguous().cpu().numpy())
