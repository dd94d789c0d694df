"""Lay the generated mouth into the picture so that no box shows.

The generator redraws the whole face; only what lies inside a soft mask along the jaw, the cheeks
and the base of the nose is taken from it. Its colours are moved to those of the source around
the mask's edge, where both show the same skin. All this is done at the generator's size; only what
the mask lets through is enlarged, luma and chroma each to the size that the picture has it in.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from heygem_daemon.engines.patch import Patch, to_code_values
from heygem_daemon.engines.wav2lip.resize import resize_part

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
MIN_MASK = 1 / 512
"""A mask below this could not move a code value by half a step: it counts as none."""

FEATHER_SIGMAS = 2.9
"""Deviations from a straight edge at which a Gaussian's share is below ``NEXT_TO_NOTHING``."""
ENLARGING_REACH = 2
"""Rows by which an enlarged mask, and the cubic below it, may reach beyond a pixel."""


def mouth_mask(outline: Tensor, size: int) -> Tensor:
    """Float32 (1, size, size), 0-1 and 0 along the border, of a polygon in units of the box.

    ``outline``: (K, 2), x and y from 0 to 1 across the box.
    """
    centres = (torch.arange(size, device=outline.device) + 0.5) / size
    inside = _inside(outline, centres)
    soft = _blurred(inside[None], FEATHER)
    # Nothing on the outermost pixels, so that enlarging the mask cannot reach the border.
    edge = ((torch.minimum(centres, 1 - centres) - centres[0]) / (2 * FEATHER)).clamp(max=1)
    soft = soft * edge * edge[:, None]
    return torch.where(soft < MIN_MASK, 0.0, soft)


def rows_below(top: float, size: int) -> int:
    """How many of the lowest rows of a picture a mask lets through whose outline begins at ``top``
    (0-1 of the box), with those that enlarging the picture reaches up to."""
    first = math.floor(top * size - FEATHER_SIGMAS * FEATHER * size - 0.5) - ENLARGING_REACH
    return size - min(max(first, 0), size - 1)


def match_colours(drawn: Tensor, seen: Tensor, mask: Tensor) -> Tensor:
    """``drawn`` (3, s, s) with its colours moved to those of ``seen`` where ``mask`` ends.

    The difference of the two is averaged with most weight on the mask's edge, and spread smoothly:
    membrane interpolation in the spirit of P. Pérez et al., "Poisson image editing" (2003), by
    normalized convolution. Inside the mouth both may differ as they like.
    """
    weight = 4 * mask * (1 - mask)
    difference = (seen - drawn).clamp(-COLOUR_LIMIT, COLOUR_LIMIT)
    spread = _blurred(torch.cat([difference * weight, weight]), COLOUR_REACH)
    missing, known = spread[:-1], spread[-1:]
    return (drawn + missing / known.clamp(min=1e-3)).clamp(0, 1)


def blend_into(patch: Patch, drawn: Tensor, mask: Tensor) -> Patch:
    """``patch`` with ``drawn`` in the place that ``mask`` lets it have.

    ``drawn``: (3, s, s) code values of Y, U, V; ``mask``: (1, s, s), 0-1. A sample that the mask
    leaves alone stays as it was.
    """
    return Patch(_laid(patch.luma[None], drawn[:1], mask)[0], _laid(patch.chroma, drawn[1:], mask))


def _laid(planes: Tensor, drawn: Tensor, mask: Tensor) -> Tensor:
    height, width = planes.shape[-2:]
    reach = MaskExtent.of(mask[0], height, width)
    if reach is None:
        return planes
    rows, columns = reach.rows, reach.columns
    share = resize_part(mask, height, width, rows, columns, "bilinear")
    wanted = resize_part(drawn, height, width, rows, columns)
    laid = planes.clone()
    laid[:, rows, columns] = to_code_values(
        torch.lerp(planes[:, rows, columns].float(), wanted, share)
    )
    return laid


@dataclass(frozen=True, slots=True)
class MaskExtent:
    """The part of an enlarged picture that an enlarged mask can touch."""

    rows: slice
    columns: slice

    @classmethod
    def of(cls, mask: Tensor, height: int, width: int) -> "MaskExtent | None":
        """For a mask (s, s); None where it lets nothing through."""
        touched = mask > 0
        rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
        if not len(rows):
            return None
        size = mask.shape[0]
        return cls(_enlarged(rows, size, height), _enlarged(columns, size, width))


def _enlarged(places: Tensor, before: int, after: int) -> slice:
    """What lies within one old step of ``places`` (K, 1), ascending, among the ``after`` new."""
    first, last = int(places[0]), int(places[-1])
    return slice(max(0, (first - 1) * after // before), -(-(last + 2) * after // before))


def _inside(outline: Tensor, centres: Tensor) -> Tensor:
    """Float32 (size, size): 1 where a pixel's centre is inside the polygon (even-odd rule)."""
    ax, ay = outline[:, 0], outline[:, 1]
    bx, by = ax.roll(-1), ay.roll(-1)
    y = centres[:, None]
    spans = (ay > y) != (by > y)
    level = torch.where(by == ay, torch.ones_like(by), by - ay)
    crossing = ax + (y - ay) / level * (bx - ax)
    # In each row: how many edges cross to the right of so many centres.
    before = torch.searchsorted(centres, crossing.contiguous())
    crossed = torch.zeros(len(centres), len(centres) + 1, device=outline.device)
    crossed.scatter_add_(1, before, spans.float())
    return crossed.flip(1).cumsum(1).flip(1)[:, 1:] % 2


def _blurred(planes: Tensor, reach: float) -> Tensor:
    """(C, s, s) smoothed by a Gaussian of ``reach`` times the side; the edge goes on beyond."""
    smoothing = _smoothing(planes.shape[-1], reach, planes.device)
    return smoothing @ planes @ smoothing.T


@lru_cache(maxsize=16)
def _smoothing(size: int, reach: float, device: torch.device) -> Tensor:
    """(size, size): the matrix that smooths a line of so many samples."""
    sigma = reach * size
    radius = _radius(sigma)
    steps = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    lines = torch.eye(size, device=device)[:, None]
    padded = F.pad(lines, (radius, radius), mode="replicate")
    return F.conv1d(padded, kernel[None, None])[:, 0].T.contiguous()


def _radius(sigma: float) -> int:
    """Samples to either side that a Gaussian is made of."""
    return max(1, round(3 * sigma))
