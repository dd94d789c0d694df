"""How the points of a face move with the mouth's parameters, and what mouths do on the mean.

From the wanted mouth parameters to where the points of the face shall be.
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


@dataclass(frozen=True, slots=True)
class MouthShape:
    """What was learned from people who speak (``training/mouth_basis.py``).

    ``basis``: (4, 478, 3) canonical movement per unit of each mouth parameter, IOD per IOD;
    ``quantiles``: (Q,) aperture above closed at equally spaced quantiles, as shares of its 95th
    percentile; ``deviations``: (4,) standard deviation of each parameter in speech, IOD.
    """

    basis: Floats
    quantiles: Floats
    deviations: Floats


def load_shape(weights: Path) -> MouthShape:
    """Read the folder's file. Raises WeightsUnavailable."""
    path = weights / SHAPE_FILE
    try:
        tensors = load_file(path)
        return MouthShape(tensors["basis"], tensors["quantiles"], tensors["deviations"])
    except (OSError, KeyError, SafetensorError) as error:
        raise WeightsUnavailable(f"the mouth's shapes {path} cannot be read: {error}") from error


UPPER_SHARE = 0.35
"""Of a change of the aperture, what the upper lip takes; the lower lip takes the rest."""
OUTER_SHARE = 0.75
"""Of an inner lip's movement, how much the outer lip follows."""
UPPER_EDGE_SHARE = 0.1
"""Of a change of the aperture, so much the edge of the upper lip follows besides: with the basis
alone a lip that comes down from an open mouth is a fifth thicker than the person's own shut lip
(0.014 IOD on the mean of nine faces), and one that rises is thinner."""

TUCK, TUCK_PIXELS = 0.015, 2.0
"""Lips that close over teeth, and lips whose own inside is replaced, are taken from this far (IOD,
at least so many pixels) inside themselves: their edge is known to a pixel or two only, and what
lies behind it must not be left along it."""
TUCK_MORE = 0.08
"""The wider a mouth that closes was open, the less its lips' edges are known: IOD per IOD."""
FULL_TUCK_GAP = 0.04
"""Lips that are so far apart, IOD, are tucked in full when their inside is replaced. Those that
touch are not at all: a thin lip of a small face would be gone."""
TUCK_OVER, TUCK_BELOW = 0.012, 0.05
"""Full tuck where a gap closes by the first; none where it stays wider than the second, IOD."""

VISIBLE_SHARE = np.array([1.0, 0.78, 0.62, 1.0], np.float32)
"""Part of a wanted change of each parameter that the drawn picture shows to the tracker, measured
on drawn faces of GRID's speaker 1 and the demo: so much more is asked of the points. The aperture
needs none: the lips' own edges show it."""
OVERSHOOT_LIMIT = np.array([0, 0.012, 0.06, 0.06], np.float32)
"""The most that is asked beyond what is wanted, IOD: large changes are seen whole, and a grin that
is pulled together by too much is a pout."""

TOUCH = 0.024
"""Lips that touch are measured up to half of this apart, IOD: what shall be seen below it is drawn
ever nearer to touching."""

SMOOTH_FROM, SMOOTH_OVER = 0.05, 0.1
"""Mouths that close by more than the first, IOD, close in a smooth line, fully from both on."""

_MIDDLE = slice(3, 6)
"""Places of the three pairs of ``GAPS`` among the 9 pairs of inner lip points."""
_ARC = (1 - np.linspace(-1, 1, len(INNER_UPPER_LIP))[1:-1] ** 2).astype(np.float32)
_ARC /= _ARC[_MIDDLE].mean()


def move_landmarks(canonical: Floats, target: Floats, basis: Floats) -> Floats:
    """Canonical points (B, 478, 3) moved so that a picture drawn with them shows the parameters
    ``wanted`` (B, 4).

    The linear ``basis`` (4, 478, 3) carries all points along; then the inner lips are set to the
    exact aperture: closed along their whole length where it is 0.
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
    # Lips that touch are equally far away: seen from above or below, no gap may appear.
    depth = (gaps[..., 1] - _lip_gaps(moved)[..., 1]) / 2
    moved[:, INNER_UPPER_LIP[1:-1], 2] -= depth
    moved[:, INNER_LOWER_LIP[1:-1], 2] += depth
    _smooth_the_line(moved, target[:, mouth.APERTURE], -change[:, mouth.APERTURE])
    return moved


def _smooth_the_line(moved: Floats, aperture: Floats, less: Floats) -> None:
    """Lips that close from wide open meet in a parabola from corner to corner, in place.

    Half way between the lips of a round mouth there runs a line with hooks at its ends.
    ``aperture``: (B,) wanted; ``less``: (B,) by how much that is less than it was.
    """
    share = np.clip((less - SMOOTH_FROM) / SMOOTH_OVER, 0, 1) * np.clip(1 - aperture / 0.08, 0, 1)
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
    """From each inner point of the upper lip to its partner below: y and z, (B, 9, 2)."""
    steps: Floats = points[:, INNER_LOWER_LIP[1:-1], 1:] - points[:, INNER_UPPER_LIP[1:-1], 1:]
    return steps


def _target_gaps(canonical: Floats, aperture: Floats) -> Floats:
    """The steps between the lips, as ``_between``, when the mouth shows ``aperture`` (B,).

    A mouth that must open more does so in an arc; one that must close does so in proportion.
    """
    steps = _lip_gaps(canonical)
    steps[..., 0] = np.maximum(steps[..., 0], 0)
    now = steps[:, _MIDDLE, 0].mean(axis=1)
    nearer = aperture * smoothstep(aperture / TOUCH)
    share = np.where(now > aperture, nearer / np.maximum(now, 1e-6), 1.0)
    gaps: Floats = (steps * share[:, None, None]).astype(np.float32)
    gaps[..., 0] += np.maximum(aperture - now, 0)[:, None] * _ARC
    return gaps


def measure_tuck(current: Floats, target: Floats) -> tuple[Floats, Floats]:
    """How much a mouth closes over its teeth from plane positions ``now`` (B, 478, 2) to
    ``wanted``: (B,), 0 not at all … 1 so that they must vanish; and by how much the gap between
    its lips shrinks: (B,), IOD."""
    gap = _lip_gaps(current)[:, _MIDDLE, 0].mean(axis=1)
    wanted_gap = _lip_gaps(target)[:, _MIDDLE, 0].mean(axis=1)
    less = np.maximum(gap - wanted_gap, 0)
    closing = np.clip(less / TUCK_OVER, 0, 1)
    tuck: Floats = (closing * np.clip(1 - wanted_gap / TUCK_BELOW, 0, 1)).astype(np.float32)
    return tuck, less.astype(np.float32)


def interior_visibility(current: Floats) -> Floats:
    """How much a mouth with plane positions ``now`` (B, 478, 2) shows of its inside: (B,), 0 where
    its lips touch, so that nothing behind them can be left along their edges."""
    gap = _lip_gaps(current)[:, _MIDDLE, 0].mean(axis=1)
    shows: Floats = smoothstep(gap / FULL_TUCK_GAP)
    return shows


def tuck_depth(tuck: Floats, closing_distance: Floats, scale: Floats) -> Floats:
    """``tuck`` (B,) of 0-1 in IOD, for faces of ``scale`` (B,) pixels per IOD whose lips come
    nearer by ``less`` (B,) IOD."""
    deep = np.maximum(TUCK, TUCK_PIXELS / scale) + TUCK_MORE * closing_distance
    depth: Floats = (tuck * deep).astype(np.float32)
    return depth
