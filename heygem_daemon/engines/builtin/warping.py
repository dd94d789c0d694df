"""Move the pixels of one crop along the fields: bicubic in luma, bilinear in chroma."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box
from heygem_daemon.engines.builtin.field import COLUMNS, ROWS, Fields
from heygem_daemon.engines.builtin.plane import BOTTOM, LEFT, RIGHT, TOP

Floats = NDArray[np.float32]
Reals = NDArray[np.floating[Any]]
Window = tuple[slice, slice]

STILL = 0.02
"""A pixel that would move by less than this, in pixels, stays exactly what it is."""
SLIT = 0.02
"""Half of this gap shows nothing of the frame's own mouth, one and a half of it everything, IOD."""
COARSE = 0.025
"""Spacing in IOD at which movement is computed where it is smooth; pixels in between are
interpolated."""


@dataclass(frozen=True, slots=True)
class View:
    """Where a picture's mouth plane lies in its crop. ``axes``: (2, 2) pixels per IOD;
    ``origin``: (2,) pixels from the crop's upper left corner (a pixel's centre is at 0.5)."""

    axes: Floats
    origin: Floats

    @property
    def scale(self) -> float:
        """Pixels per IOD, mean of both directions."""
        return float(np.sqrt(np.abs(np.linalg.det(self.axes))))

    def plane(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Plane coordinates (2, len(y), len(x)) of pixel positions."""
        inverse = np.linalg.inv(self.axes.astype(np.float64))
        shift = -inverse @ self.origin
        rows = [
            float(inverse[row, 0]) * x + (float(inverse[row, 1]) * y + float(shift[row]))[:, None]
            for row in (0, 1)
        ]
        return torch.stack(rows)

    def window(self, corners: Floats, margin: int, size: tuple[int, int]) -> Window:
        """Rows and columns of a crop of ``size`` (h, w) that hold plane points (K, 2)."""
        points = corners @ self.axes.T + self.origin
        low = np.floor(points.min(axis=0)).astype(int) - margin
        high = np.ceil(points.max(axis=0)).astype(int) + margin
        width, height = size[1], size[0]
        x = slice(int(np.clip(low[0], 0, width)), int(np.clip(high[0], 0, width)))
        y = slice(int(np.clip(low[1], 0, height)), int(np.clip(high[1], 0, height)))
        return y, x


def view_of(axes: Floats, origin: Floats, box: Box) -> View:
    """The view of a region's crop from the plane of its picture."""
    return View(axes, origin - np.array([box.left, box.top], np.float32))


@dataclass(frozen=True, slots=True)
class Lips:
    """Fields and inner lip lines of one frame on the drawing device; ``pixel`` is one in IOD."""

    field: torch.Tensor
    lines: torch.Tensor
    pixel: float

    def lines_at(self, x: torch.Tensor) -> torch.Tensor:
        """The wanted upper and lower inner lip (2, h, w) at places ``x`` (h, w)."""
        return lines_at(self.lines, x)

    def movement(self, plane: torch.Tensor) -> torch.Tensor:
        """From wanted plane places (2, h, w) to where their pixels are: (2, h, w), IOD.

        Between the lips the upper one's movement passes into the lower one's.
        """
        middle = plane.new_tensor([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2])
        half = plane.new_tensor([(RIGHT - LEFT) / 2, (BOTTOM - TOP) / 2])
        grid = ((plane - middle[:, None, None]) / half[:, None, None]).permute(1, 2, 0)
        both = F.grid_sample(self.field[None], grid[None], mode="bilinear", align_corners=True)[0]
        upper, lower = self.lines_at(plane[0])
        # Lips that nearly meet have nothing between them: no teeth compressed to a bright line.
        gap = lower - upper
        gap = (gap * (gap / SLIT - 0.5).clamp(0, 1)).clamp_min(0.02 * self.pixel)
        below = ((plane[1] - (upper + lower) / 2) / gap + 0.5).clamp(0, 1)
        return torch.lerp(both[:2], both[2:], below)


def lips_of(fields: Fields, view: View, device: torch.device) -> Lips:
    """The lips of a batch of one."""
    both = np.concatenate([fields.upper[0], fields.lower[0]])
    return Lips(
        torch.from_numpy(both).to(device),
        torch.from_numpy(fields.lines[0]).to(device),
        1.0 / view.scale,
    )


def lines_at(lines: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Two tabled lines (2, LINE) at places ``x`` (h, w) of the plane: (2, h, w)."""
    place = (x - LEFT) * (2 / (RIGHT - LEFT)) - 1
    grid = torch.stack([place, torch.zeros_like(place)], dim=-1)[None]
    return F.grid_sample(
        lines[None, :, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def warp(crop: torch.Tensor, view: View, fields: Fields) -> torch.Tensor:
    """A copy of the crop (3, h, w) in which everything has moved; the rest is exact."""
    warped = crop.clone()
    step = max(1, int(COARSE * view.scale))
    size = (crop.shape[1], crop.shape[2])
    rows, columns = _active(fields, view, step, size)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return warped
    lips = lips_of(fields, view, crop.device)
    movement = _coarse(lips, view, rows, columns, step)
    mouth = view.window(_mouth(fields), 2 * step, size)
    inner_rows = slice(max(mouth[0].start, rows.start), min(mouth[0].stop, rows.stop))
    inner_columns = slice(max(mouth[1].start, columns.start), min(mouth[1].stop, columns.stop))
    if inner_rows.stop > inner_rows.start and inner_columns.stop > inner_columns.start:
        exact = _pixels(lips, view, _centres(inner_rows, crop), _centres(inner_columns, crop))
        top, left = inner_rows.start - rows.start, inner_columns.start - columns.start
        movement[:, top : top + exact.shape[1], left : left + exact.shape[2]] = exact
    part = warped[:, rows, columns]
    moved = _sampled(crop, movement, rows, columns)
    moves = movement.abs().amax(dim=0) > STILL
    part[:] = torch.where(moves, moved, part)
    return warped


def _active(fields: Fields, view: View, margin: int, size: tuple[int, int]) -> Window:
    """Rows and columns of the crop in which something moves."""
    most = np.abs(np.concatenate([fields.upper[0], fields.lower[0]])).max(axis=0)
    rows, columns = np.nonzero(most * view.scale > STILL / 2)
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    x = LEFT + (RIGHT - LEFT) / (COLUMNS - 1) * np.array([columns.min() - 1, columns.max() + 1])
    y = TOP + (BOTTOM - TOP) / (ROWS - 1) * np.array([rows.min() - 1, rows.max() + 1])
    return view.window(_corners(x, y), margin, size)


def _mouth(fields: Fields) -> Floats:
    lines = fields.lines[0]
    return _corners(fields.corners[0, :, 0], np.array([lines[0].min(), lines[1].max()]))


def _corners(x: Reals, y: Reals) -> Floats:
    return np.array([[a, b] for a in x for b in y], np.float32)


def _centres(pixels: slice, crop: torch.Tensor) -> torch.Tensor:
    places = torch.arange(pixels.start, pixels.stop, device=crop.device, dtype=torch.float32)
    return places + 0.5


def _pixels(lips: Lips, view: View, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Movement (2, len(y), len(x)) in pixels."""
    move = lips.movement(view.plane(x, y))
    axes = view.axes
    return torch.stack(
        [float(axes[row, 0]) * move[0] + float(axes[row, 1]) * move[1] for row in (0, 1)]
    )


def _coarse(lips: Lips, view: View, rows: slice, columns: slice, step: int) -> torch.Tensor:
    """Movement in pixels of rows x columns, computed at every ``step``-th pixel."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    device = lips.field.device
    y = rows.start + step * (torch.arange(-(-height // step), device=device) + 0.5)
    x = columns.start + step * (torch.arange(-(-width // step), device=device) + 0.5)
    move = _pixels(lips, view, y, x)
    if step > 1:
        move = F.interpolate(move[None], scale_factor=step, mode="bilinear")[0]
    return move[:, :height, :width]


def _sampled(
    crop: torch.Tensor, movement: torch.Tensor, rows: slice, columns: slice
) -> torch.Tensor:
    height, width = crop.shape[1:]
    x = (movement[0] + _centres(columns, crop)) * (2 / width) - 1
    y = (movement[1] + _centres(rows, crop)[:, None]) * (2 / height) - 1
    grid = torch.stack([x, y]).permute(1, 2, 0)[None]
    luma = F.grid_sample(
        crop[None, :1], grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    chroma = F.grid_sample(
        crop[None, 1:], grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return torch.cat([luma, chroma], dim=1)[0].clamp(0, 255)
