"""How sharp a mouth is, compared with its own source where that is equally open.

The sharpness of a pair compares different mouths. Here all published pictures are compared with
source pictures whose mouth is equally open (``render.measures.sharpness_alike``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.measures import sharpness
from heygem_daemon.render.review import crop_lips

Floats = NDArray[np.float32]

_LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


@dataclass(frozen=True, slots=True)
class Edges:
    """Measures the Laplacian energy around the mouth of pictures that pass through."""

    landmarks: NDArray[np.float32]
    """(T, 478, 3), of the source's face in each picture."""
    energies: list[float] = field(default_factory=list)
    """Laplacian energy of each picture so far."""

    def observe(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yield the pictures unchanged, and measure each."""
        for place, picture in enumerate(pictures):
            if place < len(self.landmarks):
                self.energies.append(sharpness(crop_lips(self.landmarks[place][_LIPS], picture.y)))
            yield picture

    def with_apertures(self, apertures: Floats) -> tuple[Floats, Floats]:
        """Return the existing apertures and energies (K,). ``apertures``: (T,) of the pictures."""
        opened = apertures[: len(self.energies)]
        finite = np.isfinite(opened)
        return opened[finite], np.array(self.energies, np.float32)[finite]
