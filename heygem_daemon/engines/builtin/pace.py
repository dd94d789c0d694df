"""How fast a mouth may open and shut."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FASTEST = 2.0
"""IOD a second by which lips part or meet at most: 0.08 between pictures at 25 a second. The
fastest that ten speaking faces were seen to do is 0.7 to 2.6, in 99 of 100 pictures less than 1.5;
a sound alone asks for up to 3.2, which looks as if a picture were missing."""


def paced(apertures: Floats, fps: float) -> Floats:
    """``apertures`` (N,) lowered where lips would be too fast: a mouth that opens at once takes
    its time, and one that must be shut begins early. No closure is lost, none is late."""
    step = FASTEST / fps
    return _rising(_rising(apertures, step)[::-1], step)[::-1]


def _rising(apertures: Floats, step: float) -> Floats:
    """The highest curve (N,) below ``apertures`` that grows by at most ``step`` a frame."""
    slope = step * np.arange(len(apertures))
    lowered: Floats = (np.minimum.accumulate(apertures - slope) + slope).astype(np.float32)
    return lowered
