"""Paint one frame: move its own pixels, and lay the inside of a mouth between the lips."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.interior.cavity import SkinTone, paint_cavity
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    DonorMouth,
    MouthOpening,
    map_to_donor,
    sample_donor,
    smoothstep,
)
from heygem_daemon.engines.builtin.warp.field import WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, is_empty, pixel_centres
from heygem_daemon.engines.builtin.warp.warping import interpolate_lines, warp

FEATHER, FEATHER_PIXELS = 0.03, 2.5
"""Width of the blend between a lip and what is borrowed, IOD, and at least so many pixels: no edge
may be harder than those of the picture."""
INVISIBLE_GAP = 0.008
"""Lips this near, IOD, are closed to whoever looks: nothing is seen between them."""
GAP_BLEND = 0.031
"""Over so much more, IOD, what is between them comes into sight."""
LIP_LINE_GAP_LIMIT = 0.022
"""Lips that are so far apart, IOD, have no line between them."""
LIP_LINE, LIP_LINE_PIXELS = 0.010, 1.2
LIP_SHADOW = 0.25
"""Half width in IOD, at least so many pixels, and depth of the shadow between lips that meet. A
line that must be wider is as much paler: in a small face it would look like a gap."""


@dataclass(frozen=True, slots=True)
class PaintInputs:
    """What one frame shows: frame ``at`` of ``fields``; ``loans``; how much of the inside is
    ``painted`` (0-1), how much the lips were ``closed`` that are open in the source (0-1), the
    code value of ``black``, and the ``usual`` edges in open mouths of this person."""

    view: PlaneView
    fields: WarpFields
    row: int
    donors: tuple[DonorMouth, ...]
    painted_share: float
    closing: float
    black: float
    usual_sharpness: float


def paint_mouth(crop: torch.Tensor, skin: torch.Tensor, inputs: PaintInputs) -> torch.Tensor:
    """The crop (3, h, w) with the mouth as it shall be. Pixels that do not change are exact.

    ``skin``: (3,) as ``skin_around`` gives it.
    """
    painted = warp(crop, inputs.view, inputs.fields, inputs.row)
    opening = _opening(crop, skin, inputs)
    if opening is not None:
        if inputs.donors or inputs.painted_share > 0:
            _fill(painted, inputs, opening)
        if inputs.closing > 0:
            _draw_lip_line(painted, inputs, opening)
    return painted


def measure_skin_colour(crop: torch.Tensor, view: PlaneView) -> torch.Tensor:
    """Mean Y, U, V (3,) of the skin around the mouth."""
    places = np.stack(np.meshgrid(mouth_bank.SKIN_X, mouth_bank.SKIN_Y), axis=-1)
    size = np.array([crop.shape[2], crop.shape[1]], np.float32)
    grid = 2 * (places @ view.axes.T + view.origin) / size - 1
    seen = F.grid_sample(
        crop[None],
        torch.from_numpy(grid[None].astype(np.float32)).to(crop.device),
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return seen[0].mean(dim=(1, 2))


def _opening(crop: torch.Tensor, skin: torch.Tensor, scene: PaintInputs) -> MouthOpening | None:
    """The opening between the wanted lips; None where it is outside the crop."""
    corners, lines = scene.fields.corners[scene.row], scene.fields.inner_lip_lines[scene.row]
    feather = _feather(scene.view)
    y = (lines[0].min() - feather, lines[1].max() + feather)
    bounds = np.array([[a, b] for a in corners[:, 0] for b in y], np.float32)
    window = scene.view.window(bounds, 0, (crop.shape[1], crop.shape[2]))
    if is_empty(window):
        return None
    rows, columns = (pixel_centres(part, crop.device) for part in window)
    places = scene.view.to_plane(columns, rows)
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
        black=scene.black,
        usual_sharpness=scene.usual_sharpness,
    )


def _fill(painted: torch.Tensor, scene: PaintInputs, opening: MouthOpening) -> None:
    """Blend loans and paint into the opening between the lips, in place."""
    inside = _cavity(opening) * scene.painted_share if scene.painted_share > 0 else 0
    for loan in scene.donors:
        inside = inside + loan.share * _paint_donor(loan, opening)
    share = scene.painted_share + sum(loan.share for loan in scene.donors)
    edge = torch.minimum(opening.depth, opening.gap - opening.depth) / _feather(scene.view)
    alpha = smoothstep(edge + 0.8) * smoothstep((opening.gap - INVISIBLE_GAP) / GAP_BLEND)
    part = painted[:, *opening.window]
    part += alpha * (inside - share * part)


def _draw_lip_line(painted: torch.Tensor, scene: PaintInputs, opening: MouthOpening) -> None:
    """The shadow between lips that were open in the source and meet now, in place."""
    width, depth = lip_line_shape(scene.view)
    distance = (opening.depth - opening.gap / 2) / width
    ends = smoothstep(opening.along * 6) * smoothstep((1 - opening.along) * 6)
    shut = 1 - smoothstep(opening.gap / LIP_LINE_GAP_LIMIT)
    shadow = scene.closing * depth * ends * shut * torch.exp(-(distance**2))
    luma = painted[:1, *opening.window]
    luma -= shadow * (luma - scene.black)


def lip_line_shape(view: PlaneView) -> tuple[float, float]:
    """Half width, IOD, and depth, 0-1, of the shadow between lips that meet in this view."""
    width = max(LIP_LINE, LIP_LINE_PIXELS / view.scale)
    return width, LIP_SHADOW * LIP_LINE / width


def _feather(view: PlaneView) -> float:
    """How wide the blend between lips and inside is in this view, IOD."""
    return max(FEATHER, FEATHER_PIXELS / view.scale)


def _cavity(opening: MouthOpening) -> torch.Tensor:
    x = (opening.along - 0.5) * opening.width
    return paint_cavity(x, opening.depth, opening.gap, SkinTone(opening.skin, opening.black))


def _paint_donor(loan: DonorMouth, opening: MouthOpening) -> torch.Tensor:
    """The inside of a loan, painted where the mouth is too wide for it."""
    source = map_to_donor(loan, opening)
    lit = sample_donor(loan, source, opening)
    if source.missing is None:
        return lit
    return torch.lerp(lit, _cavity(opening), source.missing)
