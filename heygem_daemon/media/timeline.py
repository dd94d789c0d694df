"""Which source picture is shown in which output frame."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Loop = Literal["pingpong", "restart", "freeze"]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The output's clock. ``sources[i]`` is the source picture index of output frame ``i``."""

    fps: Fraction
    sources: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.sources.shape[0])

    @property
    def duration(self) -> Fraction:
        """Length of the output's picture in seconds."""
        return len(self) / self.fps


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Output frames for a sound of ``duration`` seconds: rounded half up, at least one."""
    return max(1, int(duration * fps + Fraction(1, 2)))


def loop_sources(frames: int, available: int, loop: Loop) -> NDArray[np.int32]:
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
