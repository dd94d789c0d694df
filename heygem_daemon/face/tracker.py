"""One face followed through the pictures of a video."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.face.crop import Crop, around_landmarks, has_left
from heygem_daemon.face.cuts import Thumbnail, is_cut, thumbnail
from heygem_daemon.face.detector import FaceDetector
from heygem_daemon.face.finder import FaceFinder
from heygem_daemon.face.mesh import POINTS, SIDE, FaceMesh
from heygem_daemon.face.plausible import is_usable
from heygem_daemon.face.sampling import sample
from heygem_daemon.face.smoothing import FaceSample, smooth_lips
from heygem_daemon.face.track import Track
from heygem_daemon.face.weights import load_weights
from heygem_daemon.media.picture import Picture

DETECTOR_FILE = "face_detector.safetensors"
MESH_FILE = "face_mesh.safetensors"

JUMP_LIMIT = 0.4
"""A face that moves by this share of its size between two pictures is looked for anew."""
THOROUGH_EVERY = 12
"""In a stretch without a face, every so many pictures are searched in tiles too."""

_BATCH = {"cpu": 8, "cuda": 32}
_FIRST_BATCH = 2
_APPROACHES = 2
"""How often a crop found by the detector is corrected by the mesh before it is kept."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """The mesh's answer for one picture, in picture pixels."""

    landmarks: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class _Seen:
    picture: Picture
    cut: bool


@dataclass(slots=True)
class _State:
    """What the tracker knows after the last picture."""

    crop: Crop | None = None
    face: Crop | None = None
    stretch: int = 0
    absent: int = 0
    batch: int = _FIRST_BATCH
    waiting: deque[_Seen] = field(default_factory=deque)


class FaceTracker:
    """Follows the largest face of a video.

    The detector only finds the face. Then the mesh looks at a fixed crop, which moves after a
    picture in which the face has left its middle. Batches are run ahead with the crop as it
    is; what was computed beyond a move is computed again, so the batch size has no influence.
    """

    def __init__(
        self, detector: FaceDetector, mesh: FaceMesh, device: torch.device, batch: int
    ) -> None:
        self._finder = FaceFinder(detector, device)
        self._mesh = mesh
        self._device = device
        self._batch = batch
        self._lips = mesh.lips.points.cpu().numpy()

    @classmethod
    def load(cls, weights: Path, device: str = "cpu", batch: int | None = None) -> "FaceTracker":
        """A tracker with the weights of folder ``weights`` on a torch device.

        Raises WeightsUnavailable.
        """
        where = torch.device(device)
        return cls(
            load_weights(FaceDetector(), weights / DETECTOR_FILE, where),
            load_weights(FaceMesh(), weights / MESH_FILE, where),
            where,
            batch or _BATCH[where.type],
        )

    def track(self, pictures: Iterable[Picture]) -> Track:
        """The track of a whole clip."""
        samples = list(self.follow(pictures))
        landmarks = [sample.landmarks for sample in samples]
        return Track(
            landmarks=np.stack(landmarks) if samples else np.zeros((0, POINTS, 3), np.float32),
            present=np.array([sample.present for sample in samples], np.bool_),
            score=np.array([sample.score for sample in samples], np.float32),
        )

    def follow(self, pictures: Iterable[Picture]) -> Iterator[FaceSample]:
        """One sample per picture, in order; holds no more than a batch of pictures."""
        return smooth_lips(self._follow(pictures), self._lips)

    def _follow(self, pictures: Iterable[Picture]) -> Iterator[FaceSample]:
        source = _mark_cuts(pictures)
        state = _State()
        while self._refill(state, source):
            if state.waiting[0].cut:
                state.crop = state.face = None
            if state.crop is None:
                yield self._search(state, state.waiting.popleft().picture)
            else:
                yield from self._run_ahead(state, state.crop)

    def _refill(self, state: _State, source: Iterator[_Seen]) -> bool:
        while len(state.waiting) < state.batch and (seen := next(source, None)):
            state.waiting.append(seen)
        return bool(state.waiting)

    def _run_ahead(self, state: _State, crop: Crop) -> Iterator[FaceSample]:
        """Samples of the waiting pictures, up to a move, a loss or a cut."""
        readings = self._read([seen.picture for seen in _uncut(state)], crop)
        for reading in readings:
            if not _is_followed(reading, state.face):
                state.crop, state.batch = None, _FIRST_BATCH
                return
            state.waiting.popleft()
            state.face = around_landmarks(reading.landmarks)
            yield FaceSample(reading.landmarks, True, reading.score, state.stretch)
            if has_left(crop, state.face):
                state.crop, state.batch = state.face, _FIRST_BATCH
                return
        state.batch = min(2 * state.batch, self._batch)

    def _search(self, state: _State, picture: Picture) -> FaceSample:
        """Look for a face in one picture, and take up following it."""
        state.stretch += 1
        reading = self._find(picture, state)
        if reading is None:
            state.absent += 1
            return FaceSample(np.zeros((POINTS, 3), np.float32), False, 0.0, state.stretch)
        state.absent = 0
        state.crop = state.face = around_landmarks(reading.landmarks)
        return FaceSample(reading.landmarks, True, reading.score, state.stretch)

    def _find(self, picture: Picture, state: _State) -> _Reading | None:
        with torch.inference_mode():
            crop = self._finder.find(picture, state.face, state.absent % THOROUGH_EVERY == 0)
        if crop is None:
            return None
        for _ in range(_APPROACHES + 1):
            reading = self._read([picture], crop)[0]
            if not is_usable(reading.landmarks, reading.score):
                return None
            crop = around_landmarks(reading.landmarks)
        return reading

    @torch.inference_mode()
    def _read(self, pictures: Sequence[Picture], crop: Crop) -> list[_Reading]:
        landmarks, logits = self._mesh(sample(pictures, crop, SIDE, self._device))
        scores = torch.sigmoid(logits).cpu().numpy()
        placed = crop.to_picture(landmarks.cpu().numpy(), SIDE)
        return [
            _Reading(points, float(score)) for points, score in zip(placed, scores, strict=True)
        ]


def _mark_cuts(pictures: Iterable[Picture]) -> Iterator[_Seen]:
    previous: Thumbnail | None = None
    for picture in pictures:
        current = thumbnail(picture)
        yield _Seen(picture, previous is not None and is_cut(previous, current))
        previous = current


def _uncut(state: _State) -> list[_Seen]:
    """The waiting pictures before the next cut; the first one is at none."""
    run = []
    for seen in state.waiting:
        if seen.cut:
            break
        run.append(seen)
    return run


def _is_followed(reading: _Reading, last: Crop | None) -> bool:
    """Whether a reading is a usable face that continues the last picture's."""
    if not is_usable(reading.landmarks, reading.score):
        return False
    face = around_landmarks(reading.landmarks)
    if last is None:
        return True
    step = float(np.hypot(face.x - last.x, face.y - last.y))
    return step < JUMP_LIMIT * last.face
