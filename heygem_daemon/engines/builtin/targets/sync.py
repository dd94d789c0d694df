"""Whether a sound fits a mouth, and by how much it is late."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.targets.temporal_filters import (
    high_pass_z_scores,
    interpolate_at,
)
from heygem_daemon.speech.features import STATE_RATE

COMPARED_PARAMETERS = 3
"""Of the mouth parameters, the first ones agree with a sound: aperture, width and jaw."""
HIGH_PASS_SECONDS = 0.3
"""Slower than this, a mouth and a sound agree by chance: both are calm, then busy."""
OFFSET_LIMIT_STATES = 15
"""Offsets of up to so many states of 20 ms are tried: more is another take, not a late one. One
state alone is half a picture, and not told from none."""
PENALTY = 0.015
"""Correlation that an offset must gain for each state, else there is none: most files are in sync,
and the best offset of a few seconds is uncertain."""
LEAST_CORRELATION = 0.25
LEAST_SIGNIFICANCE = 2.5
"""A sound fits where the correlation at its best offset is at least so high, and so many standard
deviations above 0. The best of all offsets of a strange sound lies at 1.4, and at 2.4 in one case
of twenty; what follows has its own check."""
LEAST_SECONDS = 1.0
"""Less than this much picture proves nothing."""


@dataclass(frozen=True, slots=True)
class SyncMatch:
    """``offset``: seconds by which the sound is late, negative where it is early;
    ``correlation``: mean Pearson correlation of heard and seen mouth there, -1 … 1;
    ``significance``: the same in standard deviations of what chance would give."""

    offset_seconds: float
    correlation: float
    significance: float

    @property
    def is_match(self) -> bool:
        """Whether this is the sound of this mouth."""
        strong = self.correlation >= LEAST_CORRELATION
        return strong and self.significance >= LEAST_SIGNIFICANCE


def find_sync(score: Floats, seconds: Floats, seen: Floats) -> SyncMatch:
    """Compare a heard with a seen mouth.

    ``score``: (N, 4) z-scores, one each 20 ms; ``seen``: (T, 4) mouth parameters of the pictures
    shown at ``seconds`` (T,). Too little to compare never fits.
    """
    if not len(score) or not len(seconds) or np.ptp(seconds) < LEAST_SECONDS:
        return SyncMatch(0.0, 0.0, 0.0)
    sigma = HIGH_PASS_SECONDS * (len(seconds) - 1) / float(np.ptp(seconds))
    wanted = high_pass_z_scores(seen[:, :COMPARED_PARAMETERS], sigma)
    offsets = np.array([*range(-OFFSET_LIMIT_STATES, -1), 0, *range(2, OFFSET_LIMIT_STATES + 1)])
    heard = [
        high_pass_z_scores(
            interpolate_at(score[:, :COMPARED_PARAMETERS], seconds + offset / STATE_RATE), sigma
        )
        for offset in offsets
    ]
    found = np.array([(one * wanted).mean() for one in heard])
    best = int(found.argmax())
    if found[best] < found[offsets == 0].item() + PENALTY * abs(int(offsets[best])):
        best = int((offsets == 0).argmax())
    correlation = float(found[best])
    return SyncMatch(
        offset_seconds=float(offsets[best]) / STATE_RATE,
        correlation=correlation,
        significance=correlation / chance_deviation(heard[best], wanted),
    )


def chance_deviation(heard: Floats, seen: Floats) -> float:
    """Standard deviation of the mean correlation of z-scores (T, P) that have nothing to do with
    each other, but each move in their own way over time.

    Bartlett's formula for the correlation of two autocorrelated series, summed over the
    parameters: the sum over all lags of the products of the two autocovariances.
    """
    length, columns = seen.shape
    both = float((_covariances(heard) * _covariances(seen)).sum())
    return math.sqrt(max(both, 1e-6) / length) / int(columns)


def _covariances(scores: Floats) -> NDArray[np.float64]:
    """Covariance of each column with each, at each lag to either side: (2 T, P, P)."""
    length = len(scores)
    spectrum = np.fft.rfft(scores, 2 * length, axis=0)
    products = spectrum.conj()[:, :, None] * spectrum[:, None, :]
    lags: NDArray[np.float64] = np.fft.irfft(products, 2 * length, axis=0) / length
    return lags
