"""What is measured of a mouth over time, and of its pixels. Pure; reports and benchmarks share it.

Curves are float32 (T,), one value a frame, in units of the distance of the outer eye corners
(IOD); NaN where no mouth was seen. A figure that too little is known for is None.
"""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats

Flags = NDArray[np.bool_]

MIN_FRAMES = 20
"""A correlation over fewer frames says nothing."""
MIN_CLOSED_FRAMES = 5
"""A share of fewer frames says nothing."""
TRACKER_NOISE_IOD = 0.01
"""A curve whose spread is below this (IOD) is the tracker's own unrest, and follows nothing."""
CLOSED_APERTURE_IOD = 0.012
"""The tracker reads up to this of lips that touch, IOD."""
CLOSED_SHARE = 0.15
"""A mouth open by no more than this share of its range counts as closed."""
MIN_RANGE_IOD = 0.06
"""Range of a mouth that hardly speaks, IOD: a share of less would be the tracker's own unrest."""


def correlation(measured: Floats, target: Floats) -> float | None:
    """Pearson correlation over the frames in which both are known; None where one stands still."""
    known = np.isfinite(measured) & np.isfinite(target)
    if known.sum() < MIN_FRAMES:
        return None
    a, b = measured[known].astype(np.float64), target[known].astype(np.float64)
    if min(np.ptp(a), np.ptp(b)) < TRACKER_NOISE_IOD:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def lag(measured: Floats, target: Floats, max_lag_frames: int) -> float | None:
    """How many frames ``seen`` comes after ``wanted``, up to ``reach`` either way.

    The place of the best correlation, refined by a parabola through it and its neighbours.
    """
    found = [
        correlation(*overlapping_parts(measured, target, step))
        for step in range(-max_lag_frames, max_lag_frames + 1)
    ]
    scores = np.array([-1.0 if score is None else score for score in found])
    if found[max_lag_frames] is None:
        return None
    best = int(scores.argmax())
    if best in (0, 2 * max_lag_frames):
        return float(best - max_lag_frames)
    before, top, after = scores[best - 1 : best + 2].tolist()
    bend = before - 2 * top + after
    return best - max_lag_frames + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def overlapping_parts(measured: Floats, target: Floats, step: int) -> tuple[Floats, Floats]:
    """The parts of both that overlap when ``seen`` is moved ``step`` frames earlier; none of
    curves that are shorter than that."""
    if step >= 0:
        return measured[step:], target[: max(0, len(target) - step)]
    return measured[:step], target[-step:]


def robust_range(apertures: Floats) -> float | None:
    """Range of a curve without its extremes: 95th less 5th percentile."""
    known = apertures[np.isfinite(apertures)]
    if len(known) < MIN_FRAMES:
        return None
    low, high = np.percentile(known, [5, 95]).tolist()
    return float(high - low)


def closed_threshold(apertures: Floats) -> float:
    """The aperture up to which this mouth counts as closed: 15 % of its range above closed lips.

    A mouth that never closes in these frames cannot pass its narrowest opening for a closure.
    """
    known = apertures[np.isfinite(apertures)]
    if not len(known):
        return CLOSED_APERTURE_IOD + CLOSED_SHARE * MIN_RANGE_IOD
    low, high = np.percentile(known, [5, 95]).tolist()
    return float(min(low, CLOSED_APERTURE_IOD) + CLOSED_SHARE * max(high - low, MIN_RANGE_IOD))


def share_closed(apertures: Floats, threshold: float, mask: Flags) -> float | None:
    """Share of the known frames ``when`` in which the mouth is closed; None for a few alone."""
    known = apertures[mask & np.isfinite(apertures)]
    return float((known <= threshold).mean()) if len(known) >= MIN_CLOSED_FRAMES else None


def jitter(apertures: Floats) -> float | None:
    """Mean absolute second difference over the range: how much a mouth trembles.

    Depends on the frame rate: compare curves of the same rate alone.
    """
    scale = robust_range(apertures)
    bends = np.abs(np.diff(apertures, n=2))
    bends = bends[np.isfinite(bends)]
    if scale is None or scale < TRACKER_NOISE_IOD or not len(bends):
        return None
    return float(bends.mean() / scale)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Laplacian energy: mean square of the four-neighbour Laplacian of luma (H, W)."""
    y = luma.astype(np.float32)
    laplacian = y[1:-1, :-2] + y[1:-1, 2:] + y[:-2, 1:-1] + y[2:, 1:-1] - 4 * y[1:-1, 1:-1]
    return float(np.square(laplacian).mean()) if laplacian.size else 0.0
