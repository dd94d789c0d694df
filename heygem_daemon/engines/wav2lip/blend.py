"""Lay the generated mouth into the picture so that no box shows.

The generator redraws the whole face; only what lies inside a soft mask along the jaw, the cheeks
and the base of the nose is taken from it. Its colours are moved to those of the source around
the mask's edge, where both show the same skin.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MOUTH_REGION = (
    132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
    425, 326, 2, 97, 205,
)  # fmt: skip
"""Mesh points around what the generator may change: along the jaw from ear to ear, back over the
cheeks and below the nose."""

FEATHER = 0.03
"""Standard deviation of the mask's soft edge, as a share of the box."""
COLOUR_REACH = 0.10
"""How far colour differences at the edge are carried inwards, the same way."""
COLOUR_LIMIT = 0.15
"""A larger difference is not one of colour: hair against skin, where edges do not quite meet."""
NEXT_TO_NOTHING = 1 / 512
"""A mask below this could not move a code value by half a step: it counts as none."""


def mouth_mask(outline: Tensor, size: int) -> Tensor:
    """Float32 (1, size, size), 0-1 and 0 along the border, of a polygon in units of the box.

    ``outline``: (K, 2), x and y from 0 to 1 across the box.
    """
    centres = (torch.arange(size, device=outline.device) + 0.5) / size
    inside = _inside(outline, centres)
    soft = _blurred(inside[None], FEATHER * size)
    # Nothing on the outermost pixels, so that enlarging the mask cannot reach the border.
    edge = ((torch.minimum(centres, 1 - centres) - centres[0]) / (2 * FEATHER)).clamp(max=1)
    soft = soft * edge * edge[:, None]
    return torch.where(soft < NEXT_TO_NOTHING, 0.0, soft)


def colour_matched(drawn: Tensor, seen: Tensor, mask: Tensor) -> Tensor:
    """``drawn`` (3, s, s) with its colours moved to those of ``seen`` where ``mask`` ends.

    The difference of the two is averaged with most weight on the mask's edge, and spread smoothly:
    membrane interpolation in the spirit of P. Pérez et al., "Poisson image editing" (2003), by
    normalized convolution. Inside the mouth both may differ as they like.
    """
    weight = 4 * mask * (1 - mask)
    sigma = COLOUR_REACH * mask.shape[-1]
    difference = (seen - drawn).clamp(-COLOUR_LIMIT, COLOUR_LIMIT)
    missing = _blurred(difference * weight, sigma)
    known = _blurred(weight, sigma)
    return (drawn + missing / known.clamp(min=1e-3)).clamp(0, 1)


def resized(picture: Tensor, height: int, width: int) -> Tensor:
    """(C, h, w) at another size; made smaller without aliasing, larger with a cubic."""
    smaller = height < picture.shape[-2] or width < picture.shape[-1]
    mode = "bilinear" if smaller else "bicubic"
    scaled = F.interpolate(picture[None], (height, width), mode=mode, antialias=smaller)
    return scaled[0]


def enlarged(mask: Tensor, height: int, width: int) -> Tensor:
    """(1, s, s) → (1, height, width), never below 0 or above 1."""
    return F.interpolate(mask[None], (height, width), mode="bilinear")[0]


def _inside(outline: Tensor, centres: Tensor) -> Tensor:
    """Float32 (size, size): 1 where a pixel's centre is inside the polygon (even-odd rule)."""
    x, y = centres[None, :, None], centres[:, None, None]
    ax, ay = outline[:, 0], outline[:, 1]
    bx, by = ax.roll(-1), ay.roll(-1)
    spans = (ay > y) != (by > y)
    level = torch.where(by == ay, torch.ones_like(by), by - ay)
    crossing = ax + (y - ay) / level * (bx - ax)
    crossings = (spans & (x < crossing)).sum(-1)
    return (crossings % 2).float()


def _blurred(planes: Tensor, sigma: float) -> Tensor:
    """(C, h, w) smoothed by a Gaussian; beyond the border the edge goes on."""
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, device=planes.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(planes[:, None], (reach, reach, reach, reach), mode="replicate")
    rows = F.conv2d(padded, kernel[None, None, None])
    return F.conv2d(rows, kernel[None, None, :, None])[:, 0]
