"""Paint one frame: move its own pixels, and lay the inside of a mouth between the lips."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.interior.cavity import Tone, paint_cavity
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    Loan,
    Opening,
    borrowed,
    smooth,
    source_of,
)
from heygem_daemon.engines.builtin.warp.field import Fields
from heygem_daemon.engines.builtin.warp.mouth_plane import View, centres, is_empty
from heygem_daemon.engines.builtin.warp.warping import lines_at, warp

FEATHER, FEATHER_PIXELS = 0.03, 2.5
"""Width of the blend between a lip and what is borrowed, IOD, and at least so many pixels: no edge
may be harder than those of the picture."""
SHUT = 0.008
"""Lips this near, IOD, are closed to whoever looks: nothing is seen between them."""
OPENS = 0.031
"""Over so much more, IOD, what is between them comes into sight."""
PARTED = 0.022
"""Lips that are so far apart, IOD, have no line between them."""
LIP_LINE, LIP_LINE_PIXELS = 0.010, 1.2
LIP_SHADOW = 0.25
"""Half width in IOD, at least so many pixels, and depth of the shadow between lips that meet. A
line that must be wider is as much paler: in a small face it would look like a gap."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What one frame shows: frame ``at`` of ``fields``; ``loans``; how much of the inside is
    ``painted`` (0-1), how much the lips were ``closed`` that are open in the source (0-1), the
    code value of ``black``, and the ``usual`` edges in open mouths of this person."""

    view: View
    fields: Fields
    at: int
    loans: tuple[Loan, ...]
    painted: float
    closed: float
    black: float
    usual: float


def paint(crop: torch.Tensor, skin: torch.Tensor, scene: Scene) -> torch.Tensor:
    """The crop (3, h, w) with the mouth as it shall be. Pixels that do not change are exact.

    ``skin``: (3,) as ``skin_around`` gives it.
    """
    painted = warp(crop, scene.view, scene.fields, scene.at)
    opening = _opening(crop, skin, scene)
    if opening is not None:
        if scene.loans or scene.painted > 0:
            _fill(painted, scene, opening)
        if scene.closed > 0:
            _draw_lip_line(painted, scene, opening)
    return painted


def skin_around(crop: torch.Tensor, view: View) -> torch.Tensor:
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


def _opening(crop: torch.Tensor, skin: torch.Tensor, scene: Scene) -> Opening | None:
    """The opening between the wanted lips; None where it is outside the crop."""
    corners, lines = scene.fields.corners[scene.at], scene.fields.lines[scene.at]
    feather = _feather(scene.view)
    y = (lines[0].min() - feather, lines[1].max() + feather)
    bounds = np.array([[a, b] for a in corners[:, 0] for b in y], np.float32)
    window = scene.view.window(bounds, 0, (crop.shape[1], crop.shape[2]))
    if is_empty(window):
        return None
    rows, columns = (centres(part, crop.device) for part in window)
    places = scene.view.plane(columns, rows)
    upper, lower = lines_at(torch.from_numpy(lines).to(crop.device), places[0])
    left, right = (float(x) for x in corners[:, 0])
    return Opening(
        window=window,
        x=places[0],
        y=places[1],
        along=(places[0] - left) / (right - left),
        width=right - left,
        down=places[1] - upper,
        gap=lower - upper,
        skin=skin,
        black=scene.black,
        usual=scene.usual,
    )


def _fill(painted: torch.Tensor, scene: Scene, opening: Opening) -> None:
    """Blend loans and paint into the opening between the lips, in place."""
    inside = _cavity(opening) * scene.painted if scene.painted > 0 else 0
    for loan in scene.loans:
        inside = inside + loan.share * _lent(loan, opening)
    share = scene.painted + sum(loan.share for loan in scene.loans)
    edge = torch.minimum(opening.down, opening.gap - opening.down) / _feather(scene.view)
    alpha = smooth(edge + 0.8) * smooth((opening.gap - SHUT) / OPENS)
    part = painted[:, *opening.window]
    part += alpha * (inside - share * part)


def _draw_lip_line(painted: torch.Tensor, scene: Scene, opening: Opening) -> None:
    """The shadow between lips that were open in the source and meet now, in place."""
    width, depth = lip_line(scene.view)
    distance = (opening.down - opening.gap / 2) / width
    ends = smooth(opening.along * 6) * smooth((1 - opening.along) * 6)
    shut = 1 - smooth(opening.gap / PARTED)
    shadow = scene.closed * depth * ends * shut * torch.exp(-(distance**2))
    luma = painted[:1, *opening.window]
    luma -= shadow * (luma - scene.black)


def lip_line(view: View) -> tuple[float, float]:
    """Half width, IOD, and depth, 0-1, of the shadow between lips that meet in this view."""
    width = max(LIP_LINE, LIP_LINE_PIXELS / view.scale)
    return width, LIP_SHADOW * LIP_LINE / width


def _feather(view: View) -> float:
    """How wide the blend between lips and inside is in this view, IOD."""
    return max(FEATHER, FEATHER_PIXELS / view.scale)


def _cavity(opening: Opening) -> torch.Tensor:
    x = (opening.along - 0.5) * opening.width
    return paint_cavity(x, opening.down, opening.gap, Tone(opening.skin, opening.black))


def _lent(loan: Loan, opening: Opening) -> torch.Tensor:
    """The inside of a loan, painted where the mouth is too wide for it."""
    source = source_of(loan, opening)
    lit = borrowed(loan, source, opening)
    if source.missing is None:
        return lit
    return torch.lerp(lit, _cavity(opening), source.missing)
