"""Whether two looks at a face are looks at one person: by colours, within one shot and light."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.probe import AROUND_PART, PLACES, UPPER_PART, Colours

MEMORY = 250
"""Pictures over which an appearance is averaged: it follows slow changes of light."""
SAME_PLACE_LIMIT = 40.0
"""Difference of colours, 0-255, up to which a face that is seen again where it was is the same."""
OTHER_PLACE_LIMIT = 22.0
"""The same for a face that is seen again somewhere else, or in another shot."""


class Appearance:
    """What a face looked like so far: forehead, nose, cheeks, hair, neck, clothes; not the
    mouth, which moves and may be covered."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float32] = np.zeros((PLACES, 3), np.float32)
        self._seen = 0

    def add(self, colours: Colours) -> None:
        """One more look, (PLACES, 3)."""
        self._seen += 1
        rate = np.float32(1 / min(self._seen, MEMORY))
        self._mean += rate * (colours.astype(np.float32) - self._mean)

    def difference(self, colours: NDArray[np.uint8] | NDArray[np.float32]) -> float:
        """Mean over the places of the largest difference in a channel, 0-255."""
        apart = np.abs(colours.astype(np.float32) - self._mean).max(axis=1)
        return float(np.concatenate([apart[UPPER_PART], apart[AROUND_PART]]).mean())

    def differs_from(self, other: "Appearance") -> float:
        """The difference between two appearances."""
        return self.difference(other._mean)
