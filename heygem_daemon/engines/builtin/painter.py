"""Paint one frame: move its own pixels, and lay the borrowed inside of a mouth between the lips."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.engines.builtin import bank
from heygem_daemon.engines.builtin.cavity import Tone, paint_cavity
from heygem_daemon.engines.builtin.field import Fields
from heygem_daemon.engines.builtin.warping import View, Window, lines_at, warp

Floats = NDArray[np.float32]

FEATHER = 0.022
"""Width of the blend between a lip and what is borrowed, IOD."""
OVERLAP = 0.03
"""How much of the lips around it a borrowed inside may bring along, IOD."""
STRETCH = 1.25
"""Teeth are stretched by no more than this; below them a wider mouth is dark."""
LIP_LINE = 0.010
LIP_SHADOW = 0.40
"""Half width in IOD and depth of the shadow between lips that meet."""
GAIN = (0.7, 1.4)
CHROMA_SHIFT = 12.0


@dataclass(frozen=True, slots=True)
class Loan:
    """A borrowed mouth: ``patch`` uint8 (3, h, w) as in the bank, ``skin`` (3,) around it,
    ``lines`` (2, LINE) and ``corners`` (2, 2) of its inner lips, ``share`` 0-1 of the whole."""

    patch: torch.Tensor
    skin: torch.Tensor
    lines: torch.Tensor
    corners: Floats
    share: float


@dataclass(frozen=True, slots=True)
class Scene:
    """What one frame shows: its ``fields`` (a batch of one), ``loans``, how much of the inside is
    ``painted`` (0-1), how much the lips were ``closed`` that are open in the source (0-1), and the
    code value of ``black``."""

    view: View
    fields: Fields
    loans: tuple[Loan, ...]
    painted: float
    closed: float
    black: float


@dataclass(frozen=True, slots=True)
class _Opening:
    """Places between the wanted lips, all (h, w): ``along`` 0 at the left corner … 1 at the right
    one, ``down`` IOD below the upper lip, ``gap`` between the lips; and the frame's light.
    ``window``: the rows and columns of the crop that they are."""

    window: Window
    along: torch.Tensor
    down: torch.Tensor
    gap: torch.Tensor
    tone: Tone


def paint(crop: torch.Tensor, scene: Scene) -> torch.Tensor:
    """The crop (3, h, w) with the mouth as it shall be. Pixels that do not change are exact."""
    painted = warp(crop, scene.view, scene.fields)
    opening = _opening(crop, scene)
    if opening is not None:
        if scene.loans or scene.painted > 0:
            _fill(painted, scene, opening)
        if scene.closed > 0:
            _draw_lip_line(painted, scene, opening)
    return painted


def _opening(crop: torch.Tensor, scene: Scene) -> _Opening | None:
    """The opening between the wanted lips; None where it is outside the crop."""
    corners, lines = scene.fields.corners[0], scene.fields.lines[0]
    y = (lines[0].min() - FEATHER, lines[1].max() + FEATHER)
    bounds = np.array([[a, b] for a in corners[:, 0] for b in y], np.float32)
    rows, columns = scene.view.window(bounds, 0, (crop.shape[1], crop.shape[2]))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    places = scene.view.plane(
        torch.arange(columns.start, columns.stop, device=crop.device) + 0.5,
        torch.arange(rows.start, rows.stop, device=crop.device) + 0.5,
    )
    upper, lower = lines_at(torch.from_numpy(lines).to(crop.device), places[0])
    left, right = (float(x) for x in corners[:, 0])
    return _Opening(
        window=(rows, columns),
        along=(places[0] - left) / (right - left),
        down=places[1] - upper,
        gap=lower - upper,
        tone=Tone(_skin(crop, scene.view), scene.black),
    )


def _fill(painted: torch.Tensor, scene: Scene, opening: _Opening) -> None:
    """Blend loans and paint into the opening between the lips, in place."""
    cavity = _cavity(opening)
    inside = cavity * scene.painted
    for loan in scene.loans:
        inside = inside + loan.share * _borrowed(loan, opening, cavity)
    share = scene.painted + sum(loan.share for loan in scene.loans)
    edge = torch.minimum(opening.down, opening.gap - opening.down)
    alpha = _smooth(edge / FEATHER + 0.8) * _smooth(opening.gap / (1.5 * FEATHER))
    part = painted[:, *opening.window]
    part += alpha * (inside - share * part)


def _draw_lip_line(painted: torch.Tensor, scene: Scene, opening: _Opening) -> None:
    """The shadow between lips that were open in the source and meet now, in place."""
    width = max(LIP_LINE, 0.8 / scene.view.scale)
    distance = (opening.down - opening.gap / 2) / width
    ends = _smooth(opening.along * 6) * _smooth((1 - opening.along) * 6)
    shut = 1 - _smooth(opening.gap / FEATHER)
    shadow = scene.closed * LIP_SHADOW * ends * shut * torch.exp(-(distance**2))
    luma = painted[:1, *opening.window]
    luma -= shadow * (luma - scene.black)


def _cavity(opening: _Opening) -> torch.Tensor:
    down = (opening.down / opening.gap.clamp_min(1e-4)).clamp(0, 1)
    return paint_cavity(2 * opening.along - 1, down, opening.tone)


def _borrowed(loan: Loan, opening: _Opening, cavity: torch.Tensor) -> torch.Tensor:
    """The loan's inside laid between the wanted lips, in this frame's light: (3, h, w)."""
    left, right = (float(x) for x in loan.corners[:, 0])
    x = left + opening.along * (right - left)
    upper, lower = lines_at(loan.lines, x)
    its_gap = (lower - upper).clamp_min(0.01)
    ratio = opening.gap / its_gap
    depth = torch.minimum((opening.down / ratio.clamp(0.2, STRETCH)).clamp(-OVERLAP), its_gap)
    lip = (opening.down - opening.gap).clamp(0, OVERLAP)
    lit = _lit(_patch_at(loan.patch, x, upper + depth + lip), loan, opening)
    wider = opening.gap.amax() / its_gap.amax()
    missing = _smooth((wider - STRETCH) / 0.5) * _smooth((depth / its_gap - 0.65) / 0.3)
    return torch.lerp(lit, cavity, missing)


def _patch_at(patch: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """A bank's patch (3, h, w) at places of the plane."""
    width, height = bank.RIGHT - bank.LEFT, bank.BOTTOM - bank.TOP
    grid = torch.stack([(x - bank.LEFT) * (2 / width) - 1, (y - bank.TOP) * (2 / height) - 1], -1)
    return F.grid_sample(
        patch[None].float(), grid[None], mode="bicubic", padding_mode="border", align_corners=True
    )[0]


def _lit(inside: torch.Tensor, loan: Loan, opening: _Opening) -> torch.Tensor:
    """The borrowed pixels as bright and as warm as the skin of this frame asks for."""
    skin, black = opening.tone.skin, opening.tone.black
    gain = ((skin[0] - black) / (loan.skin[0] - black).clamp_min(1)).clamp(*GAIN)
    shift = (skin[1:] - loan.skin[1:]).clamp(-CHROMA_SHIFT, CHROMA_SHIFT)
    luma = black + (inside[:1] - black) * gain
    return torch.cat([luma, inside[1:] + shift[:, None, None]])


def _skin(crop: torch.Tensor, view: View) -> torch.Tensor:
    """Mean Y, U, V (3,) of the skin around the mouth."""
    places = np.stack(np.meshgrid(bank.SKIN_X, bank.SKIN_Y), axis=-1)
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


def _smooth(x: torch.Tensor) -> torch.Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
