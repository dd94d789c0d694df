"""How near a mouth is to the real mouths of the person, compared with these among themselves.

A drawn mouth that looks like none that the person ever made is seen as drawn. So each mouth is
compared with all source pictures except those around its own, and the nearest counts. The mouth is
read in its plane, as the source's pose places it, and the distance is 1 - SSIM.

SSIM: Z. Wang, A. C. Bovik, H. R. Sheikh and E. P. Simoncelli, "Image quality assessment: from
error visibility to structural similarity", IEEE Transactions on Image Processing 13 (4), 2004.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d, conv2d

from benchmarks.lips.steadiness import read_mouth, usual_scale
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.media.picture import Picture

DENSITY = 64
"""Pixels per IOD at which mouths are compared: 64x48."""
APART = 12
"""Source pictures nearer than this to a mouth's own are not compared with it."""
STEP = 3
"""One of this many pictures is compared."""
FEWEST = 10
"""Fewest pictures of a median."""
TOGETHER = 128
"""Mouths that are compared with one at the same time: bounds the memory."""

WINDOW, SIGMA = 11, 1.5
"""Size and standard deviation of the Gaussian window of SSIM, pixels."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""The constants of SSIM for code values of 8 bits."""


@dataclass(slots=True)
class Mouths:
    """Reads the mouths of pictures that pass."""

    person: Person
    """The person in the source video."""
    sources: NDArray[np.int32]
    """(N,), the source picture of each picture that passes."""
    step: int = 1
    """One of this many pictures is read."""
    places: list[int] = field(default_factory=list)
    """Which of the pictures were read: those whose source shows the face."""
    read: list[torch.Tensor] = field(default_factory=list)
    """Luma (48, 64) of the mouth in each of them, code values."""

    def observe(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yield the pictures unchanged, and read the mouths."""
        for place, picture in enumerate(pictures):
            if place < len(self.sources) and place % self.step == 0:
                self._add(place, picture)
            yield picture

    def _add(self, place: int, picture: Picture) -> None:
        source = int(self.sources[place])
        if self.person.track.present[source]:
            self.places.append(place)
            self.read.append(read_small_mouth(self.person, source, picture))

    def own(self) -> NDArray[np.int32]:
        """Return (K,), the source picture of each mouth that was read."""
        return self.sources[self.places]


def read_small_mouth(person: Person, source: int, picture: Picture) -> torch.Tensor:
    """Return the luma (48, 64) around the mouth at the place that the ``source`` picture has it.

    Pixels of larger faces are averaged.
    """
    finer = max(1, round(usual_scale(person) / DENSITY))
    return avg_pool2d(read_mouth(person, source, picture, float(DENSITY * finer))[None], finer)[0]


def relative_distance(
    shown: Mouths, real: Mouths, drawn: NDArray[np.bool_] | None = None
) -> float | None:
    """Return the median distance of the mouths ``shown`` to the nearest ``real`` one, divided by
    the median of these among themselves. None if there are too few.

    ``drawn``: (N,), the pictures that count; by default all.
    """
    counts = [drawn is None or bool(drawn[place]) for place in shown.places]
    distances = nearest(shown, real)[counts]
    reference = nearest(real, real, STEP)
    pairs = [values[np.isfinite(values)] for values in (distances, reference)]
    if min(map(len, pairs)) < FEWEST:
        return None
    above, below = (float(np.median(values)) for values in pairs)
    return above / below if below > 0 else None


def nearest(shown: Mouths, real: Mouths, step: int = 1) -> NDArray[np.float64]:
    """Return the distance (K,) of one of ``step`` mouths to the nearest real one.

    NaN where none is far enough in time from the mouth's own source picture.
    """
    distances, candidates, sources = [], list(map(prepare, real.read)), real.own()
    for mouth, own in list(zip(shown.read, shown.own(), strict=True))[::step]:
        far = np.flatnonzero(np.abs(sources - own) >= APART).tolist()
        similar = similarities(prepare(mouth), [candidates[place] for place in far])
        distances.append(1 - max(similar, default=np.nan))
    return np.array(distances, np.float64)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What SSIM needs to know of one picture."""

    values: torch.Tensor
    """Code values (h, w)."""
    mean: torch.Tensor
    """Weighted mean in each window, wholly inside the picture (h - 10, w - 10)."""
    variance: torch.Tensor
    """Weighted variance in each window."""


def prepare(values: torch.Tensor) -> Prepared:
    """Return what SSIM needs to know of code values (h, w)."""
    exact = values.double()
    mean = weighted(exact[None])[0]
    return Prepared(exact, mean, weighted(exact[None] ** 2)[0] - mean**2)


def similarities(one: Prepared, others: Sequence[Prepared]) -> list[float]:
    """Return the mean SSIM of a picture with each of some others of its size."""
    found: list[float] = []
    for first in range(0, len(others), TOGETHER):
        part = others[first : first + TOGETHER]
        mean = torch.stack([other.mean for other in part])
        variance = torch.stack([other.variance for other in part])
        product = weighted(torch.stack([other.values for other in part]) * one.values)
        both = one.mean * mean
        structure = (2 * (product - both) + C2) / (one.variance + variance + C2)
        light = (2 * both + C1) / (one.mean**2 + mean**2 + C1)
        found += (light * structure).mean(dim=(1, 2)).tolist()
    return found


def weighted(values: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian weighted means (N, h - 10, w - 10) of values (N, h, w)."""
    places = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = torch.exp(-(places**2) / (2 * SIGMA**2))
    weights = weights / weights.sum()
    across = conv2d(values[:, None], weights.view(1, 1, 1, -1))
    return conv2d(across, weights.view(1, 1, -1, 1))[:, 0]
