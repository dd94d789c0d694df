"""Curves over time: their slow part, their fast part, and their values in between."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.speech.features import STATE_RATE


def low_pass(values: Floats, sigma: float) -> Floats:
    """Return (N, P), smoothed along N by a Gaussian of ``sigma`` frames.

    At the ends, the kernel covers only existing values.
    """
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    count = np.convolve(np.ones(len(values)), kernel)[reach : reach + len(values)]
    columns = [
        np.convolve(column, kernel)[reach : reach + len(values)] / count for column in values.T
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def high_pass_z_scores(values: Floats, sigma: float) -> Floats:
    """Return what ``low_pass`` removes, as z-scores of each column: (N, P)."""
    rest = values - low_pass(values, sigma)
    centred = rest - rest.mean(axis=0)
    scores: Floats = (centred / (centred.std(axis=0) + 1e-6)).astype(np.float32)
    return scores


def interpolate_at(curves: NDArray[np.floating], seconds: NDArray[np.floating]) -> Floats:
    """Return curves (N, P) with one value per 20 ms at the times ``seconds`` (T,): (T, P).

    Linear in between; the end values are held.
    """
    places, states = seconds * STATE_RATE, np.arange(len(curves))
    columns = [np.interp(places, states, column) for column in curves.T]
    return np.stack(columns, axis=1).astype(np.float32)
