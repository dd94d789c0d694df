"""One face followed through the pictures of a video."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.face.crop import Crop, distance, has_left
from heygem_daemon.face.cuts import Seen, mark_cuts
from heygem_daemon.face.detector import FaceDetector
from heygem_daemon.face.finder import FaceFinder
from heygem_daemon.face.mesh import POINTS, FaceMesh
from heygem_daemon.face.reader import MeshReader, Reading
from heygem_daemon.face.smoothing import FaceSample, smooth_lips
from heygem_daemon.face.track import Track
from heygem_daemon.media.picture import Picture
from heygem_daemon.weights import load_weights

DETECTOR_FILE = "face_detector.safetensors"
MESH_FILE = "face_mesh.safetensors"

FOUND_LOGIT = 15.0
"""The mesh's logit in the middle of a crop from which a find is believed: real faces of all kinds
were measured at 23 to 34, what the detector mistook for one at most at 10."""
KEEP_LOGIT = 10.0
"""The same for a face that was followed already and may be half covered."""
JUMP_LIMIT = 0.4
"""A face that moves by this share of its size between two pictures is looked for anew."""
TRUST_LIMIT = 0.7
"""The crop moves too when the mesh's logit falls below this share of what it was at first."""
HANDOVER = 8
"""Pictures over which the step that a moved crop makes in the landmarks is spread."""
THOROUGH_EVERY = 12
"""In a stretch without a face, every so many pictures are searched in tiles too."""
PATIENCE = 25
"""After so many pictures without it a face is forgotten, and only every fourth picture is
searched, until a cut."""

_SELDOM = 4
_BATCH = {"cpu": 8, "cuda": 32}
_FIRST_BATCH = 2
_APPROACHES = 3
"""How often at most a new crop is corrected by what the mesh sees in it."""
_NEAR_ENOUGH = 0.03
"""A new crop is good when the face is off its middle by no more than this share of its size."""


@dataclass(frozen=True, slots=True)
class _Hold:
    """A face being followed: the crop that looks at it, the logit with which that began, the
    step in the landmarks that moving it made, and how many pictures ago that was."""

    crop: Crop
    trust: float
    step: NDArray[np.float32] | None = None
    age: int = 0


@dataclass(slots=True)
class _State:
    """What the tracker knows after the last picture."""

    hold: _Hold | None = None
    face: Crop | None = None
    stretch: int = 0
    absent: int = 0
    batch: int = _FIRST_BATCH
    waiting: deque[Seen] = field(default_factory=deque)


class FaceTracker:
    """Follows the largest face of a video.

    The detector only finds the face. Then the mesh looks at a fixed crop, which moves in a
    picture in which the face has left its middle. Batches are run ahead with the crop as it
    is; what was computed beyond a move is computed again, so the batch size has no influence.
    """

    def __init__(
        self, detector: FaceDetector, mesh: FaceMesh, device: torch.device, batch: int
    ) -> None:
        self._finder = FaceFinder(detector, device)
        self._reader = MeshReader(mesh, device)
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
        source = mark_cuts(pictures)
        state = _State()
        while _refill(state, source):
            if state.waiting[0].cut:
                state.hold, state.face, state.absent = None, None, 0
            if state.hold is None:
                yield self._search(state, state.waiting.popleft().picture)
            else:
                yield from self._run_ahead(state, state.hold)

    def _run_ahead(self, state: _State, hold: _Hold) -> Iterator[FaceSample]:
        """Samples of the waiting pictures, up to a move, a loss or a cut."""
        for reading in self._reader.read(_uncut(state), hold.crop):
            if not _is_followed(reading, state.face):
                state.hold, state.batch = None, _FIRST_BATCH
                return
            if reading.logit < TRUST_LIMIT * hold.trust or has_left(hold.crop, reading.crop()):
                yield from self._move(state, hold, reading)
                return
            state.waiting.popleft()
            hold = _aged(hold)
            state.hold = hold
            yield _present(state, reading, hold)
        state.batch = min(2 * state.batch, self._batch)

    def _move(self, state: _State, hold: _Hold, reading: Reading) -> Iterator[FaceSample]:
        """Put the crop around the face and look at the first waiting picture again.

        Where the landmarks were still good, the step to the new ones is spread over the next
        pictures. Where the mesh had begun to lose the face, or a fast head hides any step and
        what is left of the last one would add up, the new ones count at once. Where the new
        crop shows no face, none is held any more and the picture waits to be searched.
        """
        state.hold, state.batch = None, _FIRST_BATCH
        crop, again = self._approach(state.waiting[0].picture, reading.crop())
        if not again.is_usable or again.logit < KEEP_LOGIT:
            return
        state.waiting.popleft()
        smooth = reading.logit >= TRUST_LIMIT * hold.trust and hold.age >= HANDOVER
        step = reading.landmarks - again.landmarks if smooth else None
        state.hold = _Hold(crop, again.logit, step)
        yield _present(state, again, state.hold)

    def _search(self, state: _State, picture: Picture) -> FaceSample:
        """Look for a face in one picture, and take up following it."""
        state.stretch += 1
        found = self._find(picture, state) if _is_due(state.absent) else None
        if found is None:
            state.absent += 1
            if state.absent == PATIENCE:
                state.face = None
            return FaceSample(np.zeros((POINTS, 3), np.float32), False, 0.0, state.stretch)
        state.absent = 0
        state.hold, reading = found
        return _present(state, reading, state.hold)

    def _find(self, picture: Picture, state: _State) -> tuple[_Hold, Reading] | None:
        crop = self._finder.find(picture, state.face, state.absent % THOROUGH_EVERY == 0)
        if crop is None:
            return None
        crop, reading = self._approach(picture, crop)
        if not reading.is_usable or reading.logit < FOUND_LOGIT:
            return None
        return _Hold(crop, reading.logit), reading

    def _approach(self, picture: Picture, crop: Crop) -> tuple[Crop, Reading]:
        """Read a picture through a crop that is corrected until the face is in its middle."""
        reading = self._reader.read([picture], crop)[0]
        for _ in range(_APPROACHES):
            better = reading.crop()
            if not reading.is_usable or distance(crop, better) < _NEAR_ENOUGH * better.face:
                break
            crop = better
            reading = self._reader.read([picture], crop)[0]
        return crop, reading


def _is_due(absent: int) -> bool:
    """Whether to search a picture after ``absent`` ones in which there was no face."""
    return absent < PATIENCE or absent % _SELDOM == 0


def _refill(state: _State, source: Iterator[Seen]) -> bool:
    while len(state.waiting) < state.batch and (seen := next(source, None)):
        state.waiting.append(seen)
    return bool(state.waiting)


def _uncut(state: _State) -> list[Picture]:
    """The waiting pictures before the next cut; the first one is at none."""
    run = []
    for seen in state.waiting:
        if seen.cut:
            break
        run.append(seen.picture)
    return run


def _aged(hold: _Hold) -> _Hold:
    """The hold one picture later."""
    step = hold.step if hold.age + 1 < HANDOVER else None
    return _Hold(hold.crop, hold.trust, step, hold.age + 1)


def _placed(reading: Reading, hold: _Hold) -> NDArray[np.float32]:
    """Landmarks with what is left of the step that the last move made."""
    if hold.step is None:
        return reading.landmarks
    return reading.landmarks + hold.step * np.float32(1 - hold.age / HANDOVER)


def _present(state: _State, reading: Reading, hold: _Hold) -> FaceSample:
    state.face = reading.crop()
    return FaceSample(_placed(reading, hold), True, reading.score, state.stretch)


def _is_followed(reading: Reading, last: Crop | None) -> bool:
    """Whether a reading is a usable face that continues the last picture's."""
    if not reading.is_usable:
        return False
    return last is None or distance(last, reading.crop()) < JUMP_LIMIT * last.face
