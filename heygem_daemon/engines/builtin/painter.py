"""Draw one frame: move its own pixels, then blend the inside of a mouth in between the lips."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.interior.borrowed_interior import (
    BorrowedInterior,
    cast_shade,
    measure_softness,
    paint_floor,
    paint_interior,
)
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    DonorMouth,
    MouthOpening,
    map_to_donor,
    sample_donor,
    smoothstep,
)
from heygem_daemon.engines.builtin.interior.teeth_placement import TeethPlace
from heygem_daemon.engines.builtin.warp.field import WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, is_empty, pixel_centres
from heygem_daemon.engines.builtin.warp.warping import interpolate_lines, warp

FEATHER, FEATHER_PIXELS = 0.03, 2.5
"""Width of the blend between a lip and the mouth's inside, IOD, and its minimum in pixels: no edge
may be sharper than those of the picture."""
INVISIBLE_GAP = 0.008
"""Lips closer than this, IOD, look closed: nothing is visible between them."""
GAP_BLEND = 0.031
"""Range of additional gap, IOD, over which the mouth's inside becomes visible."""
LIP_LINE_GAP_LIMIT = 0.022
"""Lips farther apart than this, IOD, have no line between them."""
LIP_LINE, LIP_LINE_PIXELS = 0.010, 1.2
LIP_SHADOW = 0.25
"""Half width in IOD, minimum half width in pixels, and depth of the shadow between lips that meet.
A line that must be wider becomes paler in proportion: in a small face it would look like a gap."""
_SKIN_PLACES = np.stack(np.meshgrid(mouth_bank.SKIN_X, mouth_bank.SKIN_Y), axis=-1)


@dataclass(frozen=True, slots=True)
class PaintInputs:
    """What one frame shows."""

    view: PlaneView
    fields: WarpFields
    """Warp fields of a block of frames."""
    row: int
    """The frame's row in ``fields``."""
    donors: tuple[DonorMouth, ...]
    """Mouths that lend their inside; their shares and ``painted_share`` add up to at most 1."""
    painted_share: float
    """Share of the mouth's inside that is painted, 0-1."""
    closing: float
    """How far lips that are open in the source close over the teeth, 0-1."""
    black: float
    """Code value of black."""
    usual_sharpness: float
    """As ``measure_usual_sharpness`` returns it for this person."""
    borrowed: BorrowedInterior
    """What is painted where no donor has it."""
    teeth: TeethPlace
    """Where the painted teeth are."""


def paint_mouth(crop: torch.Tensor, skin: torch.Tensor, inputs: PaintInputs) -> torch.Tensor:
    """Return the crop (3, h, w) with the mouth drawn. Pixels that do not change are exact.

    ``skin``: (3,), as ``measure_skin_colour`` returns it.
    """
    painted = warp(crop, inputs.view, inputs.fields, inputs.row)
    paint_inside(painted, crop, skin, inputs)
    return painted


def paint_inside(
    painted: torch.Tensor, crop: torch.Tensor, skin: torch.Tensor, inputs: PaintInputs
) -> None:
    """Draw what is between the moved lips into ``painted``, in place; parameters as for
    ``paint_mouth``."""
    opening = _opening(crop, skin, inputs)
    if opening is not None:
        if inputs.donors or inputs.painted_share > 0:
            _fill(painted, crop, inputs, opening)
        if inputs.closing > 0:
            _draw_lip_line(painted, inputs, opening)


def measure_skin_colour(crop: torch.Tensor, view: PlaneView) -> torch.Tensor:
    """Return the mean Y, U, V (3,) of the skin around the mouth."""
    size = np.array([crop.shape[2], crop.shape[1]], np.float32)
    grid = 2 * (_SKIN_PLACES @ view.axes.T + view.origin) / size - 1
    colours = F.grid_sample(
        crop[None],
        torch.from_numpy(grid[None].astype(np.float32)).to(crop.device),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return colours[0].mean(dim=(1, 2))


def _opening(crop: torch.Tensor, skin: torch.Tensor, inputs: PaintInputs) -> MouthOpening | None:
    """Return the opening between the target lips, or None if it is outside the crop."""
    corners, lines = inputs.fields.corners[inputs.row], inputs.fields.inner_lip_lines[inputs.row]
    feather = _feather(inputs.view)
    y = (lines[0].min() - feather, lines[1].max() + feather)
    bounds = np.array([[a, b] for a in corners[:, 0] for b in y], np.float32)
    window = inputs.view.window(bounds, 0, (crop.shape[1], crop.shape[2]))
    if is_empty(window):
        return None
    rows, columns = (pixel_centres(part, crop.device) for part in window)
    places = inputs.view.to_plane(columns, rows)
    upper, lower = interpolate_lines(torch.from_numpy(lines).to(crop.device), places[0])
    left, right = (float(x) for x in corners[:, 0])
    return MouthOpening(
        window=window,
        x=places[0],
        y=places[1],
        along=(places[0] - left) / (right - left),
        width=right - left,
        depth=places[1] - upper,
        gap=lower - upper,
        skin=skin,
        black=inputs.black,
        usual_sharpness=inputs.usual_sharpness,
    )


def _fill(
    painted: torch.Tensor, crop: torch.Tensor, inputs: PaintInputs, opening: MouthOpening
) -> None:
    """Blend donors and paint into the opening between the lips, in place."""
    inside = torch.zeros((3, *opening.x.shape), device=crop.device)
    if inputs.painted_share > 0:
        softness = measure_softness(crop, inputs.view)
        paint = paint_interior(inputs.borrowed, opening, inputs.teeth, softness)
        inside += inputs.painted_share * paint
    for donor in inputs.donors:
        inside += donor.share * paint_donor(donor, opening, inputs.borrowed)
    share = inputs.painted_share + sum(donor.share for donor in inputs.donors)
    edge = torch.minimum(opening.depth, opening.gap - opening.depth) / _feather(inputs.view)
    alpha = smoothstep(edge + 0.8) * smoothstep((opening.gap - INVISIBLE_GAP) / GAP_BLEND)
    part = painted[:, *opening.window]
    part += alpha * (inside - share * part)


def _draw_lip_line(painted: torch.Tensor, inputs: PaintInputs, opening: MouthOpening) -> None:
    """Draw the shadow between lips that were open in the source and meet now, in place."""
    width, depth = lip_line_shape(inputs.view)
    distance = (opening.depth - opening.gap / 2) / width
    ends = smoothstep(opening.along * 6) * smoothstep((1 - opening.along) * 6)
    shut = 1 - smoothstep(opening.gap / LIP_LINE_GAP_LIMIT)
    shadow = inputs.closing * depth * ends * shut * torch.exp(-(distance**2))
    luma = painted[:1, *opening.window]
    luma -= shadow * (luma - inputs.black)


def lip_line_shape(view: PlaneView) -> tuple[float, float]:
    """Return the shape of the shadow between lips that meet in this view.

    The result is its half width, IOD, and its depth, 0-1.
    """
    width = max(LIP_LINE, LIP_LINE_PIXELS / view.scale)
    return width, LIP_SHADOW * LIP_LINE / width


def _feather(view: PlaneView) -> float:
    """Return the width of the blend between the lips and the mouth's inside in this view, IOD."""
    return max(FEATHER, FEATHER_PIXELS / view.scale)


def paint_donor(
    donor: DonorMouth, opening: MouthOpening, borrowed: BorrowedInterior
) -> torch.Tensor:
    """Return the inside of a donor's mouth, painted where the opening is too wide for the donor."""
    coordinates = map_to_donor(donor, opening)
    lit = sample_donor(donor, coordinates, opening)
    if coordinates.missing is None:
        return lit
    shade = cast_shade(-coordinates.below)
    return torch.lerp(lit, paint_floor(borrowed, opening, shade), coordinates.missing)
