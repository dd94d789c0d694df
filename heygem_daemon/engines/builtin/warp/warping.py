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
from heygem_daemon.engines.builtin.warp.sampling import restore_sharpness, sample_picture
from heygem_daemon.engines.patch import row_strips

Reals = NDArray[np.floating[Any]]

STILL_PIXELS = 0.02
"""A pixel that would move by less than this many pixels stays exactly as it is."""
SEAM_PIXELS = 1.5
"""Width in pixels of the transition between the two lips. Each is sampled on its own side of the
teeth: a gap of one pixel, sampled across them, would be a row of dots."""
GRID_SPACING = 0.025
"""Spacing, IOD, at which smooth movement is computed; it is interpolated between."""


@dataclass(frozen=True, slots=True)
class FrameWarp:
    """Warp fields and inner lip lines of one frame on the drawing device."""

    field: torch.Tensor
    """(4, ROWS, COLUMNS), x and y of the upper field, then of the lower field, IOD."""
    lines: torch.Tensor
    """(2, LINE_SAMPLES), as in ``WarpFields``."""
    pixel_size: float
    """Size of a pixel, IOD."""

    def displacements(self, plane: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the displacements, IOD, from target places ``plane`` (2, h, w) to their pixels.

        The first result is (4, h, w), with the upper lip and with the lower lip; the second (h, w)
        is the share of the lower one, 0-1.
        """
        middle = plane.new_tensor([(LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2])
        half = plane.new_tensor([(RIGHT - LEFT) / 2, (BOTTOM - TOP) / 2])
        grid = ((plane - middle[:, None, None]) / half[:, None, None]).permute(1, 2, 0)
        both = F.grid_sample(self.field[None], grid[None], mode="bilinear", align_corners=True)[0]
        middle_line = interpolate_lines(self.lines, plane[0]).mean(dim=0)
        below = ((plane[1] - middle_line) / (SEAM_PIXELS * self.pixel_size) + 0.5).clamp(0, 1)
        return both, below


def build_frame_warp(
    fields: WarpFields, row: int, view: PlaneView, device: torch.device
) -> FrameWarp:
    """Return the warp of one frame, ``row`` of ``fields``."""
    both = np.concatenate([fields.upper[row], fields.lower[row]])
    return FrameWarp(
        torch.from_numpy(both).to(device),
        torch.from_numpy(fields.inner_lip_lines[row]).to(device),
        1.0 / view.scale,
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
    both, below = _pixels(
        frame_warp, view, *(_group_centres(length, step, crop.device) for length in size)
    )
    coarse = torch.lerp(both[:2], both[2:], below)
    cells = _moving_window(coarse)
    if is_empty(cells):
        return warped
    movement, window = _fine(coarse, cells, step, size)
    _sample_displaced(crop, movement, window, warped[:, *window])
    mouth = _within(view.window(_mouth_corners(fields, row), 2 * step, size), window)
    if not is_empty(mouth):
        both, below = _pixels(
            frame_warp, view, *(pixel_centres(part, crop.device) for part in mouth)
        )
        upper, lower = (torch.empty_like(warped[:, *mouth]) for _ in range(2))
        _sample_displaced(crop, both[:2], mouth, upper)
        _sample_displaced(crop, both[2:], mouth, lower)
        torch.lerp(upper, lower, below, out=warped[:, *mouth])
    return warped


def _sample_displaced(
    crop: torch.Tensor, movement: torch.Tensor, window: CropWindow, target: torch.Tensor
) -> None:
    """Write ``window`` of the crop to ``target`` (3, h, w), each pixel sampled from elsewhere.

    ``movement``: (2, h, w), how far away it is sampled, pixels.
    """
    rows, columns = window
    height = rows.stop - rows.start
    y, x = (pixel_centres(part, crop.device) for part in window)
    for strip in row_strips(target):
        # Sharpness needs a row more on either side.
        near = slice(max(0, strip.start - 1), min(strip.stop + 1, height))
        places = torch.empty_like(movement[:, near])
        torch.add(movement[0, near], x, out=places[0])
        torch.add(movement[1, near], y[near, None], out=places[1])
        moved = sample_picture(crop, places)
        core = slice(strip.start - near.start, strip.stop - near.start)
        sharp = restore_sharpness(moved[:1], places, core)
        moved = moved[:, core]
        moved[:1] = sharp
        moves = (torch.maximum(*movement[:, strip].abs()) > STILL_PIXELS).float()
        shown = crop[:, rows.start + strip.start : rows.start + strip.stop, columns]
        torch.lerp(shown, moved, moves, out=target[:, strip])


def _moving_window(coarse: torch.Tensor) -> CropWindow:
    """Return rows and columns of a coarse movement (2, h, w) that contain everything that moves.

    The window has a margin of one.
    """
    moves = torch.maximum(*coarse.abs()) > STILL_PIXELS / 2
    bounds = []
    for axis in (1, 0):
        places = moves.any(dim=axis).nonzero()[:, 0].tolist()
        bounds.append(slice(max(0, places[0] - 1), places[-1] + 2) if places else slice(0, 0))
    rows, columns = bounds
    return rows, columns


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


def _pixels(
    frame_warp: FrameWarp, view: PlaneView, y: torch.Tensor, x: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``FrameWarp.displacements`` in pixels, at len(y) rows and len(x) columns."""
    both, below = frame_warp.displacements(view.to_plane(x, y))
    axes = view.axes
    pixels = [
        float(axes[row, 0]) * move[0] + float(axes[row, 1]) * move[1]
        for move in (both[:2], both[2:])
        for row in (0, 1)
    ]
    return torch.stack(pixels), below


def _group_centres(length: int, step: int, device: torch.device) -> torch.Tensor:
    """Return the centres of groups of ``step`` pixels that cover ``length``."""
    places = torch.arange(-(-length // step), device=device, dtype=torch.float32)
    return step * (places + 0.5)
