"""Choose the output's rate for a video from the times of its pictures. Pure."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.timeline import distinct_pictures, is_constant, place_pictures

MIN_FPS, MAX_FPS, DEFAULT_FPS = Fraction(1), Fraction(120), Fraction(25)
"""Output rates in frames per second; see ``output_rate``."""
STANDARD_RATES = tuple(Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)) + tuple(
    Fraction(n) for n in (10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 100, 120)
)
SNAP = Fraction(1, 100)
"""A rate this near to a standard one becomes that one, where no picture is lost by it."""
FASTEST_KEPT_FPS = Fraction(60)
"""A picture that follows another within 1/60 s may be left out."""
USUAL_SPREAD = 0.2
"""Distances between pictures that differ less from the median than this share are usual ones."""

Times = NDArray[np.float64]


def output_rate(rate: Fraction | None) -> Fraction:
    """Return the output's rate for a stream's average ``rate`` (None or 0: unknown).

    A rate within 0.01 % of a standard one is that one, since containers round durations. A rate
    above 120 is halved until it is at most 60. Below 1, or unknown, it is 25, and pictures are
    shown at their times.
    """
    if not rate or rate < MIN_FPS:
        return DEFAULT_FPS
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 10_000:
        return nearest
    if rate > MAX_FPS:
        while rate > 60:
            rate /= 2
    return rate.limit_denominator(1001)


def choose_rate(times: Times, stated: Fraction | None) -> Fraction:
    """Return the output's rate for pictures shown at ``times``, ascending seconds (N,).

    ``stated``: the average rate in the header; None or 0: unknown. Pictures at equal distances keep
    their rate. Otherwise the rate is a standard one: that of the usual distance between pictures,
    or the next higher one at which every picture has a frame of its own. Only a picture that
    follows another within 1/60 s may be lost.
    """
    if len(times) < 2 or not times[-1] > times[0]:
        return output_rate(stated)
    constant = _constant_rate(times, stated)
    if constant is not None:
        return constant
    usual = _usual_rate(times)
    if usual < MIN_FPS:
        return DEFAULT_FPS
    if usual > FASTEST_KEPT_FPS:
        return output_rate([*_near_standards(usual), FASTEST_KEPT_FPS][0])
    kept = times[distinct_pictures(times)]
    near = _near_standards(usual)
    doubled = [2 * rate for rate in near if 2 * rate <= FASTEST_KEPT_FPS]
    higher = [rate for rate in sorted(STANDARD_RATES) if usual < rate <= FASTEST_KEPT_FPS]
    # At twice the rate the usual pictures are still shown for equal times.
    candidates = [*near, *doubled, *higher]
    fitting = (rate for rate in candidates if place_pictures(kept * float(rate)) is not None)
    return next(fitting, FASTEST_KEPT_FPS)


def _constant_rate(times: Times, stated: Fraction | None) -> Fraction | None:
    """Return the rate at which each picture is within half a frame of its time; None if none.

    A rate that is no standard one needs distances that are all usual: a mean is no rate.
    """
    even = bool(_is_usual(np.diff(times)).all())
    mean = Fraction((len(times) - 1) / float(times[-1] - times[0])).limit_denominator(100_000)
    for rate in (stated, mean):
        if not rate or not rate >= MIN_FPS:
            continue
        for candidate in _snapped(rate):
            if (even or candidate in STANDARD_RATES) and is_constant(times, candidate):
                return output_rate(candidate)
    return None


def _snapped(rate: Fraction) -> list[Fraction]:
    """Return the standard rates near ``rate``, the nearest first, then itself."""
    return [*_near_standards(rate), rate]


def _near_standards(rate: Fraction) -> list[Fraction]:
    near = [standard for standard in STANDARD_RATES if abs(standard - rate) <= rate * SNAP]
    return sorted(near, key=lambda standard: abs(standard - rate))


def _usual_rate(times: Times) -> Fraction:
    """Return one over the mean of the distances that are about as long as the median."""
    steps = np.diff(times)
    usual = steps[_is_usual(steps)]
    return Fraction(1 / max(float(usual.mean()), 1e-6)).limit_denominator(100_000)


def _is_usual(steps: Times) -> NDArray[np.bool_]:
    median = np.sort(steps)[(len(steps) - 1) // 2]
    usual: NDArray[np.bool_] = np.abs(steps - median) <= USUAL_SPREAD * median
    return usual
