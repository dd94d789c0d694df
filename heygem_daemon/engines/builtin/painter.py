"""Paint one frame: move its own pixels, and lay the borrowed inside of a mouth between the lips."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box
from heygem_daemon.engines.builtin import bank
from heygem_daemon.engines.builtin.cavity import Tone, paint_cavity
from heygem_daemon.engines.builtin.field import Fields
from heygem_daemon.engines.builtin.plane import BOTTOM, LEFT, RIGHT, TOP

Floats = NDArray[np.float32]

STILL = 0.02
"""A pixel that would move by less than this, in pixels, stays exactly what it is."""
FEATHER = 0.022
"""Width of the blend between a lip and what is borrowed, IOD."""
STRETCH = 1.25
"""Teeth are stretched by no more than this; below them a wider mouth is dark."""
GAIN = (0.7, 1.4)
CHROMA_SHIFT = 12.0


@dataclass(frozen=True, slots=True)
class View:
    """Where a picture's mouth plane lies in its crop. ``axes``: (2, 2) pixels per IOD;
    ``origin``: (2,) pixels from the crop's first pixel."""

    axes: Floats
    origin: Floats


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
    ``painted`` (0-1), and the code value of ``black``."""

    view: View
    fields: Fields
    loans: tuple[Loan, ...]
    painted: float
    black: float


def view_of(axes: Floats, origin: Floats, box: Box) -> View:
    """The view of a region's crop from the plane of its picture."""
    return View(axes, origin - np.array([box.left, box.top], np.float32))


def paint(crop: torch.Tensor, scene: Scene) -> torch.Tensor:
    """The crop (3, h, w) with the mouth as it shall be. Pixels that do not change are exact."""
    here = _plane(scene.view, crop)
    fields = scene.fields
    lips = torch.from_numpy(fields.lines[0]).to(crop.device)
    both = torch.from_numpy(np.concatenate([fields.upper[0], fields.lower[0]])).to(crop.device)
    field = F.grid_sample(both[None], _to_grid(here), mode="bilinear", align_corners=True)[0]
    upper_lip, lower_lip = _lines_at(lips, here[..., 0])
    pixel = 1.0 / float(np.sqrt(np.abs(np.linalg.det(scene.view.axes))))
    gap = (lower_lip - upper_lip).clamp_min(1.5 * pixel)
    below = ((here[..., 1] - (upper_lip + lower_lip) / 2) / gap + 0.5).clamp(0, 1)
    move = torch.lerp(field[:2], field[2:], below)
    pixels = torch.tensordot(torch.from_numpy(scene.view.axes).to(crop), move, dims=1)
    moved = _moved(crop, pixels)
    painted = torch.where(pixels.abs().amax(dim=0) > STILL, moved, crop)
    if scene.loans or scene.painted > 0:
        _fill(painted, crop, here, scene, (upper_lip, lower_lip))
    return painted


def _plane(view: View, crop: torch.Tensor) -> torch.Tensor:
    """Plane coordinates (h, w, 2) of the crop's pixels."""
    height, width = crop.shape[1:]
    inverse = np.linalg.inv(view.axes.astype(np.float64))
    shift = -inverse @ view.origin
    x = torch.arange(width, device=crop.device, dtype=torch.float32) + 0.5
    y = torch.arange(height, device=crop.device, dtype=torch.float32)[:, None] + 0.5
    return torch.stack(
        [
            float(inverse[row, 0]) * x + float(inverse[row, 1]) * y + float(shift[row])
            for row in (0, 1)
        ],
        dim=-1,
    )


def _to_grid(plane: torch.Tensor) -> torch.Tensor:
    middle = plane.new_tensor([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2])
    half = plane.new_tensor([(RIGHT - LEFT) / 2, (BOTTOM - TOP) / 2])
    grid: torch.Tensor = ((plane - middle) / half)[None]
    return grid


def _lines_at(lines: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The two lines (2, LINE) at places ``x`` (h, w)."""
    place = (x - LEFT) * (2 / (RIGHT - LEFT)) - 1
    grid = torch.stack([place, torch.zeros_like(place)], dim=-1)[None]
    values = F.grid_sample(
        lines[None, :, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]
    return values[0], values[1]


def _moved(crop: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    height, width = crop.shape[1:]
    x = (torch.arange(width, device=crop.device) + pixels[0]) * (2 / width) + (1 / width - 1)
    y = torch.arange(height, device=crop.device)[:, None] + pixels[1]
    grid = torch.stack([x, y * (2 / height) + (1 / height - 1)], dim=-1)
    return F.grid_sample(
        crop[None], grid[None], mode="bicubic", padding_mode="border", align_corners=False
    )[0].clamp(0, 255)


def _fill(
    painted: torch.Tensor,
    crop: torch.Tensor,
    here: torch.Tensor,
    scene: Scene,
    lips: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Blend loans and paint into the opening between the lips, in place."""
    window = _window(scene.fields, scene.view)
    if window is None:
        return
    at = here[window]
    upper, lower = lips[0][window], lips[1][window]
    gap = lower - upper
    edge = torch.minimum(at[..., 1] - upper, lower - at[..., 1])
    alpha = _smooth(edge / FEATHER + 0.3) * _smooth(gap / (1.5 * FEATHER))
    left, right = (float(x) for x in scene.fields.corners[0, :, 0])
    along = (at[..., 0] - left) / (right - left)
    down = at[..., 1] - upper
    skin = _skin(crop, scene.view)
    cavity = paint_cavity(
        2 * along - 1, (down / gap.clamp_min(1e-4)).clamp(0, 1), Tone(skin, scene.black)
    )
    inside = cavity * scene.painted
    for loan in scene.loans:
        borrowed = _borrowed(loan, along, down, gap, cavity, skin, scene.black)
        inside = inside + loan.share * borrowed
    share = scene.painted + sum(loan.share for loan in scene.loans)
    part = painted[(slice(None), *window)]
    part += alpha * (inside - share * part)


def _window(fields: Fields, view: View) -> tuple[slice, slice] | None:
    """Rows and columns of the crop that hold the opening."""
    x = np.array(fields.corners[0, :, 0])
    lines = fields.lines[0]
    y = np.array([lines[0].min() - FEATHER, lines[1].max() + FEATHER])
    points = np.array([[a, b] for a in x for b in y]) @ view.axes.T + view.origin
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    high = np.ceil(points.max(axis=0)).astype(int) + 1
    if high[0] <= low[0] or high[1] <= low[1]:
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])


def _borrowed(
    loan: Loan,
    along: torch.Tensor,
    down: torch.Tensor,
    gap: torch.Tensor,
    cavity: torch.Tensor,
    skin: torch.Tensor,
    black: float,
) -> torch.Tensor:
    """The loan's inside laid between the wanted lips, in this frame's light: (3, h, w)."""
    left, right = (float(x) for x in loan.corners[:, 0])
    x = left + along * (right - left)
    upper, lower = _lines_at(loan.lines, x)
    its_gap = (lower - upper).clamp_min(0.01)
    ratio = gap / its_gap
    depth = (down / ratio.clamp(0.2, STRETCH)).clamp(-0.03)
    y = upper + torch.minimum(depth, its_gap + 0.03)
    width, height = bank.RIGHT - bank.LEFT, bank.BOTTOM - bank.TOP
    grid = torch.stack(
        [(x - bank.LEFT) * (2 / width) - 1, (y - bank.TOP) * (2 / height) - 1], dim=-1
    )
    inside = F.grid_sample(
        loan.patch[None].float(),
        grid[None],
        mode="bicubic",
        padding_mode="border",
        align_corners=True,
    )[0]
    gain = ((skin[0] - black) / (loan.skin[0] - black).clamp_min(1)).clamp(*GAIN)
    shift = (skin[1:] - loan.skin[1:]).clamp(-CHROMA_SHIFT, CHROMA_SHIFT)
    luma = black + (inside[:1] - black) * gain
    lit = torch.cat([luma, inside[1:] + shift[:, None, None]])
    missing = _smooth((ratio - STRETCH) / 0.5) * _smooth((depth / its_gap - 0.65) / 0.3)
    return torch.lerp(lit, cavity, missing)


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
