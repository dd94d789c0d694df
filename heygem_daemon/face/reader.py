"""The mesh's answer for pictures seen through a crop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.batching import Batching
from heygem_daemon.face.crop import Crop, around_landmarks
from heygem_daemon.face.mesh import SIDE, FaceMesh
from heygem_daemon.face.plausible import is_usable
from heygem_daemon.face.probe import Colours, probe
from heygem_daemon.face.sampling import sample
from heygem_daemon.media.picture import Picture


@dataclass(frozen=True, slots=True)
class Reading:
    """Landmarks float32 (478, 3) in picture pixels, the logit of a face being there, and its
    colours uint8 (PLACES, 3).

    The logit is 20 to 35 for a face in the middle of its crop and falls as it moves off the
    middle, well before the landmarks go astray.
    """

    landmarks: NDArray[np.float32]
    logit: float
    colours: Colours

    @property
    def score(self) -> float:
        """Probability of a face, 0-1."""
        return score_of(self.logit)

    @property
    def is_usable(self) -> bool:
        """Whether this is a face that an engine can work on."""
        return is_usable(self.landmarks, self.score)

    def crop(self) -> Crop:
        """The crop that has this face in its middle."""
        return around_landmarks(self.landmarks)


@dataclass(frozen=True, slots=True)
class MeshReader:
    """Runs the mesh on pictures."""

    mesh: FaceMesh
    device: torch.device

    def read(self, pictures: Sequence[Picture], crop: Crop) -> list[Reading]:
        """One reading per picture, all through the same crop; in smaller batches where memory runs
        out."""
        batching = Batching(len(pictures), relieve=torch.cuda.empty_cache)
        parts = batching.run(len(pictures), lambda part: self._read(pictures[part], crop))
        return [reading for part in parts for reading in part]

    @torch.inference_mode()
    def _read(self, pictures: Sequence[Picture], crop: Crop) -> list[Reading]:
        inputs = sample(pictures, crop, SIDE, self.device)
        landmarks, logits = self.mesh(inputs)
        colours = probe(inputs, landmarks)
        placed = crop.to_picture(landmarks.cpu().numpy(), SIDE)
        return [Reading(*each) for each in zip(placed, logits.tolist(), colours, strict=True)]


def score_of(logit: float) -> float:
    """The probability, 0-1, that a logit stands for."""
    return 1 / (1 + math.exp(-max(logit, -50.0)))
