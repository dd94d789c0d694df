"""From the wanted mouth parameters to where the points of the face shall be."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin import mouth
from heygem_daemon.face.landmarks import INNER_LOWER, INNER_UPPER, OUTER_LOWER, OUTER_UPPER

Floats = NDArray[np.float32]

UPPER_SHARE = 0.35
"""Of a change of the aperture, what the upper lip takes; the lower lip takes the rest."""
OUTER_SHARE = 0.75
"""Of an inner lip's movement, how much the outer lip follows."""

TUCK = 0.018
"""Lips that close over teeth are taken from this far inside themselves, IOD: their edge is known
to a pixel or two only, and what lies behind it must not shine through."""
TUCK_OVER, TUCK_BELOW = 0.04, 0.06
"""Full tuck where a gap closes by the first; none where it stays wider than the second, IOD."""

_ALONG = np.linspace(-1, 1, len(INNER_UPPER), dtype=np.float32)
_PROFILE = np.sqrt(1 - _ALONG**2).astype(np.float32)
_MIDDLE = slice(4, 7)
"""Places of the three pairs of ``GAPS`` along the inner lips."""


def moved_points(canonical: Floats, wanted: Floats, basis: Floats) -> Floats:
    """Canonical points (B, 478, 3) moved so that they show the parameters ``wanted`` (B, 4).

    The linear ``basis`` (4, 478, 3) carries all points along; then the inner lips are set to the
    exact aperture: closed along their whole length where it is 0.
    """
    change = wanted - mouth.measure(canonical)
    moved = canonical.copy()
    for parameter in range(len(mouth.PARAMETERS)):
        moved += change[:, parameter, None, None] * basis[parameter]
    opening = _opening(moved, wanted[:, mouth.APERTURE])
    moved[:, INNER_UPPER, 1] -= UPPER_SHARE * opening
    moved[:, INNER_LOWER, 1] += (1 - UPPER_SHARE) * opening
    moved[:, OUTER_UPPER[1:-1], 1] -= OUTER_SHARE * UPPER_SHARE * opening[:, 1:-1]
    moved[:, OUTER_LOWER[1:-1], 1] += OUTER_SHARE * (1 - UPPER_SHARE) * opening[:, 1:-1]
    return moved


def _opening(points: Floats, aperture: Floats) -> Floats:
    """How much each of the 11 pairs of inner lip points has to open, (B, 11).

    A mouth that must open more does so in an arc; one that must close does so in proportion.
    """
    gaps = points[:, INNER_LOWER, 1] - points[:, INNER_UPPER, 1]
    crossed = np.minimum(gaps, 0)
    gaps = np.maximum(gaps, 0)
    now = gaps[:, _MIDDLE].mean(axis=1)
    more = np.maximum(aperture - now, 0)[:, None] * (_PROFILE / _PROFILE[_MIDDLE].mean())
    share = np.where(now > aperture, aperture / np.maximum(now, 1e-6), 1.0)
    opening: Floats = (more + gaps * (share[:, None] - 1) - crossed).astype(np.float32)
    opening[:, [0, -1]] = 0
    return opening


def tuck_of(now: Floats, wanted: Floats) -> Floats:
    """How much each of the 11 pairs of inner lip points closes from plane positions ``now``
    (B, 478, 2) to ``wanted``: (B, 11), 0 not at all … 1 where teeth must vanish."""
    gap = now[:, INNER_LOWER, 1] - now[:, INNER_UPPER, 1]
    wanted_gap = wanted[:, INNER_LOWER, 1] - wanted[:, INNER_UPPER, 1]
    closing = np.clip((gap - wanted_gap) / TUCK_OVER, 0, 1)
    tuck: Floats = (closing * np.clip(1 - wanted_gap / TUCK_BELOW, 0, 1)).astype(np.float32)
    return tuck


def tucked(now: Floats, tuck: Floats) -> Floats:
    """Plane positions ``now`` with the inner lips' edges drawn back into the lips by ``tuck``."""
    drawn_back = now.copy()
    drawn_back[:, INNER_UPPER[1:-1], 1] -= TUCK * tuck[:, 1:-1]
    drawn_back[:, INNER_LOWER[1:-1], 1] += TUCK * tuck[:, 1:-1]
    return drawn_back
