"""Where each place of the mouth's plane takes its pixels from.

Two displacement fields on one coarse grid, for all that hangs on the upper lip and for all that
hangs on the lower one. Down each column of the grid they run through the curves of the face that
the column crosses (nose, outer lip, inner lip; inner lip, outer lip, jaw, throat), monotonously, so
that skin is stretched and squeezed but never folded. Both end in zero at the region's border.
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
LINE_SAMPLES = 193
"""Places along x at which the inner lips' lines are tabled."""

CHEEK_TOP = -0.5
"""Where the movement of a mouth's corner ends above it."""
THROAT = 0.32
"""How far below the jaw its movement ends."""
SIDE_FALLOFF = 0.45
"""How far beside the corners of the mouth, and beside the jaw, their movement ends."""
UPPER_TUCKED, LOWER_TUCKED = 0.15, 0.4
"""Of a lip's own thickness, no more is taken away at its edge: what is left is stretched over the
whole lip, and the thin upper one of a grin would be drawn from a pixel or two. Its edge is the
better known: light comes from above, and what remains along edges are the teeth below it."""
BORDER_FADE = 0.25
"""Width of the strip inside the border in which everything fades to zero."""

_X = np.linspace(LEFT, RIGHT, COLUMNS, dtype=np.float32)
_Y = np.linspace(TOP, BOTTOM, ROWS, dtype=np.float32)
_TUCKED = np.clip(2 - 2 * np.linspace(-1, 1, len(INNER_UPPER_LIP)) ** 2, 0, 1).astype(np.float32)
_LINE_X = np.linspace(LEFT, RIGHT, LINE_SAMPLES, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class WarpFields:
    """``upper``, ``lower``: (B, 2, ROWS, COLUMNS) from a wanted place to where its pixels are now,
    IOD. ``lines``: (B, 2, LINE) the y of the wanted upper and lower inner lip at each x.
    ``corners``: (B, 2, 2) the wanted corners of the mouth."""

    upper: Floats
    lower: Floats
    inner_lip_lines: Floats
    corners: Floats


def build_warp_fields(current: Floats, target: Floats, tuck: Floats, closing: Floats) -> WarpFields:
    """Fields from plane positions (B, 478, 2) of the points, as they are and as they shall be.

    ``tuck``: (B,) IOD, how far inside themselves the lips' edges are taken from; ``closed``: (B,)
    0-1, how far that holds at their corners, too, whose shadow belongs to an open mouth alone.
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
    """The y of the upper and lower inner lip at ``LINE`` places of x: (B, 2, LINE)."""
    lines = []
    for lip in (INNER_UPPER_LIP, INNER_LOWER_LIP):
        at = points[:, lip]
        lines.append(hermite_curve(at[..., 0], at[..., 1:], _LINE_X)[..., 0])
    return np.stack([lines[0], np.maximum(lines[0], lines[1])], axis=1).astype(np.float32)


def _curve(wanted: Floats, back: Floats, points: tuple[int, ...]) -> Floats:
    """(B, COLUMNS, 3): y of a curve of the face in each column, and the displacement there."""
    at = wanted[:, points]
    values = np.concatenate([at[..., 1:], back[:, points]], axis=2)
    return hermite_curve(at[..., 0], values, _X)


def _inner_lip_curve(wanted: Floats, back: Floats, lip: tuple[int, ...], tuck: Floats) -> Floats:
    """``_curve`` of an inner lip, drawn on to the outer corners: between them and its own corners a
    smile is still dark. The pixels of its points come from ``tuck`` (B, K) below, those of the
    outer corners from as far as those of the inner ones beside them."""
    points = (OUTER_UPPER_LIP[0], *lip, OUTER_UPPER_LIP[-1])
    at, movement = wanted[:, points], back[:, points]
    movement[..., 1] += np.pad(tuck, ((0, 0), (1, 1)), mode="edge")
    values = np.concatenate([at[..., 1:], movement], axis=2)
    return hermite_curve(at[..., 0], values, _X)


def _thickness(now: Floats, above: tuple[int, ...], below: tuple[int, ...]) -> Floats:
    """(B, 1): how far the lower edge of a lip is below its upper one, on the mean of its middle."""
    middle = slice(3, 8)
    apart = (now[:, below, 1] - now[:, above, 1])[:, middle].mean(axis=1, keepdims=True)
    thickness: Floats = np.maximum(apart, 0)
    return thickness


def _side_falloff(wanted: Floats, points: tuple[int, ...]) -> Floats:
    """(B, COLUMNS): 1 in columns that cross the curve, falling to 0 beside its ends."""
    left, right = wanted[:, points[0], 0, None], wanted[:, points[-1], 0, None]
    distance = np.maximum(np.maximum(left - _X, _X - right), 0)
    return 1 - smoothstep(distance / SIDE_FALLOFF)


def _jaw(wanted: Floats, back: Floats, lip: Floats) -> Floats:
    jaw = _curve(wanted, back, JAW_CONTOUR)
    jaw[..., 0] = np.maximum(jaw[..., 0], lip[..., 0] + 0.2)
    jaw[..., 1:] *= _side_falloff(wanted, JAW_CONTOUR)[..., None]
    return jaw


def _interpolate_columns(curves: list[Floats]) -> Floats:
    """Displacement down each column through curves (B, COLUMNS, 3) from top to bottom:
    (B, 2, ROWS, COLUMNS). Constant above the first and below the last."""
    y = _Y[:, None]
    field = np.repeat(curves[0][..., 1:].transpose(0, 2, 1)[:, :, None], ROWS, axis=2)
    for above, below in pairwise(curves):
        span = np.maximum(below[..., 0] - above[..., 0], 1e-3)[:, None]
        share = np.clip((y - above[:, None, :, 0]) / span, 0, 1)
        step = (below - above)[..., 1:].transpose(0, 2, 1)[:, :, None]
        field = field + share[:, None] * step
    return field


def _border() -> Floats:
    """(ROWS, COLUMNS): 1 inside, exactly 0 at the border."""
    x = smoothstep(np.minimum(_X - LEFT, RIGHT - _X) / BORDER_FADE)
    y = smoothstep(np.minimum(_Y - TOP, BOTTOM - _Y) / BORDER_FADE)
    return y[:, None] * x[None]
