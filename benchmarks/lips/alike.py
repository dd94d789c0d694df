"""How sharp a mouth is beside its own source where that is as wide open.

The sharpness of a pair compares different mouths: one that the sound shuts has fewer edges than one
full of teeth. Here each published picture is compared with those of the source whose mouth is open
as far, so that what is left is the renderer's doing, and the encoder's.
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
"""Standard deviation of the Gaussian by which pictures count that are open less or more, IOD."""
FEWEST_ALIKE = 5.0
"""Pictures of the source that must be open as far: a few may be blurred by chance."""
_LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


@dataclass(frozen=True, slots=True)
class Edges:
    """Laplacian energy around the mouth in pictures on their way to somebody else.

    ``landmarks``: (T, 478, 3), where the source's mouth is in each of them.
    """

    landmarks: NDArray[np.float32]
    energies: list[float] = field(default_factory=list)

    def passing(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """The pictures, as they come."""
        for place, picture in enumerate(pictures):
            if place < len(self.landmarks):
                self.energies.append(sharpness(crop_lips(self.landmarks[place][_LIPS], picture.y)))
            yield picture

    def beside(self, apertures: Floats) -> tuple[Floats, Floats]:
        """Apertures and energies (K,) where both are known. ``apertures``: (T,) of the pictures."""
        opened = apertures[: len(self.energies)]
        known = np.isfinite(opened)
        return opened[known], np.array(self.energies, np.float32)[known]


def sharpness_alike(shown: tuple[Floats, Floats], source: tuple[Floats, Floats]) -> float | None:
    """Energy of the pictures ``shown`` over that of the ``source`` where it is as wide open; both
    apertures and energies (K,), as ``Edges.beside`` gives them. Openings that the source hardly
    shows count nowhere."""
    (apertures, energies), (own, filmed) = shown, source
    weights = np.exp(-0.5 * np.square((apertures[:, None] - own) / ALIKE))
    like = weights.sum(axis=1)
    known = like >= FEWEST_ALIKE
    if known.sum() < MIN_FRAMES:
        return None
    expected = weights[known] @ filmed / like[known]
    return float(energies[known].sum() / expected.sum())
