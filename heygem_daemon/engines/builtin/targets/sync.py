"""Whether audio fits a mouth, and how late it is."""

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
"""Number of mouth parameters that correlate with audio: aperture, width and jaw."""
HIGH_PASS_SECONDS = 0.3
"""Changes slower than this correlate by chance: mouth and audio are both calm, then busy."""
OFFSET_LIMIT_STATES = 15
"""Offsets of up to this many states of 20 ms are tried; more is another take, not late audio. A
single state is half a picture and cannot be told apart from none."""
PENALTY = 0.015
"""Correlation that an offset must gain per state; otherwise the offset is 0. Most files are in
sync, and the best offset of a few seconds is uncertain."""
LEAST_CORRELATION = 0.25
LEAST_SIGNIFICANCE = 2.5
"""Audio fits if the correlation at its best offset reaches LEAST_CORRELATION and exceeds 0 by this
many standard deviations. For unrelated audio, the best of all offsets lies at 1.4, and at 2.4 in
one case of twenty; what follows has its own check."""
LEAST_SECONDS = 1.0
"""Shorter pictures prove nothing."""


@dataclass(frozen=True, slots=True)
class SyncMatch:
    """How well audio fits a mouth."""

    offset_seconds: float
    """By how much the audio is late; negative if it is early."""
    correlation: float
    """Mean Pearson correlation of predicted and measured mouth at that offset, -1 to 1."""
    significance: float
    """``correlation`` in standard deviations of unrelated curves."""

    @property
    def is_match(self) -> bool:
        """Whether the audio belongs to this mouth."""
        strong = self.correlation >= LEAST_CORRELATION
        return strong and self.significance >= LEAST_SIGNIFICANCE


def find_sync(score: Floats, seconds: Floats, measured: Floats) -> SyncMatch:
    """Compare a predicted with a measured mouth.

    ``score``: (N, 4) z-scores, one per 20 ms; ``measured``: (T, 4) mouth parameters of the pictures
    shown at ``seconds`` (T,). If there is too little to compare, the result is no match.
    """
    if not len(score) or not len(seconds) or np.ptp(seconds) < LEAST_SECONDS:
        return SyncMatch(0.0, 0.0, 0.0)
    sigma = HIGH_PASS_SECONDS * (len(seconds) - 1) / float(np.ptp(seconds))
    reference = high_pass_z_scores(measured[:, :COMPARED_PARAMETERS], sigma)
    offsets = np.array([*range(-OFFSET_LIMIT_STATES, -1), 0, *range(2, OFFSET_LIMIT_STATES + 1)])
    predicted = [
        high_pass_z_scores(
            interpolate_at(score[:, :COMPARED_PARAMETERS], seconds + offset / STATE_RATE), sigma
        )
        for offset in offsets
    ]
    agreement = np.array([(one * reference).mean() for one in predicted])
    best = int(agreement.argmax())
    if agreement[best] < agreement[offsets == 0].item() + PENALTY * abs(int(offsets[best])):
        best = int((offsets == 0).argmax())
    correlation = float(agreement[best])
    return SyncMatch(
        offset_seconds=float(offsets[best]) / STATE_RATE,
        correlation=correlation,
        significance=correlation / chance_deviation(predicted[best], reference),
    )


def chance_deviation(predicted: Floats, measured: Floats) -> float:
    """Return the standard deviation of the mean correlation of unrelated z-scores (T, P).

    The two curves have nothing to do with each other, but each has its own autocorrelation.
    Bartlett's formula for the correlation of two autocorrelated series, summed over the parameters:
    the sum over all lags of the products of the two autocovariances.
    """
    length, columns = measured.shape
    products = float((_covariances(predicted) * _covariances(measured)).sum())
    return math.sqrt(max(products, 1e-6) / length) / int(columns)


def _covariances(scores: Floats) -> NDArray[np.float64]:
    """Return the covariance of each column with each, at each lag to either side: (2 T, P, P)."""
    length = len(scores)
    spectrum = np.fft.rfft(scores, 2 * length, axis=0)
    products = spectrum.conj()[:, :, None] * spectrum[:, None, :]
    lags: NDArray[np.float64] = np.fft.irfft(products, 2 * length, axis=0) / length
    return lags
