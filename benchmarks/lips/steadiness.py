"""How much a mouth changes while it should be still, compared with its own source.

In pictures whose aperture is almost that of the picture before, everything that still changes in a
real mouth is slight; what changes more in a drawn one is seen as flicker. The mouth is read in
its plane, as the source's pose places it in both videos, so that movement of the head counts in
neither.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.interior.mouth_bank import patch_grid
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.engines.builtin.warp.sampling import sample_bicubic, sampling_grid
from heygem_daemon.media.picture import Picture

Floats = NDArray[np.float32]

STILL_CHANGE = 0.004
"""A mouth whose aperture changes by less than this between two pictures is still, IOD."""
FEWEST = 10
"""Fewest still pictures of a mean."""


@dataclass(slots=True)
class Changes:
    """Measures how much the mouth changes from picture to picture, in pictures that pass."""

    person: Person
    """The person in the source video."""
    sources: NDArray[np.int32]
    """(N,), the source picture of each picture that passes."""
    values: list[float] = field(default_factory=list)
    """Mean absolute change of luma since the picture before, code values; NaN for the first, and
    where both show the same source picture."""
    _before: torch.Tensor | None = None

    def observe(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yield the pictures unchanged, and measure each."""
        for place, picture in enumerate(pictures):
            if place < len(self.sources):
                self.values.append(self._add(place, picture))
            yield picture

    def _add(self, place: int, picture: Picture) -> float:
        mouth = read_mouth(self.person, int(self.sources[place]), picture)
        before, self._before = self._before, mouth
        if before is None or self.sources[place] == self.sources[place - 1]:
            return float("nan")
        return float((mouth - before).abs().mean())

    def while_still(self, apertures: Floats) -> float | None:
        """Return the mean change in the pictures whose aperture, of (N,), hardly changes.

        None if there are too few.
        """
        values = np.array(self.values, np.float64)
        steps = np.abs(np.diff(apertures[: len(values)], prepend=np.nan))
        still = values[(steps < STILL_CHANGE) & np.isfinite(values)]
        return float(still.mean()) if len(still) >= FEWEST else None


def read_mouth(
    person: Person, source: int, picture: Picture, density: float | None = None
) -> torch.Tensor:
    """Return the luma (h, w) around the mouth at the place that the ``source`` picture has it.

    ``density``: pixels per IOD; by default the video's own resolution.
    """
    x, y = patch_grid(density or usual_scale(person))
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    pixels = person.planes.origin[source] + plane @ person.planes.axes[source].T
    places = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)
    grid = sampling_grid(places, picture.width, picture.height)
    return sample_bicubic(torch.from_numpy(picture.y[None].astype(np.float32)), grid)[0]


def usual_scale(person: Person) -> float:
    """Return the size of the face in its video, pixels per IOD."""
    return float(np.median(person.pose.scale[person.track.present]))
