"""How sharp a mouth is, compared with its own source where that is equally open.

The sharpness of a pair compares different mouths: one that the audio closes has fewer edges than
one full of teeth. Here each published picture is compared with source pictures whose mouth is
equally open, so that the rest is due to the renderer and the encoder.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.measures import MIN_FRAMES, sharpness
from heygem_daemon.render.review import crop_lips

Floats = NDArray[np.float32]

ALIKE = 0.015
"""Standard deviation of the Gaussian by which less or more open pictures count, IOD."""
FEWEST_ALIKE = 5.0
"""Source pictures that must be equally open: a few may be blurred by chance."""
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


def sharpness_alike(shown: tuple[Floats, Floats], source: tuple[Floats, Floats]) -> float | None:
    """Return the energy of pictures, divided by the source's where it is equally open.

    Both arguments are apertures and energies (K,), as ``Edges.with_apertures`` returns them.
    Openings that the source hardly shows are left out; None if too few pictures remain.
    """
    (apertures, energies), (source_apertures, source_energies) = shown, source
    weights = np.exp(-0.5 * np.square((apertures[:, None] - source_apertures) / ALIKE))
    weight_sums = weights.sum(axis=1)
    comparable = weight_sums >= FEWEST_ALIKE
    if comparable.sum() < MIN_FRAMES:
        return None
    expected = weights[comparable] @ source_energies / weight_sums[comparable]
    return float(energies[comparable].sum() / expected.sum())
