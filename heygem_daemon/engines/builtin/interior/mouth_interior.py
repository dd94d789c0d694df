"""The inside of a mouth, taken from a picture in which it is open.

Teeth do not stretch. The upper ones hang below the upper lip as they do in the lender's mouth, the
lower ones stand behind the lower lip. What a mouth that is less open cannot show is left out
between the two; a mouth that is more open is stretched a little.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.interior.sharpness_matching import (
    laplacian_energy,
    match_sharpness,
    resample_to_source,
)
from heygem_daemon.engines.builtin.warp.mouth_plane import CropWindow, PlaneView
from heygem_daemon.engines.builtin.warp.sampling import sample_picture
from heygem_daemon.engines.builtin.warp.warping import interpolate_lines

OVERLAP = 0.03
"""How much of the lips around it a borrowed inside may bring along, IOD."""
TEETH_SEAM = 0.6
"""Where upper teeth pass into lower ones, as a share of the gap from above …"""
NARROW_SEAM, WIDE_SEAM = 0.12, 0.45
"""… and half of the share over which they do: in a mouth that closes, in one that opens."""
STRETCH_LIMIT = 1.25
"""An inside is stretched by no more than this; below it a wider mouth shows nothing of it."""
EDGE = 0.03
"""Over how much of its lower end an inside fades where it ends above the lip, IOD."""
SLIT_GAP = 0.03
"""Lips so near, IOD, show nothing but edges, and these are left as they are; all is softened that
is too hard where they are twice as far apart. Before encoding, mouths of `portrait_1080x1920_hevc`
that are open by 0.02 to 0.04 are 1.5 times as sharp as they are filmed, where it was 1.8 times with
0.04 (six pictures beside three)."""
GAIN = (0.7, 1.4)
CHROMA_SHIFT = 12.0


@dataclass(frozen=True, slots=True)
class DonorMouth:
    """A mouth to borrow from: ``picture`` (3, h, w) and the ``view`` of it, ``skin`` (3,) around
    the mouth, ``lines`` (2, LINE) and ``corners`` (x, x) of its inner lips, ``share`` 0-1.
    ``axes``: (2, 2) of the plane in the video that it was cut from, filmed pixels per IOD."""

    picture: torch.Tensor
    view: PlaneView
    axes: Floats
    skin: torch.Tensor
    inner_lip_lines: torch.Tensor
    corners: tuple[float, float]
    share: float


@dataclass(frozen=True, slots=True)
class MouthOpening:
    """Places between the wanted lips, all (h, w): ``x``, ``y`` in the mouth's plane, ``along`` 0 at
    the left corner … 1 at the right one, ``down`` IOD below the upper lip, ``gap`` between the
    lips. ``window``: the rows and columns of the crop that they are; ``width``: IOD from corner to
    corner; ``skin``: (3,) around the mouth; ``black``: the code of black; ``usual``: as
    ``usual_edges`` tells of this person."""

    window: CropWindow
    x: torch.Tensor
    y: torch.Tensor
    along: torch.Tensor
    width: float
    depth: torch.Tensor
    gap: torch.Tensor
    skin: torch.Tensor
    black: float
    usual_sharpness: float


@dataclass(frozen=True, slots=True)
class DonorCoordinates:
    """Where the places of an opening are in a lender's plane: ``x``, ``y`` (h, w). ``missing``:
    (h, w), 1 where a mouth that opens much wider than the lender's shows what it cannot lend; None
    where it lends all."""

    x: torch.Tensor
    y: torch.Tensor
    missing: torch.Tensor | None


def map_to_donor(donor: DonorMouth, opening: MouthOpening) -> DonorCoordinates:
    """The places in the lender's plane that show what is wanted between the lips."""
    left, right = donor.corners
    ends = (2 * opening.along - 1).clamp(-1, 1) ** 4
    stretched = left + opening.along * (right - left)
    inwards = torch.where(opening.along < 0.5, stretched > opening.x, stretched < opening.x)
    x = torch.where(inwards, torch.lerp(opening.x, stretched, ends), opening.x)
    upper, lower = interpolate_lines(donor.inner_lip_lines, x)
    its_gap = (lower - upper).clamp_min(0.01)
    wider = opening.gap.amax() / its_gap.amax()
    depth = opening.depth / opening.gap.clamp_min(1e-4)
    half = NARROW_SEAM + (WIDE_SEAM - NARROW_SEAM) * smoothstep((wider - 0.9) / 0.2)
    middle = (0.95 - half).clamp_max(TEETH_SEAM)
    lower_part = ((depth - middle) / (2 * half) + 0.5).clamp(0, 1)
    below_upper = upper + opening.depth
    above_lower = lower + opening.depth - opening.gap
    y = torch.lerp(below_upper, above_lower, lower_part)
    missing = None
    if wider > STRETCH_LIMIT:
        y = upper + opening.depth / STRETCH_LIMIT
        missing = smoothstep((wider - STRETCH_LIMIT) / 0.15) * smoothstep((y - lower) / EDGE + 1)
    y = torch.minimum(torch.maximum(y, upper - OVERLAP), lower + OVERLAP)
    return DonorCoordinates(x, y, missing)


def sample_donor(
    donor: DonorMouth, coordinates: DonorCoordinates, opening: MouthOpening
) -> torch.Tensor:
    """What the lender shows there, in this frame's light, with edges no harder than those of open
    mouths usually are: (3, h, w)."""
    inside = sample_picture(donor.picture, donor.view.to_pixels(coordinates.x, coordinates.y))
    open_enough = smoothstep(opening.gap.amax() / SLIT_GAP - 1)
    if open_enough > 0:
        seen = ((opening.depth > 0) & (opening.depth < opening.gap)).float()
        soft = match_sharpness(inside[:1], seen, opening.usual_sharpness)
        inside[:1] = torch.lerp(inside[:1], soft, open_enough)
    return _match_lighting(inside, donor, opening)


def measure_usual_sharpness(donors: Iterable[DonorMouth]) -> float:
    """Mean square of the Laplacian of luma between the lips of the open mouths ``loans``, in the
    pixels in which they were filmed; infinite where there are none, so that nothing is limited."""
    energy, area = 0.0, 0.0
    for loan in donors:
        (left, right), (above, below) = loan.corners, loan.inner_lip_lines
        low = np.array([left, float(above.min())], np.float32)
        high = np.array([right, float(below.max())], np.float32)
        luma, places = resample_to_source(loan.picture, loan.view, loan.axes, (low, high))
        upper, lower = interpolate_lines(loan.inner_lip_lines, places[0])
        seen = ((places[1] > upper) & (places[1] < lower)).float()
        energy, area = energy + laplacian_energy(luma, seen), area + float(seen.sum())
    return energy / area if area > 0 else math.inf


def _match_lighting(inside: torch.Tensor, loan: DonorMouth, opening: MouthOpening) -> torch.Tensor:
    """The borrowed pixels as bright and as warm as the skin of this frame asks for."""
    skin, black = opening.skin, opening.black
    gain = ((skin[0] - black) / (loan.skin[0] - black).clamp_min(1)).clamp(*GAIN)
    shift = (skin[1:] - loan.skin[1:]).clamp(-CHROMA_SHIFT, CHROMA_SHIFT)
    luma = black + (inside[:1] - black) * gain
    return torch.cat([luma, inside[1:] + shift[:, None, None]])


def smoothstep(x: torch.Tensor) -> torch.Tensor:
    """0 below 0, 1 above 1, smooth between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
