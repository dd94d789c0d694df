"""From target mouth parameters to the positions of the face's landmarks.

The mouth's shape, which was learned from people who speak, describes how the landmarks move with
each parameter.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.curves import smoothstep
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.face.reading.landmarks import (
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_LOWER_LIP,
    OUTER_UPPER_LIP,
)
from heygem_daemon.face.tracking import mouth

SHAPE_FILE = "mouth_shape.safetensors"
UPPER_SHARE = 0.35
"""Share of a change of the aperture that moves the upper lip; the rest moves the lower lip."""
OUTER_SHARE = 0.75
"""Share of an inner lip's movement that the outer lip follows."""
UPPER_EDGE_SHARE = 0.1
"""Share of a change of the aperture that the edge of the upper lip follows in addition. With the
basis alone, a lip that comes down from an open mouth is a fifth thicker than the person's own
closed lip (0.014 IOD on the average of nine faces), and one that rises is thinner."""
TUCK, TUCK_PIXELS = 0.015, 2.0
"""Lips that close over teeth, and lips whose inside is replaced, are sampled from this far (IOD,
and a minimum in pixels) inside themselves: the position of their edge is accurate to only a
pixel or two, and what lies behind it must not remain along it."""
TUCK_MORE = 0.08
"""The wider a closing mouth was open, the less accurate its lips' edges are: IOD per IOD."""
FULL_TUCK_GAP = 0.04
"""Lips that are this far apart, IOD, are tucked in fully if their inside is replaced. Lips that
touch are not tucked at all: a thin lip of a small face would disappear."""
TUCK_OVER, TUCK_BELOW = 0.012, 0.05
"""The tuck is full if a gap shrinks by the first, none if it stays wider than the second, IOD."""
VISIBLE_SHARE = np.array([1.0, 0.78, 0.62, 1.0], np.float32)
"""Share of a change of each parameter that a tracker measures in the drawn picture. It was measured
on drawn faces of GRID's speaker 1 and of the demo; the landmarks move by correspondingly more.
The aperture needs no correction, because the lips' own edges show it."""
OVERSHOOT_LIMIT = np.array([0, 0.012, 0.06, 0.06], np.float32)
"""Largest addition to a change, IOD: large changes are visible in full, and a grin that is pulled
together too far becomes a pout."""
TOUCH = 0.024
"""Lips that touch are measured up to half of this apart, IOD; target apertures below it are drawn
ever closer to touching."""
SMOOTH_FROM, SMOOTH_OVER = 0.05, 0.1
"""Mouths that close by more than the first, IOD, close in a smooth line; in full from the sum of
both on."""
_MIDDLE = slice(3, 6)
"""Positions of the three pairs of ``APERTURE_PAIRS`` among the 9 pairs of inner lip points."""
_ARC = (1 - np.linspace(-1, 1, len(INNER_UPPER_LIP))[1:-1] ** 2).astype(np.float32)
_ARC /= _ARC[_MIDDLE].mean()


@dataclass(frozen=True, slots=True)
class MouthShape:
    """The average movement of speaking mouths, made by ``training/mouth_basis.py``."""

    basis: Floats
    """(4, 478, 3), canonical movement per unit of each mouth parameter, IOD per IOD."""
    quantiles: Floats
    """(Q,), aperture above closed at equally spaced quantiles, as shares of its 95th percentile."""
    deviations: Floats
    """(4,), standard deviation of each parameter in speech, IOD."""


def load_shape(weights: Path) -> MouthShape:
    """Read the shape in the folder ``weights``. Raises WeightsUnavailable."""
    path = weights / SHAPE_FILE
    try:
        tensors = load_file(path)
        return MouthShape(tensors["basis"], tensors["quantiles"], tensors["deviations"])
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsUnavailable(f"the mouth's shapes {path} cannot be read: {error}") from error


def move_landmarks(canonical: Floats, target: Floats, basis: Floats) -> Floats:
    """Move canonical landmarks (B, 478, 3) so that the drawn picture shows ``target`` (B, 4).

    The linear ``basis`` (4, 478, 3) moves all landmarks. Then the inner lips are set to the exact
    aperture, closed along their whole length if it is 0.
    """
    change = target - mouth.measure_mouth(canonical)
    change += np.clip(change / VISIBLE_SHARE - change, -OVERSHOOT_LIMIT, OVERSHOOT_LIMIT)
    moved = canonical.copy()
    for parameter in range(len(mouth.MOUTH_PARAMETERS)):
        moved += change[:, parameter, None, None] * basis[parameter]
    gaps = _target_gaps(canonical, target[:, mouth.APERTURE])
    opening = gaps[..., 0] - _lip_gaps(moved)[..., 0]
    moved[:, INNER_UPPER_LIP[1:-1], 1] -= UPPER_SHARE * opening
    moved[:, INNER_LOWER_LIP[1:-1], 1] += (1 - UPPER_SHARE) * opening
    moved[:, OUTER_UPPER_LIP[1:-1], 1] -= OUTER_SHARE * UPPER_SHARE * opening
    moved[:, OUTER_LOWER_LIP[1:-1], 1] += OUTER_SHARE * (1 - UPPER_SHARE) * opening
    moved[:, OUTER_UPPER_LIP[1:-1], 1] -= UPPER_EDGE_SHARE * change[:, mouth.APERTURE, None] * _ARC
    # Lips that touch have the same depth, so that no gap appears from above or below.
    depth = (gaps[..., 1] - _lip_gaps(moved)[..., 1]) / 2
    moved[:, INNER_UPPER_LIP[1:-1], 2] -= depth
    moved[:, INNER_LOWER_LIP[1:-1], 2] += depth
    _smooth_the_line(moved, target[:, mouth.APERTURE], -change[:, mouth.APERTURE])
    return moved


def measure_tuck(current: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Measure how a mouth closes from plane positions ``current`` (B, 478, 2) to ``target``.

    Returns how far it closes over its teeth, (B,) from 0 to 1, where they must disappear; and by
    how much the gap between its lips shrinks, (B,), IOD.
    """
    gap = _lip_gaps(current)[:, _MIDDLE, 0].mean(axis=1)
    target_gap = _lip_gaps(target)[:, _MIDDLE, 0].mean(axis=1)
    reduction = np.maximum(gap - target_gap, 0)
    closing = np.clip(reduction / TUCK_OVER, 0, 1)
    tuck: Floats = (closing * np.clip(1 - target_gap / TUCK_BELOW, 0, 1)).astype(np.float32)
    return tuck, reduction.astype(np.float32)


def interior_visibility(current: Floats) -> Floats:
    """Return how much of its inside a mouth shows at plane positions ``current`` (B, 478, 2).

    (B,), 0 if its lips touch, so that nothing behind them can remain along their edges, up to 1.
    """
    gap = _lip_gaps(current)[:, _MIDDLE, 0].mean(axis=1)
    visibility: Floats = smoothstep(gap / FULL_TUCK_GAP)
    return visibility


def tuck_depth(tuck: Floats, closing_distance: Floats, scale: Floats) -> Floats:
    """Return the depth, IOD, of a ``tuck`` (B,) of 0-1.

    ``scale``: (B,), pixels per IOD; ``closing_distance``: (B,), by how much the lips come closer,
    IOD.
    """
    deep = np.maximum(TUCK, TUCK_PIXELS / scale) + TUCK_MORE * closing_distance
    depth: Floats = (tuck * deep).astype(np.float32)
    return depth


def _smooth_the_line(moved: Floats, aperture: Floats, reduction: Floats) -> None:
    """Make lips that close from wide open meet in a parabola from corner to corner, in place.

    The line half way between the lips of a round mouth has hooks at its ends. ``aperture``: (B,),
    the target; ``reduction``: (B,), how much smaller
    the aperture gets. Both in IOD.
    """
    share = np.clip((reduction - SMOOTH_FROM) / SMOOTH_OVER, 0, 1) * np.clip(
        1 - aperture / 0.08, 0, 1
    )
    line = (moved[:, INNER_UPPER_LIP, :2] + moved[:, INNER_LOWER_LIP, :2]) / 2
    left, right = line[:, :1], line[:, -1:]
    along = (line[..., 0] - left[..., 0]) / (right[..., 0] - left[..., 0])
    arc = 4 * along * (1 - along)
    above_chord = line[..., 1] - (1 - along) * left[..., 1] - along * right[..., 1]
    height = (above_chord * arc).sum(axis=1) / np.maximum((arc * arc).sum(axis=1), 1e-6)
    shift = (share[:, None] * (height[:, None] * arc - above_chord))[:, 1:-1]
    for lip in (INNER_UPPER_LIP, INNER_LOWER_LIP):
        moved[:, lip[1:-1], 1] += shift
    for lip in (OUTER_UPPER_LIP, OUTER_LOWER_LIP):
        moved[:, lip[1:-1], 1] += OUTER_SHARE * shift


def _lip_gaps(points: Floats) -> Floats:
    """Return y and z from each inner point of the upper lip to its partner below, (B, 9, 2)."""
    steps: Floats = points[:, INNER_LOWER_LIP[1:-1], 1:] - points[:, INNER_UPPER_LIP[1:-1], 1:]
    return steps


def _target_gaps(canonical: Floats, aperture: Floats) -> Floats:
    """Return the gaps between the lips, as ``_lip_gaps``, when the mouth shows ``aperture`` (B,).

    A mouth that opens further opens in an arc; one that closes, closes in proportion.
    """
    steps = _lip_gaps(canonical)
    steps[..., 0] = np.maximum(steps[..., 0], 0)
    current = steps[:, _MIDDLE, 0].mean(axis=1)
    reduced = aperture * smoothstep(aperture / TOUCH)
    share = np.where(current > aperture, reduced / np.maximum(current, 1e-6), 1.0)
    gaps: Floats = (steps * share[:, None, None]).astype(np.float32)
    gaps[..., 0] += np.maximum(aperture - current, 0)[:, None] * _ARC
    return gaps
