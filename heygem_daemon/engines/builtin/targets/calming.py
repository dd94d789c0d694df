"""Keeps jaw and width of a mouth from trembling, most where its lips are still.

Each is heard with a noise of its own, and the limits of what can be drawn add movement of the
picture's own mouth.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.targets.temporal_filters import low_pass
from heygem_daemon.face.tracking.mouth import APERTURE, JAW, WIDTH

WIDTH_SECONDS = 0.06
"""Standard deviation of the Gaussian that smooths a width. On 95 pairs, widths follow the real
speaker's with r 0.593 instead of 0.588, and change by 21 % less where the aperture is still."""
JAW_SECONDS, STILL_JAW_SECONDS = 0.02, 0.08
"""The same for a jaw, while the aperture moves and while it is still. On the same pairs jaws follow
with r 0.787 as before, and change by 30 % less where the aperture is still. With 0.036 seconds
while it moves, 35 % less, but apertures are seen to follow less well (0.825 instead of 0.830)."""
STILL_SPEED, MOVING_SPEED = 0.1, 0.5
"""A mouth is still if its aperture changes by no more than the first, and moves from the second
on, IOD per second."""


def calm_targets(targets: Floats, shot: NDArray[np.integer], fps: float) -> Floats:
    """Return ``targets`` (N, 4) with a calm jaw and width; no smoothing crosses a change of the
    ``shot`` number (N,)."""
    cuts = np.flatnonzero(np.diff(shot)) + 1
    return np.concatenate([_calm(part, fps) for part in np.split(targets, cuts)])


def _calm(targets: Floats, fps: float) -> Floats:
    calm = targets.copy()
    width, jaw = targets[:, [WIDTH]], targets[:, [JAW]]
    still = stillness(targets[:, APERTURE], fps)
    calm[:, WIDTH] = low_pass(width, WIDTH_SECONDS * fps)[:, 0]
    calm[:, JAW] = (1 - still) * low_pass(jaw, JAW_SECONDS * fps)[:, 0]
    calm[:, JAW] += still * low_pass(jaw, STILL_JAW_SECONDS * fps)[:, 0]
    return calm


def stillness(apertures: Floats, fps: float) -> Floats:
    """Return how still a mouth with ``apertures`` (N,) is, 0-1, (N,)."""
    if len(apertures) < 2:
        return np.ones_like(apertures)
    speed = np.pad(np.abs(np.gradient(apertures)) * fps, 1, mode="edge")
    around = sliding_window_view(speed, 3).max(axis=1)
    share = np.clip((MOVING_SPEED - around) / (MOVING_SPEED - STILL_SPEED), 0, 1)
    still: Floats = low_pass(share[:, None].astype(np.float32), 1.0)[:, 0]
    return still
