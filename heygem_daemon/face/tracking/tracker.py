"""The face tracker: follows the face that speaks through the pictures of a video."""

from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

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
from heygem_daemon.face.tracking.joining import join_shots
from heygem_daemon.face.tracking.multi_face import MultiFaceTracker, OnFace
from heygem_daemon.face.tracking.pieces import PieceTracker, TrackedPiece
from heygem_daemon.face.tracking.shots import PIECE_PICTURES, split_into_blocks
from heygem_daemon.face.tracking.smoothing import FaceSample, smooth_lips
from heygem_daemon.face.tracking.speaker import SpeakerSelector
from heygem_daemon.face.tracking.stored_pieces import StoredPiece, read_piece, write_piece
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

    The video is tracked in pieces, which several workers can share. Memory does not grow with the
    length of a shot: observations are kept on disk until its end.
    """

    piece_pictures: int = PIECE_PICTURES
    """Pictures in a piece."""

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

        ``folder``: where the observations are kept until then, about 6 kB per face and picture;
        None: the system's temporary folder. ``on_face``: see ``MultiFaceTracker``. Raises OSError
        where the disk is full.
        """
        with TemporaryDirectory(dir=folder) as kept:
            yield from self.join(self._store_all(pictures, choice, Path(kept), on_face), choice)

    def _store_all(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice,
        folder: Path,
        on_face: OnFace | None,
    ) -> Iterator[StoredPiece]:
        for piece in self.track_pieces(pictures, choice, folder, on_face):
            path = folder / f"{piece.number}"
            write_piece(piece, path)
            yield read_piece(path, piece.pictures)

    def track_pieces(
        self,
        pictures: Iterable[Picture],
        choice: FaceChoice,
        folder: Path,
        on_face: OnFace | None = None,
        first_piece: int = 0,
        is_wanted: Callable[[int], bool] = lambda _number: True,
    ) -> Generator[TrackedPiece, None, None]:
        """Yield the tracked pieces of ``pictures``. The next request closes a piece.

        ``first_piece``: the number of the first. ``is_wanted(number)`` is called before each later
        piece. Where it returns False, the tracking ends a few pictures later.
        """

        def new_tracker(counts: bool) -> MultiFaceTracker:
            follow_small = choice != "largest"
            return MultiFaceTracker(self._models, follow_small, folder, on_face if counts else None)

        blocks = split_into_blocks(pictures, piece=self.piece_pictures, first_piece=first_piece)
        return PieceTracker(new_tracker, is_wanted).track(blocks)

    def join(self, pieces: Iterable[StoredPiece], choice: FaceChoice) -> Iterator[FaceSample]:
        """Yield the samples of a video, from all of its pieces in their order."""
        speaker = SpeakerSelector(choice, self._reference)
        samples = (each for shot in join_shots(pieces) for each in speaker.choose_samples(shot))
        return smooth_lips(samples, self._lips)
