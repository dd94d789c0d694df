"""The face tracker: follows the face that speaks through the pictures of a video."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.detector import FaceDetector
from heygem_daemon.face.networks.mesh import LANDMARK_COUNT, FaceMesh
from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.face_models import FaceModels
from heygem_daemon.face.reading.finder import FaceFinder
from heygem_daemon.face.reading.mesh_reader import MeshReader
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.multi_face import MultiFaceTracker, OnFace
from heygem_daemon.face.tracking.shots import split_into_blocks
from heygem_daemon.face.tracking.smoothing import FaceSample, smooth_lips
from heygem_daemon.face.tracking.speaker import SpeakerSelector
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.picture import ColourTags, Picture

DETECTOR_FILE = "face_detector.safetensors"
MESH_FILE = "face_mesh.safetensors"

BLANK_SIDE = 512
"""Edge of a blank picture, pixels."""
_BATCH = {"cpu": 8, "cuda": 32}
"""Pictures that the mesh reads at once, by type of device."""


class FaceTracker:
    """Follows every face of a shot, and chooses at the shot's end which of them speaks.

    Memory does not grow with the length of a shot: observations are kept on disk until then.
    """

    def __init__(
        self,
        detector: FaceDetector,
        mesh: FaceMesh,
        reference: NDArray[np.float32],
        device: torch.device,
        batch: int,
    ) -> None:
        """``reference``: the average face (478, 3), see ``face.reading.pose``; ``batch``: pictures
        that the mesh reads at once."""
        self._models = FaceModels(FaceFinder(detector, device), MeshReader(mesh, device), batch)
        self._reference = reference
        self._lips = mesh.lips.points.cpu().numpy()

    @classmethod
    def load(cls, weights: Path, device: str = "cpu", batch: int | None = None) -> "FaceTracker":
        """Load a tracker onto a torch device, from the folder ``weights`` of the built-in engine.

        Raises WeightsUnavailable.
        """
        where = torch.device(device)
        return cls(
            load_weights(FaceDetector(), weights / DETECTOR_FILE, where),
            load_weights(FaceMesh(), weights / MESH_FILE, where),
            load_reference_face(weights),
            where,
            batch or _BATCH[where.type],
        )

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The modules that compute on the device."""
        return self._models.finder.detector, self._models.reader.mesh

    @property
    def batch_size(self) -> int:
        """Pictures that the mesh reads at once, at most."""
        return self._models.batch_size

    def read_blank_pictures(self, pictures: int) -> None:
        """Run the mesh on ``pictures`` grey pictures, to measure what that takes."""
        grey = np.full((BLANK_SIDE, BLANK_SIDE), 128, np.uint8)
        blank = Picture(0, grey, grey[::2, ::2].copy(), grey[::2, ::2].copy(), ColourTags())
        crop = Crop(BLANK_SIDE / 2, BLANK_SIDE / 2, BLANK_SIDE / 2)
        for first in range(0, pictures, self._models.batch_size):
            self._models.reader.read([blank] * min(self._models.batch_size, pictures - first), crop)

    def track(self, pictures: Iterable[Picture], choice: FaceChoice = "largest") -> Track:
        """Return the track of a whole clip, in memory."""
        samples = list(self.follow(pictures, choice))
        landmarks = [sample.landmarks for sample in samples]
        return Track(
            landmarks=np.stack(landmarks)
            if samples
            else np.zeros((0, LANDMARK_COUNT, 3), np.float32),
            present=np.array([sample.present for sample in samples], np.bool_),
            score=np.array([sample.score for sample in samples], np.float32),
            trouble=np.array([sample.trouble for sample in samples], np.uint8),
            person=np.array([sample.person for sample in samples], np.int16),
        )

    def follow(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice = "largest",
        folder: Path | None = None,
        on_face: OnFace | None = None,
    ) -> Iterator[FaceSample]:
        """Yield one sample per picture, in order; those of a shot after its last picture.

        ``folder``: where the observations of long shots are kept until then, about 6 kB per face
        and picture; None: the system's temporary folder. ``on_face``: see ``MultiFaceTracker``.
        Raises OSError where the disk is full.
        """
        return smooth_lips(self._follow(pictures, choice, folder, on_face), self._lips)

    def _follow(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice,
        folder: Path | None,
        on_face: OnFace | None,
    ) -> Iterator[FaceSample]:
        new_shot = partial(MultiFaceTracker, self._models, choice != "largest", folder, on_face)
        speaker = SpeakerSelector(choice, self._reference)
        shot, length = new_shot(), 0
        size = (0, 0)
        try:
            for block in split_into_blocks(pictures):
                if block.starts_shot:
                    yield from speaker.choose_samples(shot, length, *size)
                    shot.close()
                    shot = new_shot()
                shot.follow(block)
                length = block.first + len(block.pictures)
                size = (block.pictures[0].width, block.pictures[0].height)
            yield from speaker.choose_samples(shot, length, *size)
        finally:
            shot.close()
