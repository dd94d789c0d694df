"""Smooth curves through a few points, for many frames at once."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats

_APART = 1e-3
"""Smallest distance between two knots."""


def smoothstep(x: Floats) -> Floats:
    """Return 0 below 0, 1 above 1, and a smooth transition between."""
    x = np.clip(x, 0, 1)
    smooth: Floats = x * x * (3 - 2 * x)
    return smooth


def hermite_curve(knots: Floats, values: Floats, places: Floats) -> Floats:
    """Return cubic Hermite curves through given values, (B, M, D).

    They pass through ``values`` (B, K, D) at x = ``knots`` (B, K), and are read at ``places`` (M,)
    or (B, M). Constant beyond the first and the last knot. Slopes are central differences
    (Catmull-Rom for uneven knots). Knots that do not ascend are pushed apart: lips in a profile
    view may fold over themselves.
    """
    least = (_APART * np.arange(knots.shape[1])).astype(np.float32)
    knots = np.maximum.accumulate(knots - least, axis=1) + least
    places = np.broadcast_to(places, (len(knots), places.shape[-1]))
    at = np.clip(places, knots[:, :1], knots[:, -1:])
    last = knots.shape[1] - 2
    place = np.clip((at[:, :, None] >= knots[:, None, :]).sum(axis=2) - 1, 0, last)
    slopes = _slopes(knots, values)
    x0, x1 = _pick(knots, place), _pick(knots, place + 1)
    y0, y1 = _pick(values, place), _pick(values, place + 1)
    m0, m1 = _pick(slopes, place), _pick(slopes, place + 1)
    step = (x1 - x0)[..., None]
    t = (at - x0)[..., None] / step
    t2, t3 = t * t, t * t * t
    curve: Floats = (
        (2 * t3 - 3 * t2 + 1) * y0
        + (t3 - 2 * t2 + t) * step * m0
        + (3 * t2 - 2 * t3) * y1
        + (t3 - t2) * step * m1
    )
    return curve


def _pick(values: Floats, place: NDArray[np.intp]) -> Floats:
    picked: Floats = values[np.arange(len(values))[:, None], place]
    return picked


def _slopes(knots: Floats, values: Floats) -> Floats:
    steps = np.diff(knots, axis=1)[..., None]
    rises = np.diff(values, axis=1) / steps
    inner = (rises[:, 1:] * steps[:, :-1] + rises[:, :-1] * steps[:, 1:]) / (
        steps[:, 1:] + steps[:, :-1]
    )
    return np.concatenate([rises[:, :1], inner, rises[:, -1:]], axis=1)
