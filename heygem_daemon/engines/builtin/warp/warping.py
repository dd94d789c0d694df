"""Moves the pixels of one crop along the warp fields."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.field import WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    CropWindow,
    PlaneView,
    is_empty,
    pixel_centres,
)
from heygem_daemon.engines.builtin.warp.sampling import restore_sharpness, sample_planes
from heygem_daemon.engines.patch import row_strips

Reals = NDArray[np.floating[Any]]

STILL_PIXELS = 0.02
"""A pixel that would move by less than this many pixels stays exactly as it is."""
SEAM_PIXELS = 1.5
"""Width in pixels of the transition between the two lips. Each is sampled on its own side of the
teeth: a gap of one pixel, sampled across them, would be a row of dots."""
GRID_SPACING = 0.025
"""Spacing, IOD, at which smooth movement is computed; it is interpolated between."""
_REGION_MIDDLE = np.array([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2])
_REGION_HALF = np.array([(RIGHT - LEFT) / 2, (BOTTOM - TOP) / 2])


@dataclass(frozen=True, slots=True)
class FrameWarp:
    """Warp fields and the line between the lips of one frame on the drawing device."""

    field: torch.Tensor
    """(1, 4, ROWS, COLUMNS), x and y of the upper field, then of the lower field, pixels."""
    line: torch.Tensor
    """(1, 1, 2, LINE_SAMPLES), twice the row of ``field``, -1 to 1, of the middle between the inner
    lips at each x."""
    steepness: float
    """Rows of ``field``, from -1 to 1, for 1: how fast one lip passes into the other."""
    to_grid: Floats
    """(2, 3), from pixels to columns and rows of ``field``, -1 to 1."""

    def displacements(self, y: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the displacements, pixels, at target pixel positions ``y`` (h,) and ``x`` (w,).

        The first result is (2, 2, h, w), with the upper lip and with the lower lip; the second
        (h, w) is the share of the lower one, 0-1.
        """
        grid = torch.stack(
            [
                (y * float(down) + float(shift))[:, None] + x * float(across)
                for across, down, shift in self.to_grid
            ]
        )
        places = grid.permute(1, 2, 0)[None]
        both = F.grid_sample(self.field, places, mode="bilinear", align_corners=True)
        middle = F.grid_sample(
            self.line, places, mode="bilinear", padding_mode="border", align_corners=True
        )[0, 0]
        below = (grid[1] - middle).mul_(self.steepness).add_(0.5).clamp_(0, 1)
        return both.view(2, 2, *below.shape), below


def build_frame_warp(
    fields: WarpFields, row: int, view: PlaneView, device: torch.device
) -> FrameWarp:
    """Return the warp of one frame, ``row`` of ``fields``."""
    axes = view.axes.astype(np.float64)
    moves = np.stack([fields.upper[row], fields.lower[row]])
    field = (view.axes @ moves.reshape(2, 2, -1)).reshape(1, 4, *moves.shape[2:])
    middle, half = _REGION_MIDDLE, _REGION_HALF
    line = (fields.inner_lip_lines[row].mean(axis=0) - middle[1]) / half[1]
    inverse = np.linalg.inv(axes)
    shift = -inverse @ view.origin - middle
    return FrameWarp(
        torch.from_numpy(field).to(device),
        torch.from_numpy(np.stack([line, line])[None, None].astype(np.float32)).to(device),
        float(half[1]) * view.scale / SEAM_PIXELS,
        np.column_stack([inverse, shift]) / half[:, None],
    )


def interpolate_lines(lines: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return two sampled lines (2, LINE_SAMPLES) at places ``x`` (h, w) of the plane: (2, h, w)."""
    place = (x - LEFT) * (2 / (RIGHT - LEFT)) - 1
    grid = torch.stack([place, torch.zeros_like(place)], dim=-1)[None]
    return F.grid_sample(
        lines[None, :, None], grid, mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def warp(crop: torch.Tensor, view: PlaneView, fields: WarpFields, row: int) -> torch.Tensor:
    """Return a copy of the crop (3, h, w), moved as ``row`` of ``fields`` says.

    Pixels that do not move are exact.
    """
    warped = crop.clone()
    step = max(1, int(GRID_SPACING * view.scale))
    size = (crop.shape[1], crop.shape[2])
    frame_warp = build_frame_warp(fields, row, view, crop.device)
    both, below = frame_warp.displacements(
        *(_group_centres(length, step, crop.device) for length in size)
    )
    coarse = torch.lerp(both[0], both[1], below)
    cells = _moving_window(coarse)
    if is_empty(cells):
        return warped
    movement, window = _fine(coarse, cells, step, size)
    _sample_displaced(crop, movement[None], window, warped[None, :, *window])
    mouth = _within(view.window(_mouth_corners(fields, row), 2 * step, size), window)
    if not is_empty(mouth):
        both, below = frame_warp.displacements(
            *(pixel_centres(part, crop.device) for part in mouth)
        )
        lips = warped.new_empty((2, *warped[:, *mouth].shape))
        _sample_displaced(crop, both, mouth, lips)
        torch.lerp(lips[0], lips[1], below, out=warped[:, *mouth])
    return warped


def _sample_displaced(
    crop: torch.Tensor, movement: torch.Tensor, window: CropWindow, target: torch.Tensor
) -> None:
    """Write ``window`` of the crop to each of N targets (N, 3, h, w), each pixel sampled from
    elsewhere.

    ``movement``: (N, 2, h, w), how far away it is sampled, pixels.
    """
    rows, columns = window
    height = rows.stop - rows.start
    # A pixel is 2 / size of the sampling grid.
    down, across = (2 / length for length in crop.shape[1:])
    y = pixel_centres(rows, crop.device).mul_(down).sub_(1)[:, None]
    x = pixel_centres(columns, crop.device).mul_(across).sub_(1)
    for strip in row_strips(target):
        # Sharpness needs a row more on either side.
        near = slice(max(0, strip.start - 1), min(strip.stop + 1, height))
        moves = movement[:, :, near]
        grid = torch.empty_like(moves)
        torch.add(x, moves[:, 0], alpha=across, out=grid[:, 0])
        torch.add(y[near], moves[:, 1], alpha=down, out=grid[:, 1])
        luma, chroma = sample_planes(crop, grid.permute(0, 2, 3, 1))
        core = slice(strip.start - near.start, strip.stop - near.start)
        distances = moves[:, :, core].abs()
        sharp = restore_sharpness(luma, distances, core)
        moving = distances.amax(dim=1, keepdim=True)
        # As floats from the start: truth values that are converted take eight times as long.
        torch.gt(moving, STILL_PIXELS, out=moving)
        shown = crop[None, :, rows.start + strip.start : rows.start + strip.stop, columns]
        # Four times as fast as a choice by truth values; the ends are exact.
        torch.lerp(shown[:, :1], sharp, moving, out=target[:, :1, strip])
        torch.lerp(shown[:, 1:], chroma[:, :, core], moving, out=target[:, 1:, strip])


def _moving_window(coarse: torch.Tensor) -> CropWindow:
    """Return rows and columns of a coarse movement (2, h, w) that contain everything that moves.

    The window has a margin of one.
    """
    moves = (coarse.abs().amax(dim=0) > STILL_PIXELS / 2).cpu().numpy()
    rows, columns = (_moving_span(moves, axis) for axis in (0, 1))
    return rows, columns


def _moving_span(moves: NDArray[np.bool_], axis: int) -> slice:
    """Return the rows (axis 0) or columns (axis 1) in which something moves, and one more."""
    places = np.flatnonzero(moves.any(axis=1 - axis))
    if not len(places):
        return slice(0, 0)
    return slice(max(0, int(places[0]) - 1), int(places[-1]) + 2)


def _fine(
    coarse: torch.Tensor, cells: CropWindow, step: int, size: tuple[int, int]
) -> tuple[torch.Tensor, CropWindow]:
    """Return the movement of some cells at every pixel, and their rows and columns.

    ``size``: (h, w) of the crop.
    """
    part = coarse[:, *cells]
    if step > 1:
        part = F.interpolate(part[None], scale_factor=step, mode="bilinear")[0]
    rows, columns = (
        slice(cell.start * step, min(cell.stop * step, length))
        for cell, length in zip(cells, size, strict=True)
    )
    height, width = rows.stop - rows.start, columns.stop - columns.start
    return part[:, :height, :width], (rows, columns)


def _within(inner: CropWindow, outer: CropWindow) -> CropWindow:
    """Return the intersection of two windows."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(inner, outer, strict=True)
    )
    return rows, columns


def _mouth_corners(fields: WarpFields, row: int) -> Floats:
    """Return the corners (4, 2) of the rectangle around a frame's target lips, IOD."""
    lines = fields.inner_lip_lines[row]
    return _corners(fields.corners[row, :, 0], np.array([lines[0].min(), lines[1].max()]))


def _corners(x: Reals, y: Reals) -> Floats:
    """Return all combinations of ``x`` and ``y``."""
    return np.array([[a, b] for a in x for b in y], np.float32)


def _group_centres(length: int, step: int, device: torch.device) -> torch.Tensor:
    """Return the centres of groups of ``step`` pixels that cover ``length``."""
    places = torch.arange(-(-length // step), device=device, dtype=torch.float32)
    return step * (places + 0.5)
