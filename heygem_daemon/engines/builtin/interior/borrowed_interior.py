"""Draws the inside of a mouth that is never seen open, from the shipped inside of real mouths.

The upper teeth are fixed to the skull: they keep their place and size whatever the lips do. The
floor of the mouth moves with the lower lip. Both are lit and coloured like the skin of the face
that borrows them, and as soft as its lips.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.engines.builtin.interior.mouth_interior import MouthOpening, smoothstep
from heygem_daemon.engines.builtin.interior.shipped_interior import (
    EDGE_REACH,
    FLOOR_HEIGHT,
    TEETH_BOTTOM,
    TEETH_DENSITY,
    TEETH_LEFT,
    TEETH_TOP,
    ShippedInterior,
)
from heygem_daemon.engines.builtin.interior.teeth_placement import TeethPlace
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, is_empty

TEETH_BLUR = 0.008
"""How soft the shipped teeth are: the standard deviation of the blur in them, IOD."""
TEETH_LIGHT, FLOOR_LIGHT = 0.86, 0.95
"""Brightness of teeth and floor, over that in the pictures they come from: speaking lips let in
less light than a smile."""
LIP_SHADE, LIP_SHADE_DEPTH = 0.4, 0.04
"""How much darker teeth are directly below the upper lip, and how far its shadow reaches, IOD."""
CAST_SHADE, CAST_DEPTH = 0.65, 0.055
"""The same for the floor behind the teeth's edges."""
NARROW_LIGHT, FULL_LIGHT_GAP = 0.7, 0.14
"""Light on the floor between lips that touch, and the gap from which it falls in freely, IOD."""
CORNER_SHADE, CORNER_WIDTH = 0.6, 0.3
"""How much darker teeth are at the corners, and how far that reaches, as a share of the width."""
FLOOR_CHROMA = (0.5, 0.75)
"""Share of the difference in skin colour, Cb and Cr, that the floor follows: the rest is the skin's
own."""
TEETH_CHROMA = 0.8
TEETH_WARMER, TEETH_COLDER = 12.0, 6.0
"""The same for teeth, and its bounds, code values: pale skin does not make teeth blue."""
LEAST_SKIN, MOST_LIGHT = 24.0, 2.0
"""Bounds of the skin's luma above black, and of the factor that adapts brightness to it: teeth
beside dark skin are as bright as others."""
SHIPPED_BLACK = 16.0
"""Code value of black in the shipped pictures."""
AROUND = np.array([[x, y] for x in (-0.45, 0.45) for y in (-0.25, 0.3)], np.float32)
"""Corners of the part of the plane from which the softness of a face is measured, IOD."""
INSIDE_SOFTNESS = 0.7
"""Width of the edges in a mouth over that of the edges of the lips and the skin around it: the
median of twelve people."""
SOFTEST = 0.04
"""Bound of the softness, IOD."""
LEAST_SOFT_PIXELS = 0.6
"""Sharpest edge of a picture: the standard deviation of its blur, pixels."""
_WITHOUT_BLUR, _BLUR_REACH = 0.3, 2.5
"""Blur below the first, pixels, changes nothing; its kernel reaches as many deviations."""
_EDGE_WIDTH = 2.5
"""Width of the transition that looks like an edge blurred by a deviation of 1."""


@dataclass(frozen=True, slots=True)
class BorrowedInterior:
    """The shipped inside on the drawing device."""

    teeth: torch.Tensor
    """(4, h, w), Y, U, V and the distance inside the outline, IOD."""
    teeth_skin: torch.Tensor
    """(3,), mean Y, U, V of the skin around the mouth they come from."""
    floor: torch.Tensor
    """(3, h, w), Y, U, V."""
    floor_skin: torch.Tensor
    """(3,), as ``teeth_skin``."""


def borrow_interior(shipped: ShippedInterior, device: torch.device) -> BorrowedInterior:
    """Return the shipped inside on ``device``."""
    teeth = torch.from_numpy(shipped.teeth).to(device).float()
    teeth[3] = (teeth[3] - 128) * (EDGE_REACH / 127)
    return BorrowedInterior(
        teeth,
        torch.from_numpy(shipped.teeth_skin).to(device),
        torch.from_numpy(shipped.floor).to(device).float(),
        torch.from_numpy(shipped.floor_skin).to(device),
    )


def measure_softness(crop: torch.Tensor, view: PlaneView) -> float:
    """Return how soft the inside of a mouth must be beside the lips in ``crop`` (3, h, w).

    The result is the standard deviation of the blur, IOD. For an edge that is blurred by a
    Gaussian, the sum of its squared slopes is 2 sigma² times that of its squared bends.
    """
    least = LEAST_SOFT_PIXELS / view.scale
    window = view.window(AROUND, 0, (crop.shape[1], crop.shape[2]))
    luma = crop[0][window]
    if is_empty(window) or min(luma.shape) < 3:
        return least
    middle = luma[1:-1, 1:-1]
    across, down = luma[1:-1, 2:] - luma[1:-1, :-2], luma[2:, 1:-1] - luma[:-2, 1:-1]
    beside = luma[1:-1, 2:] + luma[1:-1, :-2] + luma[2:, 1:-1] + luma[:-2, 1:-1]
    slopes = float((across.square() + down.square()).sum()) / 4
    bends = float((beside - 4 * middle).square().sum())
    sigma = math.sqrt(slopes / (2 * bends)) if bends > 0 else 0.0
    return min(max(INSIDE_SOFTNESS * sigma / view.scale, least), max(SOFTEST, least))


def paint_interior(
    borrowed: BorrowedInterior, opening: MouthOpening, place: TeethPlace, softness: float
) -> torch.Tensor:
    """Return Y, U, V (3, h, w) of the inside of an open mouth.

    ``softness``: as from ``measure_softness``.
    """
    teeth = _sample_teeth(borrowed.teeth, opening, place, softness)
    outline = teeth[3]
    beside = torch.minimum(opening.along, 1 - opening.along) / CORNER_WIDTH
    shade = (1 - LIP_SHADE * (1 - smoothstep(opening.depth / LIP_SHADE_DEPTH))) * (
        1 - CORNER_SHADE * (1 - smoothstep(beside))
    )
    shift = (TEETH_CHROMA * (opening.skin[1:] - borrowed.teeth_skin[1:])).clamp(
        -TEETH_WARMER, TEETH_WARMER
    )
    shift[0] = shift[0].clamp_max(TEETH_COLDER)
    lit = _lit(teeth[:3], borrowed.teeth_skin, TEETH_LIGHT * shade, shift, opening)
    cast = cast_shade(outline)
    cover = smoothstep(0.5 + outline / (_EDGE_WIDTH * softness)) * smoothstep(2 * beside)
    return torch.lerp(paint_floor(borrowed, opening, cast), lit, cover)


def cast_shade(inside: torch.Tensor) -> torch.Tensor:
    """Return the brightness of the floor in the shadow of teeth, 0-1.

    ``inside``: (h, w), distance inside the outline of the teeth, IOD; negative beside them.
    """
    return 1 - CAST_SHADE * smoothstep(1 + inside / CAST_DEPTH)


def paint_floor(
    borrowed: BorrowedInterior, opening: MouthOpening, shade: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return Y, U, V (3, h, w) of the floor of an open mouth, without teeth.

    ``shade``: a further factor of brightness, 0-1, (h, w).
    """
    height = (opening.gap - opening.depth) * (2 / FLOOR_HEIGHT) - 1
    floor = _sample(borrowed.floor, 2 * opening.along - 1, height)
    light = NARROW_LIGHT + (1 - NARROW_LIGHT) * smoothstep(opening.gap / FULL_LIGHT_GAP)
    shift = opening.skin.new_tensor(FLOOR_CHROMA) * (opening.skin[1:] - borrowed.floor_skin[1:])
    return _lit(floor, borrowed.floor_skin, FLOOR_LIGHT * light * shade, shift, opening)


def _sample_teeth(
    teeth: torch.Tensor, opening: MouthOpening, place: TeethPlace, softness: float
) -> torch.Tensor:
    """Return Y, U, V and the distance inside the outline (4, h, w) of the teeth in the opening."""
    missing = math.sqrt(max(0.0, softness**2 - TEETH_BLUR**2)) / place.scale
    x = (opening.x - place.middle) / place.scale
    y = (opening.y - place.edge) / place.scale
    down = (y - TEETH_TOP) * (2 / (TEETH_BOTTOM - TEETH_TOP)) - 1
    return _sample(_blurred(teeth, missing * TEETH_DENSITY), x / -TEETH_LEFT, down)


def _lit(
    colours: torch.Tensor,
    skin: torch.Tensor,
    light: torch.Tensor,
    shift: torch.Tensor,
    opening: MouthOpening,
) -> torch.Tensor:
    """Return colours (3, h, w), which were seen beside ``skin`` (3,), beside this face's skin.

    ``light``: (h, w), a further factor of brightness; ``shift``: (2,), change of chroma.
    """
    own = (opening.skin[0] - opening.black).clamp_min(LEAST_SKIN)
    gain = (own / (skin[0] - SHIPPED_BLACK)).clamp(1 / MOST_LIGHT, MOST_LIGHT)
    luma = opening.black + (colours[:1] - SHIPPED_BLACK) * (gain * light)
    return torch.cat([luma, colours[1:] + shift[:, None, None]])


def _blurred(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """Return a picture (C, h, w), smoothed by a Gaussian of ``sigma`` pixels."""
    if sigma < _WITHOUT_BLUR:
        return picture
    reach = math.ceil(_BLUR_REACH * sigma)
    places = torch.arange(-reach, reach + 1, device=picture.device, dtype=torch.float32)
    kernel = torch.exp(-(places**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum())[None, None]
    padded = F.pad(picture[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel[..., None, :]), kernel[..., None])[:, 0]


def _sample(picture: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """Return a picture (C, h, w) at places from -1 to 1 of any shape."""
    grid = torch.stack([across, down], dim=-1)[None]
    return F.grid_sample(
        picture[None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]
