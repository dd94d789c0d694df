"""What is measured of a mouth over time, and of its pixels. Pure; reports and benchmarks share it.

Curves are float32 (T,), one value a frame, in units of the distance of the outer eye corners
(IOD); NaN where no mouth was seen. A figure that too little is known for is None.
"""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats

Flags = NDArray[np.bool_]

FEWEST_FRAMES = 20
"""A correlation over fewer frames says nothing."""
FEWEST_CLOSED = 5
"""A share of fewer frames says nothing."""
STILL = 0.01
"""A curve whose spread is below this (IOD) is the tracker's own unrest, and follows nothing."""
CLOSED = 0.012
"""The tracker reads up to this of lips that touch, IOD."""
CLOSED_SHARE = 0.15
"""A mouth open by no more than this share of its range counts as closed."""
LEAST_RANGE = 0.06
"""Range of a mouth that hardly speaks, IOD: a share of less would be the tracker's own unrest."""


def correlation(seen: Floats, wanted: Floats) -> float | None:
    """Pearson correlation over the frames in which both are known; None where one stands still."""
    known = np.isfinite(seen) & np.isfinite(wanted)
    if known.sum() < FEWEST_FRAMES:
        return None
    a, b = seen[known].astype(np.float64), wanted[known].astype(np.float64)
    if min(np.ptp(a), np.ptp(b)) < STILL:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def lag(seen: Floats, wanted: Floats, reach: int) -> float | None:
    """How many frames ``seen`` comes after ``wanted``, up to ``reach`` either way.

    The place of the best correlation, refined by a parabola through it and its neighbours.
    """
    found = [correlation(*shifted(seen, wanted, step)) for step in range(-reach, reach + 1)]
    scores = np.array([-1.0 if score is None else score for score in found])
    if found[reach] is None:
        return None
    best = int(scores.argmax())
    if best in (0, 2 * reach):
        return float(best - reach)
    before, top, after = scores[best - 1 : best + 2].tolist()
    bend = before - 2 * top + after
    return best - reach + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def shifted(seen: Floats, wanted: Floats, step: int) -> tuple[Floats, Floats]:
    """The parts of both that overlap when ``seen`` is moved ``step`` frames earlier; none of
    curves that are shorter than that."""
    if step >= 0:
        return seen[step:], wanted[: max(0, len(wanted) - step)]
    return seen[:step], wanted[-step:]


def spread(apertures: Floats) -> float | None:
    """Range of a curve without its extremes: 95th less 5th percentile."""
    known = apertures[np.isfinite(apertures)]
    if len(known) < FEWEST_FRAMES:
        return None
    low, high = np.percentile(known, [5, 95]).tolist()
    return float(high - low)


def closed_below(apertures: Floats) -> float:
    """The aperture up to which this mouth counts as closed: 15 % of its range above closed lips.

    A mouth that never closes in these frames cannot pass its narrowest opening for a closure.
    """
    known = apertures[np.isfinite(apertures)]
    if not len(known):
        return CLOSED + CLOSED_SHARE * LEAST_RANGE
    low, high = np.percentile(known, [5, 95]).tolist()
    return float(min(low, CLOSED) + CLOSED_SHARE * max(high - low, LEAST_RANGE))


def share_closed(apertures: Floats, threshold: float, when: Flags) -> float | None:
    """Share of the known frames ``when`` in which the mouth is closed; None for a few alone."""
    known = apertures[when & np.isfinite(apertures)]
    return float((known <= threshold).mean()) if len(known) >= FEWEST_CLOSED else None


def jitter(apertures: Floats) -> float | None:
    """Mean absolute second difference over the range: how much a mouth trembles.

    Depends on the frame rate: compare curves of the same rate alone.
    """
    scale = spread(apertures)
    bends = np.abs(np.diff(apertures, n=2))
    bends = bends[np.isfinite(bends)]
    if scale is None or scale < STILL or not len(bends):
        return None
    return float(bends.mean() / scale)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Laplacian energy: mean square of the four-neighbour Laplacian of luma (H, W)."""
    y = luma.astype(np.float32)
    laplacian = y[1:-1, :-2] + y[1:-1, 2:] + y[:-2, 1:-1] + y[2:, 1:-1] - 4 * y[1:-1, 1:-1]
    return float(np.square(laplacian).mean()) if laplacian.size else 0.0
