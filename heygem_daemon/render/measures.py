"""Measure the movement of a mouth, and the sharpness of pixels. Pure functions.

Curves are float32 (T,), one value per frame, in units of the distance of the outer eye corners
(IOD); NaN where no mouth was found. A figure is None where there are too few values for it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.reading.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER

Flags = NDArray[np.bool_]

MIN_FRAMES = 20
"""Fewest frames for a correlation."""
MIN_CLOSED_FRAMES = 5
"""Fewest frames for a share of closed ones."""
TRACKER_NOISE_IOD = 0.01
"""A curve with a smaller range (IOD) is only noise of the tracker."""
CLOSED_APERTURE_IOD = 0.012
"""Largest aperture that the tracker measures for lips that touch, IOD."""
CLOSED_SHARE = 0.15
"""A mouth open by no more than this share of its range counts as closed."""
ALIKE_IOD = 0.015
"""Standard deviation of the Gaussian by which less or more open mouths count as equally open."""
FEWEST_ALIKE = 5.0
"""Source pictures that must be equally open: a few may be blurred by chance."""
MIN_RANGE_IOD = 0.06
"""Range of a mouth that hardly speaks, IOD: a share of less would be noise of the tracker."""


def correlation(measured: Floats, target: Floats) -> float | None:
    """Pearson correlation, -1 … 1, over the frames in which both are finite.

    None where one of them does not move, or for too few frames.
    """
    finite = np.isfinite(measured) & np.isfinite(target)
    if finite.sum() < MIN_FRAMES:
        return None
    a, b = measured[finite].astype(np.float64), target[finite].astype(np.float64)
    if min(np.ptp(a), np.ptp(b)) < TRACKER_NOISE_IOD:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def unexplained(measured: Floats, target: Floats) -> float | None:
    """Return the standard deviation of what no multiple of ``target`` explains in ``measured``.

    None where ``correlation`` is None.
    """
    r = correlation(measured, target)
    if r is None:
        return None
    deviation = float(measured[np.isfinite(measured) & np.isfinite(target)].std())
    return deviation * math.sqrt(max(0.0, 1 - r**2))


def eye_distance(landmarks: Floats) -> float:
    """Return the median distance in pixels of the outer eye corners of faces (T, 478, 3)."""
    corners = landmarks[:, [LEFT_EYE_OUTER, RIGHT_EYE_OUTER], :2]
    return float(np.nanmedian(np.linalg.norm(np.diff(corners, axis=1), axis=-1)))


def lag(measured: Floats, target: Floats, max_lag_frames: int) -> float | None:
    """Frames by which ``measured`` is later than ``target``, -max_lag_frames … max_lag_frames.

    The shift with the best correlation, refined by a parabola through it and its neighbours. None
    where the unshifted curves have no correlation.
    """
    correlations = [
        correlation(*overlapping_parts(measured, target, step))
        for step in range(-max_lag_frames, max_lag_frames + 1)
    ]
    scores = np.array([-1.0 if score is None else score for score in correlations])
    if correlations[max_lag_frames] is None:
        return None
    best = int(scores.argmax())
    if best in (0, 2 * max_lag_frames):
        return float(best - max_lag_frames)
    before, top, after = scores[best - 1 : best + 2].tolist()
    curvature = before - 2 * top + after
    refinement = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return best - max_lag_frames + refinement


def overlapping_parts(measured: Floats, target: Floats, step: int) -> tuple[Floats, Floats]:
    """Return the parts that overlap when ``measured`` is moved ``step`` frames earlier.

    Both are empty where the curves are shorter than that.
    """
    if step >= 0:
        return measured[step:], target[: max(0, len(target) - step)]
    return measured[:step], target[-step:]


def robust_range(apertures: Floats) -> float | None:
    """Range of a curve without its extremes: 95th minus 5th percentile."""
    finite = apertures[np.isfinite(apertures)]
    if len(finite) < MIN_FRAMES:
        return None
    low, high = np.percentile(finite, [5, 95]).tolist()
    return float(high - low)


def closed_threshold(apertures: Floats) -> float:
    """Aperture (IOD) up to which this mouth counts as closed: closed lips plus 15 % of its range.

    For a mouth that never closes in these frames, closed lips are CLOSED_APERTURE_IOD, so that
    its narrowest opening does not count as closed.
    """
    finite = apertures[np.isfinite(apertures)]
    if not len(finite):
        return CLOSED_APERTURE_IOD + CLOSED_SHARE * MIN_RANGE_IOD
    low, high = np.percentile(finite, [5, 95]).tolist()
    return float(min(low, CLOSED_APERTURE_IOD) + CLOSED_SHARE * max(high - low, MIN_RANGE_IOD))


def share_closed(apertures: Floats, threshold: float, mask: Flags) -> float | None:
    """Share, 0 … 1, of closed mouths in the finite frames of ``mask``; None for too few frames."""
    finite = apertures[mask & np.isfinite(apertures)]
    return float((finite <= threshold).mean()) if len(finite) >= MIN_CLOSED_FRAMES else None


def jitter(apertures: Floats) -> float | None:
    """Mean absolute second difference over the range: how much a mouth trembles.

    Depends on the frame rate: compare only curves of the same rate.
    """
    scale = robust_range(apertures)
    differences = np.abs(np.diff(apertures, n=2))
    differences = differences[np.isfinite(differences)]
    if scale is None or scale < TRACKER_NOISE_IOD or not len(differences):
        return None
    return float(differences.mean() / scale)


def is_open(aperture: float) -> bool:
    """Return whether an aperture (IOD) is that of an open mouth, not the tracker's noise."""
    return aperture > CLOSED_APERTURE_IOD + TRACKER_NOISE_IOD


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Laplacian energy: mean square of the four-neighbour Laplacian of luma (H, W)."""
    y = luma.astype(np.float32)
    laplacian = y[1:-1, :-2] + y[1:-1, 2:] + y[:-2, 1:-1] + y[2:, 1:-1] - 4 * y[1:-1, 1:-1]
    return float(np.square(laplacian).mean()) if laplacian.size else 0.0


def sharpness_alike(
    shown: tuple[Floats, Floats], source: tuple[Floats, Floats], least: int = MIN_FRAMES
) -> float | None:
    """Laplacian energy of a result, over that of its source where the mouth is equally open.

    A mouth that the sound closes has fewer edges than one full of teeth; here the difference is due
    to drawing and encoding alone. Both arguments are apertures and energies (K,) of some frames.
    Openings that the source hardly shows are left out; None if fewer than ``least`` frames remain.
    """
    (apertures, energies), (source_apertures, source_energies) = shown, source
    weights = np.exp(-0.5 * np.square((apertures[:, None] - source_apertures) / ALIKE_IOD))
    weight_sums = weights.sum(axis=1)
    comparable = weight_sums >= FEWEST_ALIKE
    if comparable.sum() < least:
        return None
    expected = weights[comparable] @ source_energies / weight_sums[comparable]
    return float(energies[comparable].sum() / expected.sum())
