"""Runs the face mesh on pictures, and judges whether its result is a usable face.

The mesh always returns a face. Where there is none, its points are folded or turned away.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.face.networks.mesh import INPUT_SIDE, FaceMesh
from heygem_daemon.face.reading.crop import Crop, crop_around_landmarks
from heygem_daemon.face.reading.sampling import sample_crop
from heygem_daemon.face.reading.skin_colours import Colours, sample_colours
from heygem_daemon.media.picture import Picture

SCORE_LIMIT = 0.5
"""Presence probability below which there is no face in the crop."""
EYE_DISTANCE_LIMIT = 20.0
"""Pixels between the outer eye corners below which the mouth is too small to change."""
YAW_LIMIT = math.radians(60)
"""Radians. A face turned further to the side shows too little of its mouth."""
PITCH_LIMIT = math.radians(55)
"""Radians. The same for a face turned up or down."""

_LEFT, _RIGHT = 234, 454
_FOREHEAD, _CHIN = 10, 152
_EYES = (33, 133, 362, 263)
_LIPS = (61, 291, 13, 14)


@dataclass(frozen=True, slots=True)
class MeshReading:
    """The mesh's result for one picture."""

    landmarks: NDArray[np.float32]
    """(478, 3) in picture pixels, z on the same scale."""
    logit: float
    """The mesh's presence logit: 20 to 35 for a face in the middle of its crop. It falls as the
    face moves off the middle, well before the landmarks become wrong."""
    colours: Colours
    """(COLOUR_POINT_COUNT, 3)."""

    @property
    def score(self) -> float:
        """The presence probability, 0-1."""
        return score_from_logit(self.logit)

    @property
    def is_usable(self) -> bool:
        """Whether this is a face that an engine can work on."""
        return is_usable(self.landmarks, self.score)

    def crop(self) -> Crop:
        """Return the crop that has this face in its middle."""
        return crop_around_landmarks(self.landmarks)


@dataclass(frozen=True, slots=True)
class MeshReader:
    """Runs the mesh on pictures, on one device."""

    mesh: FaceMesh
    device: torch.device

    def read(self, pictures: Sequence[Picture], crop: Crop) -> list[MeshReading]:
        """Return one reading per picture, all through the same crop. Where memory runs out, smaller
        batches are tried."""
        batching = BatchSizer(len(pictures), release_memory=torch.cuda.empty_cache)
        parts = batching.run(len(pictures), lambda part: self._read(pictures[part], crop))
        return [reading for part in parts for reading in part]

    @torch.inference_mode()
    def _read(self, pictures: Sequence[Picture], crop: Crop) -> list[MeshReading]:
        inputs = sample_crop(pictures, crop, INPUT_SIDE, self.device)
        landmarks, logits = self.mesh(inputs)
        colours = sample_colours(inputs, landmarks)
        placed = crop.to_picture(landmarks.cpu().numpy(), INPUT_SIDE)
        return [MeshReading(*each) for each in zip(placed, logits.tolist(), colours, strict=True)]


def score_from_logit(logit: float) -> float:
    """Return the probability, 0-1, of a logit."""
    return 1 / (1 + math.exp(-max(logit, -50.0)))


def is_usable(landmarks: NDArray[np.float32], score: float) -> bool:
    """Whether landmarks (478, 3), in pixels, with presence probability ``score`` are a usable face:
    large enough, not turned too far, and with eyes and lips in their order.
    """
    if score < SCORE_LIMIT or not np.isfinite(landmarks).all():
        return False
    if np.hypot(*(landmarks[_EYES[3], :2] - landmarks[_EYES[0], :2])) < EYE_DISTANCE_LIMIT:
        return False
    yaw, pitch = yaw_and_pitch(landmarks)
    return abs(yaw) < YAW_LIMIT and abs(pitch) < PITCH_LIMIT and _is_in_order(landmarks)


def yaw_and_pitch(landmarks: NDArray[np.float32]) -> tuple[float, float]:
    """Return yaw and pitch in radians, from the lines ear to ear and forehead to chin."""
    across = landmarks[_RIGHT] - landmarks[_LEFT]
    down = landmarks[_CHIN] - landmarks[_FOREHEAD]
    yaw = math.atan2(across[2], math.hypot(across[0], across[1]))
    pitch = math.atan2(down[2], math.hypot(down[0], down[1]))
    return yaw, pitch


def _is_in_order(landmarks: NDArray[np.float32]) -> bool:
    """Whether eyes, then lips, follow on the line from forehead to chin, and the face is about as
    wide as long."""
    flat = landmarks[:, :2].astype(np.float64)
    axis = flat[_CHIN] - flat[_FOREHEAD]
    length = float(np.hypot(*axis))
    if length <= 0:
        return False
    along = (flat - flat[_FOREHEAD]) @ axis / length**2
    eyes, lips = along[list(_EYES)].mean(), along[list(_LIPS)].mean()
    width = float(np.hypot(*(flat[_RIGHT] - flat[_LEFT])))
    return bool(0.0 < eyes < lips < 1.0 and 0.3 < width / length < 2.0)
