"""Follows one face from picture to picture, and recognizes it by its colours.

The colours recognize a person within one shot, or in another shot in the same light.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.crop import Crop, centre_distance, drift
from heygem_daemon.face.reading.face_models import FaceModels, is_certain_face
from heygem_daemon.face.reading.mesh_reader import MeshReading
from heygem_daemon.face.reading.skin_colours import (
    AROUND_PART,
    COLOUR_POINT_COUNT,
    UPPER_PART,
    Colours,
)
from heygem_daemon.media.picture import Picture

APPEARANCE_PICTURES = 250
"""Pictures over which an appearance is averaged, so that it follows slow changes of light."""
SAME_PLACE_LIMIT = 40.0
"""Colour difference, 0-255, below which a face that reappears at the same place is the same."""
OTHER_PLACE_LIMIT = 22.0
"""The same for a face that reappears somewhere else, or in another shot."""

MIN_FOLLOW_LOGIT = 10.0
"""The mesh's logit from which a face that is already followed, and may be half covered, is still
followed after its crop has moved."""
JUMP_LIMIT = 0.4
"""A face that moves by this share of its size between two pictures is searched again."""
LOGIT_DROP_LIMIT = 0.7
"""The crop also moves when the mesh's logit falls below this share of its first value."""
HANDOVER_PICTURES = 8
"""Pictures over which the landmarks' jump at a move of the crop is spread."""
MAX_MISSING_PICTURES = 25
"""Pictures without the face after which it is no longer searched near its last place."""


class Appearance:
    """A face's mean colours so far: forehead, nose, cheeks, hair, neck, clothes; not the mouth,
    which moves and may be covered."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float32] = np.zeros((COLOUR_POINT_COUNT, 3), np.float32)
        self._count = 0

    def add(self, colours: Colours) -> None:
        """Add the colours (COLOUR_POINT_COUNT, 3) of one more picture."""
        self._count += 1
        rate = np.float32(1 / min(self._count, APPEARANCE_PICTURES))
        self._mean += rate * (colours.astype(np.float32) - self._mean)

    def difference(self, colours: NDArray[np.uint8] | NDArray[np.float32]) -> float:
        """Return the mean over the points of the largest difference in a channel, 0-255."""
        apart = np.abs(colours.astype(np.float32) - self._mean).max(axis=1)
        return float(np.concatenate([apart[UPPER_PART], apart[AROUND_PART]]).mean())

    def differs_from(self, other: "Appearance") -> float:
        """Return the difference between two appearances, 0-255."""
        return self.difference(other._mean)


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """A face in one picture."""

    landmarks: NDArray[np.float32]
    """(478, 3) in picture pixels."""
    logit: float
    """The mesh's presence logit."""
    colours: Colours
    """(COLOUR_POINT_COUNT, 3)."""
    crop: Crop
    """The crop that has the face in its middle."""
    tracklet: int
    """Observations of one tracklet follow each other without a gap."""


@dataclass(frozen=True, slots=True)
class _FollowState:
    """The state while a face is followed through a fixed crop."""

    crop: Crop
    initial_logit: float
    """The mesh's logit when the crop was placed."""
    landmark_offset: NDArray[np.float32] | None = None
    """(478, 3), pixels: the landmarks' jump when the crop was placed; None: no jump is spread."""
    pictures_since_move: int = 0
    drift: float = 0.0
    """How far the face has moved since, as a share of what it may."""

    @property
    def pictures_until_move(self) -> float:
        """In how many pictures the crop moves if the face goes on as it did since the last move."""
        return self.pictures_since_move * (1 / self.drift - 1) if self.drift else math.inf


class FaceFollower:
    """Follows one face, and searches it near its last place after it is lost.

    The mesh reads a fixed crop, which moves when the face has left its middle. Batches are read
    ahead with the current crop. What was read beyond a move is read again, so the batch size does
    not change the result. A batch takes as long as one or two pictures more than it holds, so it is
    as large as it can be before the crop is likely to move.
    """

    def __init__(self, models: FaceModels, appearance: Appearance) -> None:
        self._models = models
        self._appearance = appearance
        self._state: _FollowState | None = None
        self._missing_pictures = MAX_MISSING_PICTURES
        self._tracklet = 0
        self.last_crop: Crop | None = None
        """Where the face was last; None before ``start``."""

    @property
    def is_active(self) -> bool:
        """Whether the face is visible, or was at most ``MAX_MISSING_PICTURES`` ago."""
        return self._state is not None or self._missing_pictures < MAX_MISSING_PICTURES

    @property
    def is_visible(self) -> bool:
        """Whether the face was found in the last picture."""
        return self._state is not None

    def start(self, crop: Crop, logit: float) -> None:
        """Follow the face in the middle of ``crop`` from the next picture on."""
        self._state = _FollowState(crop, logit)
        self._missing_pictures = 0
        self._tracklet += 1
        self.last_crop = crop

    def stop(self, place: Crop | None) -> None:
        """Stop, because another face has been followed.

        ``place``: where this face was last; None: keep the last place.
        """
        self._state, self._missing_pictures = None, MAX_MISSING_PICTURES
        self.last_crop = place or self.last_crop

    def follow(self, pictures: Sequence[Picture]) -> list[FaceObservation | None]:
        """Return the face's observation in each of consecutive pictures of one shot; None: not
        found."""
        observations: list[FaceObservation | None] = []
        while len(observations) < len(pictures):
            rest = pictures[len(observations) :]
            if self._state is None:
                observations.append(self._search(rest[0]))
            else:
                ahead = rest[: self._batch_size(self._state)]
                readings = self._models.reader.read(ahead, self._state.crop)
                observations.extend(self._follow_readings(rest, readings, self._state))
        return observations

    def _batch_size(self, state: _FollowState) -> int:
        return max(1, math.ceil(min(self._models.batch_size, state.pictures_until_move)))

    def _follow_readings(
        self, pictures: Sequence[Picture], readings: Sequence[MeshReading], state: _FollowState
    ) -> Iterator[FaceObservation]:
        """Yield the observations of pictures, the first of which were read through the crop of
        ``state``, up to the last reading or a loss of the face. From a move of the crop on they are
        read again."""
        for number, reading in enumerate(readings):
            if not _is_followed(reading, self.last_crop):
                self._state = None
                return
            moved = drift(state.crop, reading.crop())
            if reading.logit < LOGIT_DROP_LIMIT * state.initial_logit or moved > 1:
                yield from self._move(pictures[number:], state, reading)
                return
            state = _aged(state, moved)
            self._state = state
            yield self._observe(reading, state)

    def _move(
        self, pictures: Sequence[Picture], state: _FollowState, reading: MeshReading
    ) -> Iterator[FaceObservation]:
        """Centre the crop on the face in the first picture, whose old reading is ``reading``, and
        read the pictures again.

        Where the old landmarks are still good, the jump to the new ones is spread over the next
        pictures. The new ones are used at once where the mesh had begun to lose the face, and
        where the last move was recent: a fast head hides a jump, and rests of jumps would add up.
        Where the new crop shows no face, the face is lost and the picture is searched next.
        """
        ahead = pictures[: self._models.batch_size]
        crop, (again, *following) = self._models.read_centred(ahead, reading.crop())
        if not _is_followed(again, self.last_crop) or again.logit < MIN_FOLLOW_LOGIT:
            self._state = None
            return
        smooth = (
            reading.logit >= LOGIT_DROP_LIMIT * state.initial_logit
            and state.pictures_since_move >= HANDOVER_PICTURES
        )
        jump = reading.landmarks - again.landmarks if smooth else None
        self._state = _FollowState(crop, again.logit, jump)
        yield self._observe(again, self._state)
        yield from self._follow_readings(pictures[1:], following, self._state)

    def _search(self, picture: Picture) -> FaceObservation | None:
        """Search the face near its last place; it must have about its size and its appearance."""
        self._missing_pictures += 1
        if self._missing_pictures > MAX_MISSING_PICTURES or self.last_crop is None:
            return None
        found = self._models.finder.find_near(picture, self.last_crop)
        if found is None:
            return None
        crop, (reading,) = self._models.read_centred([picture], found)
        if not is_certain_face(reading) or self._is_other(reading):
            return None
        self.start(crop, reading.logit)
        assert self._state is not None
        return self._observe(reading, self._state)

    def _is_other(self, reading: MeshReading) -> bool:
        return self._appearance.difference(reading.colours) > SAME_PLACE_LIMIT

    def _observe(self, reading: MeshReading, state: _FollowState) -> FaceObservation:
        self.last_crop = reading.crop()
        self._missing_pictures = 0
        placed = _placed(reading, state)
        return FaceObservation(
            placed, reading.logit, reading.colours, self.last_crop, self._tracklet
        )


def _aged(state: _FollowState, moved: float) -> _FollowState:
    """Return the state one picture later, with this drift."""
    age = state.pictures_since_move + 1
    offset = state.landmark_offset if age < HANDOVER_PICTURES else None
    return _FollowState(state.crop, state.initial_logit, offset, age, moved)


def _placed(reading: MeshReading, state: _FollowState) -> NDArray[np.float32]:
    """Return the landmarks with what is left of the jump at the last move."""
    if state.landmark_offset is None:
        return reading.landmarks
    return reading.landmarks + state.landmark_offset * np.float32(
        1 - state.pictures_since_move / HANDOVER_PICTURES
    )


def _is_followed(reading: MeshReading, last: Crop | None) -> bool:
    """Whether a reading is a usable face that continues the last picture's."""
    if not reading.is_usable:
        return False
    return last is None or centre_distance(last, reading.crop()) < JUMP_LIMIT * last.face_size
