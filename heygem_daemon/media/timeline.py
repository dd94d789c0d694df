"""Choose the source picture for each output frame."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.config.choices import Loop

EARLY_TOLERANCE_FRAMES = 0.25
"""Frames by which a picture may be shown early: nobody sees that, and the rounding of a
container's times cannot make a picture miss its frame."""
LATEST_FRAMES = 1.0
"""Frames by which a picture may be shown late, so that none is thrown away."""
CLOSEST_SECONDS = 0.99 / 60
"""A picture that follows another one faster than at 60 pictures a second may be thrown away."""
SHORTEST_GAP_FRAMES = 1.6
"""Distance of two pictures from which at least one counts as missing between them."""
ROUNDING = 1e-6
"""Frames."""
IN_SYNC = Fraction(5, 1000)
"""Seconds between sound and pictures that nobody notices, and that coarse clocks lose."""


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


@dataclass(frozen=True, slots=True)
class Alignment:
    """When sound and video begin in a result, which begins with the earlier one."""

    delay: Fraction = Fraction(0)
    """Seconds of silence before the sound."""
    held: int = 0
    """Frames in which the first picture is held before the video goes on."""


TOGETHER = Alignment()


def align(
    sound: tuple[Fraction, Fraction], pictures: tuple[Fraction, Fraction], fps: Fraction
) -> Alignment:
    """Return how sound and pictures of one file keep their times to each other at ``fps``.

    Both as start and length, in seconds. They begin together where they do not overlap: then one
    of the two clocks is wrong.
    """
    later = lateness(sound, pictures)
    if abs(later) <= IN_SYNC:
        return TOGETHER
    held = max(0, math.ceil((-later - IN_SYNC) * fps))
    return Alignment(max(Fraction(0), later + held / fps), held)


@dataclass(frozen=True, slots=True, eq=False)
class PictureTimes:
    """When the pictures of a video are shown."""

    seconds: NDArray[np.float64]
    """From the first picture to each picture, ascending."""
    start: Fraction
    """Presentation time of the first picture in the file, in seconds."""
    length: Fraction
    """Seconds from the first picture to the end of the last one."""


def lateness(sound: tuple[Fraction, Fraction], pictures: tuple[Fraction, Fraction]) -> Fraction:
    """Return by how many seconds the sound of a file begins after its pictures.

    Arguments as in ``align``; 0 where the two do not overlap.
    """
    later = sound[0] - pictures[0]
    return later if -sound[1] < later < pictures[1] else Fraction(0)


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Return the output frames for ``duration`` seconds of sound: rounded half up, at least 1."""
    return max(1, int(duration * fps + Fraction(1, 2)))


def build_timeline(
    timestamps: NDArray[np.float64], fps: Fraction, frames: int, loop: Loop, held: int = 0
) -> Timeline:
    """Return the timeline of ``frames`` output frames over a video shown at ``timestamps``.

    ``held``: how many of them hold the first picture before the video goes on.

    ``timestamps``: ascending seconds, one for each source picture, at least one. A video of
    constant rate ``fps`` (each picture within half a frame of its time) is shown picture by
    picture. Any other is first resampled to the output's rate, so that movements keep their speed,
    and looped with the period that it has there.
    """
    shown = constant_rate_indices(timestamps, fps)
    numbers = looped_indices(max(1, frames - held), len(shown), loop)
    return Timeline(fps, shown[np.concatenate([np.zeros(held, np.int32), numbers])[:frames]])


def constant_rate_indices(timestamps: NDArray[np.float64], fps: Fraction) -> NDArray[np.int32]:
    """Return the source index of each output frame of one pass through the video, int32 (n,).

    Where it is possible every picture has a frame of its own, within half a frame before and one
    frame after its time. Otherwise each frame shows the latest picture.
    """
    if is_constant(timestamps, fps):
        return np.arange(len(timestamps)).astype(np.int32)
    frame_times = (timestamps - timestamps[0]) * float(fps)
    for kept in (np.arange(len(frame_times)), distinct_pictures(timestamps)):
        places = place_pictures(frame_times[kept])
        if places is not None:
            frames = np.arange(places[-1] + 1)
            return kept[np.searchsorted(places, frames, side="right") - 1].astype(np.int32)
    output_frames = np.arange(int(frame_times[-1] + EARLY_TOLERANCE_FRAMES) + 1)
    latest = output_frames + EARLY_TOLERANCE_FRAMES
    return (np.searchsorted(frame_times, latest, side="right") - 1).astype(np.int32)


def is_constant(timestamps: NDArray[np.float64], fps: Fraction) -> bool:
    """Whether each picture is within half a frame of its time at a constant rate of ``fps``."""
    frame_times = (timestamps - timestamps[0]) * float(fps)
    return bool(np.abs(frame_times - np.arange(len(frame_times))).max(initial=0.0) <= 0.5)


def place_pictures(frame_times: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Return an output frame for each picture, ascending and without repeats, int64 (N,).

    ``frame_times``: ascending times in output frames. None where a picture would be shown more than
    ``LATEST_FRAMES`` late.
    """
    numbers = np.arange(len(frame_times))
    nearest = np.ceil(frame_times - frame_times[0] - 0.5 - ROUNDING).astype(np.int64)
    # Each picture comes at least one frame after the one before it.
    places: NDArray[np.int64] = np.maximum.accumulate(nearest - numbers) + numbers
    late = places - (frame_times - frame_times[0])
    return places if late.max(initial=0.0) <= LATEST_FRAMES + ROUNDING else None


def missing_pictures(timestamps: NDArray[np.float64], fps: Fraction) -> int:
    """Return how many frames at ``fps`` lie in gaps between pictures shown at ``timestamps``."""
    steps = np.diff(timestamps) * float(fps)
    return int((np.round(steps[steps > SHORTEST_GAP_FRAMES]) - 1).sum())


def distinct_pictures(timestamps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the indices of the pictures that do not follow a kept one within 1/60 s."""
    least = CLOSEST_SECONDS
    if np.diff(timestamps).min(initial=least) >= least:
        return np.arange(len(timestamps))
    kept = [0]
    for index, time in enumerate(timestamps.tolist()):
        if time - timestamps[kept[-1]] >= least:
            kept.append(index)
    return np.array(kept, dtype=np.int64)


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
