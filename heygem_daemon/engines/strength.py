"""How strongly each output frame's mouth is drawn: fully, fading, or not at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.tracking.track import MouthProblem

Flags = NDArray[np.bool_]

YAW_LIMIT = 38.0
PITCH_LIMIT = 35.0
"""Degrees; beyond them half of the mouth is hidden."""
FADE_FRAMES = 5
"""Frames over which the mouth fades in and out."""
MIN_EYE_DISTANCE = 24.0
"""Pixels between the outer eye corners below which the mouth is too small to draw."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How strongly each output frame is drawn, and why some are not."""

    values: Floats
    """(N,), 0-1: 1 where an output frame is drawn, 0 where it is passed through."""
    reasons: dict[str, float]
    """Reason for passing through → share of output frames, 0-1."""


def compute_strength(problems: NDArray[np.uint8], angles: Floats, scale: Floats) -> Strength:
    """Return the strength of N output frames.

    ``problems``: (N,) values of ``MouthProblem``; ``angles``: (N, 3) yaw, pitch, roll in degrees;
    ``scale``: (N,) pixels between the outer eye corners."""
    visible = problems == MouthProblem.NONE
    turned = visible & ((np.abs(angles[:, 0]) > YAW_LIMIT) | (np.abs(angles[:, 1]) > PITCH_LIMIT))
    small = visible & ~turned & (scale < MIN_EYE_DISTANCE)
    why = {each.text: problems == each for each in MouthProblem if each is not MouthProblem.NONE}
    why |= {"face turned away": turned, "face too small": small}
    reasons = {reason: float(flags.mean()) for reason, flags in why.items() if flags.any()}
    return Strength(fade_edges(visible & ~turned & ~small), reasons)


def fade_edges(usable: Flags) -> Floats:
    """Return (N,): 1 inside a usable stretch, rising over its first and falling over its last
    frames, 0 elsewhere. There is no fade at the beginning and the end of the clip.
    """
    distance = np.minimum(_since_unusable(usable), _since_unusable(usable[::-1])[::-1])
    values: Floats = np.clip(distance / FADE_FRAMES, 0, 1).astype(np.float32)
    return values


def _since_unusable(usable: Flags) -> NDArray[np.int64]:
    """Return (N,): frames since the last unusable one, ``FADE_FRAMES`` or more where there is
    none."""
    numbers = np.arange(len(usable))
    last = np.maximum.accumulate(np.where(usable, -FADE_FRAMES, numbers))
    return np.where(usable, numbers - last, 0)
