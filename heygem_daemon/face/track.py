"""A track: the landmarks of one person over the pictures of a video."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Track:
    """Landmarks of one face in every picture of a clip, from its first picture on.

    ``landmarks``: float32 (T, 478, 3): x right and y down in pixels of the upright picture, z
    away from the camera on the same scale (MediaPipe's face mesh numbering; 468-477 are irises).
    May be a read-only memory map. Rows where ``present`` is False are undefined.
    ``present``: bool (T,): a usable face was found in that picture.
    ``score``: float32 (T,): the mesh's own face presence probability, 0-1.
    """

    landmarks: NDArray[np.float32]
    present: NDArray[np.bool_]
    score: NDArray[np.float32]

    def __len__(self) -> int:
        return int(self.present.shape[0])

    @property
    def coverage(self) -> float:
        """Share of pictures with a usable face, 0-1."""
        return float(self.present.mean()) if len(self) else 0.0
