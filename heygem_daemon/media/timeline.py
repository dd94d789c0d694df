"""Which source picture is shown in which output frame."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.config.choices import Loop

EARLY_TOLERANCE_FRAMES = 0.25
"""Frames by which a picture may be shown early: not seen, and the rounding of a container's
times cannot make a picture miss its place."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The output's clock. ``sources[i]`` is the source picture index of output frame ``i``."""

    fps: Fraction
    source_indices: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.source_indices.shape[0])

    @property
    def duration(self) -> Fraction:
        """Length of the output's picture in seconds."""
        return len(self) / self.fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Output frames for a sound of ``duration`` seconds: rounded half up, at least one."""
    return max(1, int(duration * fps + Fraction(1, 2)))


def build_timeline(
    timestamps: NDArray[np.float64], fps: Fraction, frames: int, loop: Loop
) -> Timeline:
    """The timeline of ``frames`` output frames over a video shown at ``timestamps``.

    ``timestamps``: ascending seconds, one a source picture, at least one. A video of constant
    rate ``fps`` (each picture within half a frame of its place) is shown picture by picture; any
    other is first put on the output's clock, so that its movement keeps its speed, and is looped
    with the period that it has there.
    """
    shown = constant_rate_indices(timestamps, fps)
    return Timeline(fps, shown[looped_indices(frames, len(shown), loop)])


def constant_rate_indices(timestamps: NDArray[np.float64], fps: Fraction) -> NDArray[np.int32]:
    """Source index of each output frame of one pass through the video."""
    places = (timestamps - timestamps[0]) * float(fps)
    numbers = np.arange(len(places))
    if np.abs(places - numbers).max(initial=0.0) <= 0.5:
        return numbers.astype(np.int32)
    clock = np.arange(int(places[-1] + EARLY_TOLERANCE_FRAMES) + 1)
    shown = np.searchsorted(places, clock + EARLY_TOLERANCE_FRAMES, side="right") - 1
    return shown.astype(np.int32)


def looped_indices(frames: int, available: int, loop: Loop) -> NDArray[np.int32]:
    """Source index (0 … available-1) of each of ``frames`` output frames.

    ``pingpong`` runs forward and back without showing the turning pictures twice; ``restart``
    jumps to the first picture; ``freeze`` holds the last one. A longer source is cut.
    """
    if available < 1:
        raise ValueError("a timeline needs at least one source picture")
    steps = np.arange(frames, dtype=np.int64)
    if available == 1 or loop == "freeze":
        sources = np.minimum(steps, available - 1)
    elif loop == "restart":
        sources = steps % available
    else:
        phase = steps % (2 * available - 2)
        sources = np.minimum(phase, 2 * available - 2 - phase)
    return sources.astype(np.int32)
