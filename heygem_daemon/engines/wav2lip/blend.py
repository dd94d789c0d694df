"""Blend the generated mouth into the picture without a visible box.

The generator redraws the whole face. Only the part inside a soft mask along the jaw, the cheeks
and the base of the nose is used. Its colours are matched to the source's around the mask's edge,
where both show the same skin. All this happens at the generator's size. Only the part inside the
mask is enlarged, luma and chroma each to its size in the picture.
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
"""Standard deviation with which colour differences at the edge spread, as a share of the box."""
COLOUR_LIMIT = 0.15
"""Largest colour difference that is corrected, of 0-1. A larger one means that the two show
different things, such as hair and skin, where edges do not quite meet."""
MIN_MASK = 1 / 512
"""Smaller mask values count as 0: they cannot change a code value by half a step."""

FEATHER_SIGMAS = 2.9
"""Standard deviations from a straight edge beyond which a Gaussian's share is below
``MIN_MASK``."""
ENLARGING_REACH = 2
"""Rows by which enlarging, of the mask (bilinear) and the picture (cubic), reaches beyond a
pixel."""


def mouth_mask(outline: Tensor, size: int) -> Tensor:
    """Return the soft mask of a polygon: float32 (1, size, size), 0-1, and 0 along the border.

    ``outline``: (K, 2), x and y from 0 to 1 across the box.
    """
    centres = (torch.arange(size, device=outline.device) + 0.5) / size
    inside = _inside(outline, centres)
    soft = _blurred(inside[None], FEATHER)
    # 0 on the outermost pixels, so that enlarging the mask cannot reach the border.
    edge = ((torch.minimum(centres, 1 - centres) - centres[0]) / (2 * FEATHER)).clamp(max=1)
    soft = soft * edge * edge[:, None]
    return torch.where(soft < MIN_MASK, 0.0, soft)


def rows_below(top: float, size: int) -> int:
    """Return how many of the lowest rows a mask needs whose outline begins at ``top`` (0-1 of
    the box), with the rows above that enlarging the picture reads."""
    first = math.floor(top * size - FEATHER_SIGMAS * FEATHER * size - 0.5) - ENLARGING_REACH
    return size - min(max(first, 0), size - 1)


def match_colours(drawn: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """Return ``drawn`` (3, s, s) with its colours moved to ``source``'s at the edge of ``mask``.

    The difference of the two is averaged with most weight on the mask's edge, and spread smoothly:
    membrane interpolation in the spirit of P. Pérez et al., "Poisson image editing" (2003), by
    normalized convolution. Differences inside the mouth do not count.
    """
    weight = 4 * mask * (1 - mask)
    difference = (source - drawn).clamp(-COLOUR_LIMIT, COLOUR_LIMIT)
    spread = _blurred(torch.cat([difference * weight, weight]), COLOUR_REACH)
    correction, total = spread[:-1], spread[-1:]
    return (drawn + correction / total.clamp(min=1e-3)).clamp(0, 1)


def blend_into(patch: Patch, drawn: Tensor, mask: Tensor) -> Patch:
    """Return ``patch`` mixed with ``drawn``, in the shares of ``mask``.

    ``drawn``: (3, s, s) code values of Y, U, V; ``mask``: (1, s, s), 0-1. Samples where the mask
    is 0 keep their values.
    """
    return Patch(
        _blend_planes(patch.luma[None], drawn[:1], mask)[0],
        _blend_planes(patch.chroma, drawn[1:], mask),
    )


def _blend_planes(planes: Tensor, drawn: Tensor, mask: Tensor) -> Tensor:
    height, width = planes.shape[-2:]
    extent = MaskExtent.of(mask[0], height, width)
    if extent is None:
        return planes
    rows, columns = extent.rows, extent.columns
    share = resize_part(mask, height, width, rows, columns, "bilinear")
    enlarged = resize_part(drawn, height, width, rows, columns)
    blended = planes.clone()
    blended[:, rows, columns] = to_code_values(
        torch.lerp(planes[:, rows, columns].float(), enlarged, share)
    )
    return blended


@dataclass(frozen=True, slots=True)
class MaskExtent:
    """The part of an enlarged picture that an enlarged mask can change."""

    rows: slice
    columns: slice

    @classmethod
    def of(cls, mask: Tensor, height: int, width: int) -> "MaskExtent | None":
        """Return the extent of a mask (s, s); None where the mask is 0 everywhere."""
        touched = mask > 0
        rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
        if not len(rows):
            return None
        size = mask.shape[0]
        return cls(_enlarged(rows, size, height), _enlarged(columns, size, width))


def _enlarged(places: Tensor, before: int, after: int) -> slice:
    """Return the part of ``after`` samples within one of the ``before`` old samples around
    ``places`` (K, 1), which are ascending indices of old samples."""
    first, last = int(places[0]), int(places[-1])
    return slice(max(0, (first - 1) * after // before), -(-(last + 2) * after // before))


def _inside(outline: Tensor, centres: Tensor) -> Tensor:
    """Return float32 (size, size): 1 where a pixel's centre is inside the polygon (even-odd
    rule)."""
    ax, ay = outline[:, 0], outline[:, 1]
    bx, by = ax.roll(-1), ay.roll(-1)
    y = centres[:, None]
    spans = (ay > y) != (by > y)
    level = torch.where(by == ay, torch.ones_like(by), by - ay)
    crossing = ax + (y - ay) / level * (bx - ax)
    # Counts per row the edges that cross to the right of each pixel's centre.
    before = torch.searchsorted(centres, crossing.contiguous())
    crossed = torch.zeros(len(centres), len(centres) + 1, device=outline.device)
    crossed.scatter_add_(1, before, spans.float())
    return crossed.flip(1).cumsum(1).flip(1)[:, 1:] % 2


def _blurred(planes: Tensor, reach: float) -> Tensor:
    """Smooth (C, s, s) by a Gaussian with a standard deviation of ``reach`` times the side; the
    outermost samples are repeated beyond the edge."""
    smoothing = _smoothing(planes.shape[-1], reach, planes.device)
    return smoothing @ planes @ smoothing.T


@lru_cache(maxsize=16)
def _smoothing(size: int, reach: float, device: torch.device) -> Tensor:
    """Return (size, size): the matrix that smooths a line of ``size`` samples."""
    sigma = reach * size
    radius = _radius(sigma)
    steps = torch.arange(-radius, radius + 1, device=device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    lines = torch.eye(size, device=device)[:, None]
    padded = F.pad(lines, (radius, radius), mode="replicate")
    return F.conv1d(padded, kernel[None, None])[:, 0].T.contiguous()


def _radius(sigma: float) -> int:
    """Return how many samples to either side a Gaussian covers."""
    return max(1, round(3 * sigma))
