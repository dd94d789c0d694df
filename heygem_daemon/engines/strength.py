"""Where the mouth is drawn at all, and where it fades to the untouched source."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.tracking.track import MouthProblem

Flags = NDArray[np.bool_]

YAW_LIMIT = 38.0
PITCH_LIMIT = 35.0
"""Degrees; beyond them half of the mouth is out of sight."""
FADE_FRAMES = 5
MIN_EYE_DISTANCE = 24.0
"""Pixels between the outer eye corners below which there is no mouth to speak of."""


@dataclass(frozen=True, slots=True)
class Strength:
    """``values``: (N,), 1 where an output frame is drawn, 0 where it is passed through;
    ``reasons``: what it is passed through for → share of output frames."""

    values: Floats
    reasons: dict[str, float]


def compute_strength(trouble: NDArray[np.uint8], angles: Floats, scale: Floats) -> Strength:
    """All arguments per output frame: the track's ``trouble`` (N,), yaw/pitch/roll in degrees
    (N, 3), scale in pixels (N,)."""
    seen = trouble == MouthProblem.NONE
    turned = seen & ((np.abs(angles[:, 0]) > YAW_LIMIT) | (np.abs(angles[:, 1]) > PITCH_LIMIT))
    small = seen & ~turned & (scale < MIN_EYE_DISTANCE)
    why = {each.text: trouble == each for each in MouthProblem if each is not MouthProblem.NONE}
    why |= {"face turned away": turned, "face too small": small}
    reasons = {reason: float(flags.mean()) for reason, flags in why.items() if flags.any()}
    return Strength(fade_edges(seen & ~turned & ~small), reasons)


def fade_edges(usable: Flags) -> Floats:
    """1 inside a usable stretch, falling over its last and rising over its first frames.

    The clip's own beginning and end are no reason to fade.
    """
    distance = np.minimum(_since_unusable(usable), _since_unusable(usable[::-1])[::-1])
    values: Floats = np.clip(distance / FADE_FRAMES, 0, 1).astype(np.float32)
    return values


def _since_unusable(usable: Flags) -> NDArray[np.int64]:
    """Frames since the last unusable one; large where there was none."""
    numbers = np.arange(len(usable))
    last = np.maximum.accumulate(np.where(usable, -FADE_FRAMES, numbers))
    return np.where(usable, numbers - last, 0)
