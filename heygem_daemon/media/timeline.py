"""Choose the source picture for each output frame."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.config.choices import Loop

EARLY_TOLERANCE_FRAMES = 0.25
"""Frames by which a picture may be shown early: nobody sees that, and the rounding of a
container's times cannot make a picture miss its frame."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The source picture of each output frame."""

    fps: Fraction
    """Output frames per second."""
    source_indices: NDArray[np.int32]
    """Shape (output frames,): index of the source picture, from 0."""

    def __len__(self) -> int:
        return int(self.source_indices.shape[0])

    @property
    def duration(self) -> Fraction:
        """Length of the output's pictures in seconds."""
        return len(self) / self.fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Return the output frames for ``duration`` seconds of sound: rounded half up, at least 1."""
    return max(1, int(duration * fps + Fraction(1, 2)))


def build_timeline(
    timestamps: NDArray[np.float64], fps: Fraction, frames: int, loop: Loop
) -> Timeline:
    """Return the timeline of ``frames`` output frames over a video shown at ``timestamps``.

    ``timestamps``: ascending seconds, one for each source picture, at least one. A video of
    constant rate ``fps`` (each picture within half a frame of its time) is shown picture by
    picture. Any other is first resampled to the output's rate, so that movements keep their speed,
    and looped with the period that it has there.
    """
    shown = constant_rate_indices(timestamps, fps)
    return Timeline(fps, shown[looped_indices(frames, len(shown), loop)])


def constant_rate_indices(timestamps: NDArray[np.float64], fps: Fraction) -> NDArray[np.int32]:
    """Return the source index of each output frame of one pass through the video, int32 (n,)."""
    frame_times = (timestamps - timestamps[0]) * float(fps)
    numbers = np.arange(len(frame_times))
    if np.abs(frame_times - numbers).max(initial=0.0) <= 0.5:
        return numbers.astype(np.int32)
    output_frames = np.arange(int(frame_times[-1] + EARLY_TOLERANCE_FRAMES) + 1)
    latest = output_frames + EARLY_TOLERANCE_FRAMES
    return (np.searchsorted(frame_times, latest, side="right") - 1).astype(np.int32)


def looped_indices(frames: int, available: int, loop: Loop) -> NDArray[np.int32]:
    """Return the source index (0 … available-1) of each of ``frames`` output frames, int32.

    'pingpong' runs forward and back without showing the turning pictures twice; 'restart' jumps to
    the first picture; 'freeze' holds the last one. A longer source is cut. Raises ValueError where
    ``available`` is below 1.
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
