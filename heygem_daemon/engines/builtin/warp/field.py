"""From where each place of the mouth's plane takes its pixels.

There are two displacement fields on one coarse grid: one for everything that moves with the upper
lip, one for everything that moves with the lower lip. In each column of the grid they pass through
the curves of the face that the column crosses (nose, outer lip, inner lip; inner lip, outer lip,
jaw, throat), monotonically, so that skin is stretched and squeezed but never folded. Both are zero
at the region's border.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.curves import hermite_curve, smoothstep
from heygem_daemon.engines.builtin.warp.mouth_plane import BOTTOM, LEFT, RIGHT, TOP
from heygem_daemon.face.reading.landmarks import (
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    JAW_CONTOUR,
    NOSE_BASE,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)

COLUMNS, ROWS = 65, 57
"""Size of the grid."""
LINE_SAMPLES = 193
"""Number of places along x at which the inner lip lines are sampled."""

CHEEK_TOP = -0.5
"""Where the movement of a corner of the mouth ends above it, IOD in the plane."""
THROAT = 0.32
"""How far below the jaw its movement ends, IOD."""
SIDE_FALLOFF = 0.45
"""How far beside the corners of the mouth, and beside the jaw, their movement ends, IOD."""
UPPER_TUCKED, LOWER_TUCKED = 0.15, 0.4
"""Largest share of a lip's own thickness that is removed at its edge. What remains is stretched
over the whole lip, and the thin upper lip of a grin would be drawn from a pixel or two. Its edge
is more accurate: light comes from above, and what remains along edges are the teeth below it."""
BORDER_FADE = 0.25
"""Width of the strip inside the border in which the displacement fades to zero, IOD."""

_X = np.linspace(LEFT, RIGHT, COLUMNS, dtype=np.float32)
_Y = np.linspace(TOP, BOTTOM, ROWS, dtype=np.float32)
_TUCKED = np.clip(2 - 2 * np.linspace(-1, 1, len(INNER_UPPER_LIP)) ** 2, 0, 1).astype(np.float32)
_LINE_X = np.linspace(LEFT, RIGHT, LINE_SAMPLES, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class WarpFields:
    """The displacement fields of B output frames."""

    upper: Floats
    """(B, 2, ROWS, COLUMNS), from a target place to where its pixels are in the source, IOD."""
    lower: Floats
    """(B, 2, ROWS, COLUMNS), the same for the lower lip."""
    inner_lip_lines: Floats
    """(B, 2, LINE_SAMPLES), the y of the target's upper and lower inner lip at each x, IOD."""
    corners: Floats
    """(B, 2, 2), the target's corners of the mouth, IOD."""


def build_warp_fields(current: Floats, target: Floats, tuck: Floats, closing: Floats) -> WarpFields:
    """Return the fields that move landmarks from ``current`` to ``target``.

    Both are plane positions (B, 478, 2). ``tuck``: (B,), how far inside themselves the lips' edges
    are sampled, IOD; ``closing``: (B,), 0-1, how far that also applies to their corners, whose
    shadow belongs only to an open mouth.
    """
    back = current - target
    share = np.maximum(_TUCKED, closing[:, None])
    tucks = (tuck[:, None] * share).astype(np.float32)
    upper_tucks = np.minimum(
        tucks, UPPER_TUCKED * _thickness(current, OUTER_UPPER_LIP, INNER_UPPER_LIP)
    )
    lower_tucks = np.minimum(
        tucks, LOWER_TUCKED * _thickness(current, INNER_LOWER_LIP, OUTER_LOWER_LIP)
    )
    inner_upper = _inner_lip_curve(target, back, INNER_UPPER_LIP, -upper_tucks)
    outer_upper = _curve(target, back, OUTER_UPPER_LIP)
    inner_lower = _inner_lip_curve(target, back, INNER_LOWER_LIP, lower_tucks)
    outer_lower = _curve(target, back, OUTER_LOWER_LIP)
    beside = _side_falloff(target, OUTER_UPPER_LIP)
    for curve in (inner_upper, outer_upper, inner_lower, outer_lower):
        curve[..., 1:] *= beside[..., None]
    jaw = _jaw(target, back, outer_lower)
    nose = target[:, NOSE_BASE, 1, None]
    width = smoothstep((np.abs(_X) - np.float32(0.15)) / np.float32(0.35))
    rest = np.zeros_like(outer_upper)
    rest[..., 0] = np.minimum(nose + width * (CHEEK_TOP - nose), outer_upper[..., 0] - 0.05)
    throat = np.zeros_like(jaw)
    throat[..., 0] = jaw[..., 0] + THROAT
    border = _border()
    return WarpFields(
        upper=(_interpolate_columns([rest, outer_upper, inner_upper]) * border).astype(np.float32),
        lower=(_interpolate_columns([inner_lower, outer_lower, jaw, throat]) * border).astype(
            np.float32
        ),
        inner_lip_lines=inner_lip_lines(target),
        corners=target[:, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]]],
    )


def inner_lip_lines(points: Floats) -> Floats:
    """Return the y of the upper and the lower inner lip along x, (B, 2, LINE_SAMPLES).

    ``points``: landmarks (B, 478, 2) in the plane. The lower line is never above the upper one.
    """
    lines = []
    for lip in (INNER_UPPER_LIP, INNER_LOWER_LIP):
        at = points[:, lip]
        lines.append(hermite_curve(at[..., 0], at[..., 1:], _LINE_X)[..., 0])
    return np.stack([lines[0], np.maximum(lines[0], lines[1])], axis=1).astype(np.float32)


def _curve(target: Floats, back: Floats, points: tuple[int, ...]) -> Floats:
    """Return the y and the displacement of a curve of the face in each column: (B, COLUMNS, 3)."""
    at = target[:, points]
    values = np.concatenate([at[..., 1:], back[:, points]], axis=2)
    return hermite_curve(at[..., 0], values, _X)


def _inner_lip_curve(target: Floats, back: Floats, lip: tuple[int, ...], tuck: Floats) -> Floats:
    """Return ``_curve`` of an inner lip, extended to the outer corners.

    Between the outer corners and the inner lip's own corners, a smile is still dark. The pixels of
    the lip's points come from ``tuck`` (B, K) below them, those of the outer corners from as far as
    those of the inner corners beside them.
    """
    points = (OUTER_UPPER_LIP[0], *lip, OUTER_UPPER_LIP[-1])
    at, movement = target[:, points], back[:, points]
    movement[..., 1] += np.pad(tuck, ((0, 0), (1, 1)), mode="edge")
    values = np.concatenate([at[..., 1:], movement], axis=2)
    return hermite_curve(at[..., 0], values, _X)


def _thickness(current: Floats, above: tuple[int, ...], below: tuple[int, ...]) -> Floats:
    """Return the average distance of a lip's edges in the middle of the lip, (B, 1)."""
    middle = slice(3, 8)
    distance = (current[:, below, 1] - current[:, above, 1])[:, middle].mean(axis=1, keepdims=True)
    thickness: Floats = np.maximum(distance, 0)
    return thickness


def _side_falloff(target: Floats, points: tuple[int, ...]) -> Floats:
    """Return (B, COLUMNS): 1 in columns that cross the curve, falling to 0 beside its ends."""
    left, right = target[:, points[0], 0, None], target[:, points[-1], 0, None]
    distance = np.maximum(np.maximum(left - _X, _X - right), 0)
    return 1 - smoothstep(distance / SIDE_FALLOFF)


def _jaw(target: Floats, back: Floats, lip: Floats) -> Floats:
    """Return ``_curve`` of the jaw, kept below the lower ``lip``."""
    jaw = _curve(target, back, JAW_CONTOUR)
    jaw[..., 0] = np.maximum(jaw[..., 0], lip[..., 0] + 0.2)
    jaw[..., 1:] *= _side_falloff(target, JAW_CONTOUR)[..., None]
    return jaw


def _interpolate_columns(curves: list[Floats]) -> Floats:
    """Return the displacement in each column, (B, 2, ROWS, COLUMNS).

    It is interpolated between curves (B, COLUMNS, 3) from top to bottom; constant above the first
    and below the last.
    """
    y = _Y[:, None]
    field = np.repeat(curves[0][..., 1:].transpose(0, 2, 1)[:, :, None], ROWS, axis=2)
    part = np.empty_like(field)
    for above, below in pairwise(curves):
        # In place: new arrays of this size take twice as long as the arithmetic.
        share = y - above[:, None, :, 0]
        share /= np.maximum(below[..., 0] - above[..., 0], 1e-3)[:, None]
        np.clip(share, 0, 1, out=share)
        step = (below - above)[..., 1:].transpose(0, 2, 1)[:, :, None]
        field += np.multiply(share[:, None], step, out=part)
    return field


def _border() -> Floats:
    """Return (ROWS, COLUMNS): 1 inside, exactly 0 at the border."""
    x = smoothstep(np.minimum(_X - LEFT, RIGHT - _X) / BORDER_FADE)
    y = smoothstep(np.minimum(_Y - TOP, BOTTOM - _Y) / BORDER_FADE)
    return y[:, None] * x[None]
