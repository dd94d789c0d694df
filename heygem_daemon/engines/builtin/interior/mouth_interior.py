"""The inside of a mouth, taken from a picture in which the mouth is open.

Teeth do not stretch. The upper teeth hang below the upper lip as in the donor's mouth, the lower
teeth stand behind the lower lip. If the target mouth is less open, the middle between them is left
out; if it is more open, the inside is stretched a little.
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
"""How much of the donor's lips may be copied along with the inside, IOD."""
TEETH_SEAM = 0.6
"""Where upper teeth pass into lower teeth, as a share of the gap from above."""
NARROW_SEAM, WIDE_SEAM = 0.12, 0.45
"""Half of the transition at the seam, as a share of the gap: in a mouth that closes, in one that
opens."""
STRETCH_LIMIT = 1.25
"""Largest factor by which an inside is stretched. A wider mouth shows paint below the inside's
lower end."""
EDGE = 0.03
"""Over this much of its lower end, IOD, an inside fades if it ends above the lip."""
SLIT_GAP = 0.03
"""Between lips this close, IOD, nothing but edges is visible, and these stay as they are; from
twice this gap on, everything that is too sharp is smoothed. Before encoding, mouths of
`portrait_1080x1920_hevc` that are open by 0.02 to 0.04 are 1.5 times as sharp as filmed,
compared with 1.8 times at 0.04 (six pictures beside three)."""
GAIN = (0.7, 1.4)
"""Bounds of the factor that adapts a donor's brightness."""
CHROMA_SHIFT = 12.0
"""Largest change of a donor's chroma, code values."""


@dataclass(frozen=True, slots=True)
class DonorMouth:
    """A mouth that lends its inside."""

    picture: torch.Tensor
    """(3, h, w), Y, U, V."""
    view: PlaneView
    """The mouth's plane in ``picture``."""
    axes: Floats
    """(2, 2), the plane in the video that the picture was cut from, filmed pixels per IOD."""
    skin: torch.Tensor
    """(3,), mean Y, U, V around the mouth."""
    inner_lip_lines: torch.Tensor
    """(2, LINE_SAMPLES), as in ``InnerLips``."""
    corners: tuple[float, float]
    """The x of the left and the right corner of the inner lips, IOD."""
    share: float
    """0-1."""


@dataclass(frozen=True, slots=True)
class MouthOpening:
    """The pixels between the target lips."""

    window: CropWindow
    """Rows and columns of the crop, h and w."""
    x: torch.Tensor
    """(h, w), in the mouth's plane."""
    y: torch.Tensor
    """(h, w), in the mouth's plane."""
    along: torch.Tensor
    """(h, w), 0 at the left corner to 1 at the right corner."""
    width: float
    """From corner to corner, IOD."""
    depth: torch.Tensor
    """(h, w), distance below the upper lip, IOD."""
    gap: torch.Tensor
    """(h, w), distance between the lips, IOD."""
    skin: torch.Tensor
    """(3,), mean Y, U, V around the mouth."""
    black: float
    """Code value of black."""
    usual_sharpness: float
    """As ``measure_usual_sharpness`` returns it for this person."""


@dataclass(frozen=True, slots=True)
class DonorCoordinates:
    """Where the pixels of an opening lie in a donor's plane."""

    x: torch.Tensor
    """(h, w)."""
    y: torch.Tensor
    """(h, w)."""
    missing: torch.Tensor | None
    """(h, w), 1 where the opening is much wider than the donor's and the donor has nothing to show;
    None where the donor covers everything."""
    below: torch.Tensor
    """(h, w), distance below the donor's lower end, IOD; negative inside of it."""


def map_to_donor(donor: DonorMouth, opening: MouthOpening) -> DonorCoordinates:
    """Return the places in the donor's plane that show what belongs between the target lips."""
    left, right = donor.corners
    ends = (2 * opening.along - 1).clamp(-1, 1) ** 4
    stretched = left + opening.along * (right - left)
    inwards = torch.where(opening.along < 0.5, stretched > opening.x, stretched < opening.x)
    x = torch.where(inwards, torch.lerp(opening.x, stretched, ends), opening.x)
    upper, lower = interpolate_lines(donor.inner_lip_lines, x)
    donor_gap = (lower - upper).clamp_min(0.01)
    ratio = opening.gap.amax() / donor_gap.amax()
    depth = opening.depth / opening.gap.clamp_min(1e-4)
    half_seam = NARROW_SEAM + (WIDE_SEAM - NARROW_SEAM) * smoothstep((ratio - 0.9) / 0.2)
    middle = (0.95 - half_seam).clamp_max(TEETH_SEAM)
    lower_part = ((depth - middle) / (2 * half_seam) + 0.5).clamp(0, 1)
    below_upper = upper + opening.depth
    above_lower = lower + opening.depth - opening.gap
    y = torch.lerp(below_upper, above_lower, lower_part)
    missing = None
    if ratio > STRETCH_LIMIT:
        y = upper + opening.depth / STRETCH_LIMIT
        missing = smoothstep((ratio - STRETCH_LIMIT) / 0.15) * smoothstep((y - lower) / EDGE + 1)
    inside = torch.minimum(torch.maximum(y, upper - OVERLAP), lower + OVERLAP)
    return DonorCoordinates(x, inside, missing, y - lower)


def sample_donor(
    donor: DonorMouth, coordinates: DonorCoordinates, opening: MouthOpening
) -> torch.Tensor:
    """Return the donor's pixels (3, h, w) at ``coordinates``, lit like this frame.

    Their edges are no sharper than those of this person's open mouths usually are.
    """
    inside = sample_picture(donor.picture, donor.view.to_pixels(coordinates.x, coordinates.y))
    open_enough = smoothstep(opening.gap.amax() / SLIT_GAP - 1)
    if open_enough > 0:
        visible = ((opening.depth > 0) & (opening.depth < opening.gap)).float()
        soft = match_sharpness(inside[:1], visible, opening.usual_sharpness)
        inside[:1] = torch.lerp(inside[:1], soft, open_enough)
    return _match_lighting(inside, donor, opening)


def measure_usual_sharpness(donors: Iterable[DonorMouth]) -> float:
    """Return the mean square of the Laplacian of luma between the lips of open mouths.

    It is measured in the pixels in which they were filmed. Infinite without donors, so that nothing
    is limited.
    """
    energy, area = 0.0, 0.0
    for donor in donors:
        (left, right), (above, below) = donor.corners, donor.inner_lip_lines
        low = np.array([left, float(above.min())], np.float32)
        high = np.array([right, float(below.max())], np.float32)
        luma, places = resample_to_source(donor.picture, donor.view, donor.axes, (low, high))
        upper, lower = interpolate_lines(donor.inner_lip_lines, places[0])
        visible = ((places[1] > upper) & (places[1] < lower)).float()
        energy, area = energy + laplacian_energy(luma, visible), area + float(visible.sum())
    return energy / area if area > 0 else math.inf


def _match_lighting(inside: torch.Tensor, donor: DonorMouth, opening: MouthOpening) -> torch.Tensor:
    """Return a donor's pixels as bright and as warm as the skin of this frame."""
    skin, black = opening.skin, opening.black
    gain = ((skin[0] - black) / (donor.skin[0] - black).clamp_min(1)).clamp(*GAIN)
    shift = (skin[1:] - donor.skin[1:]).clamp(-CHROMA_SHIFT, CHROMA_SHIFT)
    luma = black + (inside[:1] - black) * gain
    return torch.cat([luma, inside[1:] + shift[:, None, None]])


def smoothstep(x: torch.Tensor) -> torch.Tensor:
    """Return 0 below 0, 1 above 1, and a smooth transition between."""
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
