"""Whether two looks at a face are looks at one person: by colours, within one shot and light.

One face, followed from picture to picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.crop import Crop, centre_distance, is_outdated
from heygem_daemon.face.reading.face_models import FaceModels, is_certain_face
from heygem_daemon.face.reading.mesh_reader import MeshReading
from heygem_daemon.face.reading.skin_colours import (
    AROUND_PART,
    COLOUR_POINT_COUNT,
    UPPER_PART,
    Colours,
)
from heygem_daemon.media.picture import Picture

MEMORY = 250
"""Pictures over which an appearance is averaged: it follows slow changes of light."""
SAME_PLACE_LIMIT = 40.0
"""Difference of colours, 0-255, up to which a face that is seen again where it was is the same."""
OTHER_PLACE_LIMIT = 22.0
"""The same for a face that is seen again somewhere else, or in another shot."""


class Appearance:
    """What a face looked like so far: forehead, nose, cheeks, hair, neck, clothes; not the
    mouth, which moves and may be covered."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float32] = np.zeros((COLOUR_POINT_COUNT, 3), np.float32)
        self._seen = 0

    def add(self, colours: Colours) -> None:
        """One more look, (PLACES, 3)."""
        self._seen += 1
        rate = np.float32(1 / min(self._seen, MEMORY))
        self._mean += rate * (colours.astype(np.float32) - self._mean)

    def difference(self, colours: NDArray[np.uint8] | NDArray[np.float32]) -> float:
        """Mean over the places of the largest difference in a channel, 0-255."""
        apart = np.abs(colours.astype(np.float32) - self._mean).max(axis=1)
        return float(np.concatenate([apart[UPPER_PART], apart[AROUND_PART]]).mean())

    def differs_from(self, other: "Appearance") -> float:
        """The difference between two appearances."""
        return self.difference(other._mean)


MIN_FOLLOW_LOGIT = 10.0
"""The mesh's logit from which a face that was followed already, and may be half covered, is
followed on through another crop."""
JUMP_LIMIT = 0.4
"""A face that moves by this share of its size between two pictures is looked for anew."""
LOGIT_DROP_LIMIT = 0.7
"""The crop moves too when the mesh's logit falls below this share of what it was at first."""
HANDOVER_PICTURES = 8
"""Pictures over which the step that a moved crop makes in the landmarks is spread."""
MAX_MISSING_PICTURES = 25
"""After so many pictures without it a face is no longer looked for where it was."""

_FIRST_BATCH = 2


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """A face in one picture: landmarks float32 (478, 3) in picture pixels, the mesh's logit, the
    face's colours and place. Sights of one ``stretch`` follow each other without a gap."""

    landmarks: NDArray[np.float32]
    logit: float
    colours: Colours
    crop: Crop
    tracklet: int


@dataclass(frozen=True, slots=True)
class _FollowState:
    """A face being followed: the crop that looks at it, the logit with which that began, the
    step in the landmarks that moving it made, and how many pictures ago that was."""

    crop: Crop
    initial_logit: float
    landmark_offset: NDArray[np.float32] | None = None
    pictures_since_move: int = 0


class FaceFollower:
    """Follows one face that was found; loses it, and looks for it where it was.

    The mesh looks at a fixed crop, which moves in a picture in which the face has left its
    middle. Batches are run ahead with the crop as it is; what was computed beyond a move is
    computed again, so the batch size has no influence.
    """

    def __init__(self, eyes: FaceModels, appearance: Appearance) -> None:
        self._eyes = eyes
        self._appearance = appearance
        self._state: _FollowState | None = None
        self._batch = _FIRST_BATCH
        self._missing_pictures = MAX_MISSING_PICTURES
        self._tracklet = 0
        self.last_crop: Crop | None = None
        """Where the face was last."""

    @property
    def is_active(self) -> bool:
        """Whether the face is held, or was so lately."""
        return self._state is not None or self._missing_pictures < MAX_MISSING_PICTURES

    @property
    def is_visible(self) -> bool:
        """Whether the face was there in the last picture."""
        return self._state is not None

    def start(self, crop: Crop, logit: float) -> None:
        """Follow the face in the middle of ``crop`` from the next picture on."""
        self._state, self._batch = _FollowState(crop, logit), _FIRST_BATCH
        self._missing_pictures = 0
        self._tracklet += 1
        self.last_crop = crop

    def stop(self, place: Crop | None) -> None:
        """Follow no longer: what was followed since ``place`` was another face."""
        self._state, self._missing_pictures = None, MAX_MISSING_PICTURES
        self.last_crop = place or self.last_crop

    def follow(self, pictures: Sequence[Picture]) -> list[FaceObservation | None]:
        """What is seen of the face in consecutive pictures of one shot; None: nothing."""
        sights: list[FaceObservation | None] = []
        while len(sights) < len(pictures):
            rest = pictures[len(sights) :]
            if self._state is None:
                sights.append(self._search(rest[0]))
            else:
                sights.extend(self._run_ahead(rest[: self._batch], self._state))
        return sights

    def _run_ahead(
        self, pictures: Sequence[Picture], hold: _FollowState
    ) -> Iterator[FaceObservation]:
        """Sights of the pictures, up to a move or a loss."""
        for picture, reading in zip(
            pictures, self._eyes.reader.read(pictures, hold.crop), strict=True
        ):
            if not _is_followed(reading, self.last_crop):
                self._lose()
                return
            if reading.logit < LOGIT_DROP_LIMIT * hold.initial_logit or is_outdated(
                hold.crop, reading.crop()
            ):
                yield from self._move(picture, hold, reading)
                return
            hold = _aged(hold)
            self._state = hold
            yield self._seen(reading, hold)
        self._batch = min(2 * self._batch, self._eyes.batch_size)

    def _move(
        self, picture: Picture, hold: _FollowState, reading: MeshReading
    ) -> Iterator[FaceObservation]:
        """Put the crop around the face and look at the picture again.

        Where the landmarks were still good, the step to the new ones is spread over the next
        pictures. Where the mesh had begun to lose the face, or a fast head hides any step and
        what is left of the last one would add up, the new ones count at once. Where the new
        crop shows no face, none is held any more and the picture waits to be searched.
        """
        crop, again = self._eyes.read_centred(picture, reading.crop())
        if not _is_followed(again, self.last_crop) or again.logit < MIN_FOLLOW_LOGIT:
            self._lose()
            return
        smooth = (
            reading.logit >= LOGIT_DROP_LIMIT * hold.initial_logit
            and hold.pictures_since_move >= HANDOVER_PICTURES
        )
        step = reading.landmarks - again.landmarks if smooth else None
        self._state, self._batch = _FollowState(crop, again.logit, step), _FIRST_BATCH
        yield self._seen(again, self._state)

    def _lose(self) -> None:
        self._state, self._batch = None, _FIRST_BATCH

    def _search(self, picture: Picture) -> FaceObservation | None:
        """Look for the face where it was; it must be of about its size and look the same."""
        self._missing_pictures += 1
        if self._missing_pictures > MAX_MISSING_PICTURES or self.last_crop is None:
            return None
        found = self._eyes.finder.find_near(picture, self.last_crop)
        if found is None:
            return None
        crop, reading = self._eyes.read_centred(picture, found)
        if not is_certain_face(reading) or self._is_other(reading):
            return None
        self.start(crop, reading.logit)
        assert self._state is not None
        return self._seen(reading, self._state)

    def _is_other(self, reading: MeshReading) -> bool:
        return self._appearance.difference(reading.colours) > SAME_PLACE_LIMIT

    def _seen(self, reading: MeshReading, hold: _FollowState) -> FaceObservation:
        self.last_crop = reading.crop()
        self._missing_pictures = 0
        placed = _placed(reading, hold)
        return FaceObservation(
            placed, reading.logit, reading.colours, self.last_crop, self._tracklet
        )


def _aged(hold: _FollowState) -> _FollowState:
    """The hold one picture later."""
    step = hold.landmark_offset if hold.pictures_since_move + 1 < HANDOVER_PICTURES else None
    return _FollowState(hold.crop, hold.initial_logit, step, hold.pictures_since_move + 1)


def _placed(reading: MeshReading, hold: _FollowState) -> NDArray[np.float32]:
    """Landmarks with what is left of the step that the last move made."""
    if hold.landmark_offset is None:
        return reading.landmarks
    return reading.landmarks + hold.landmark_offset * np.float32(
        1 - hold.pictures_since_move / HANDOVER_PICTURES
    )


def _is_followed(reading: MeshReading, last: Crop | None) -> bool:
    """Whether a reading is a usable face that continues the last picture's."""
    if not reading.is_usable:
        return False
    return last is None or centre_distance(last, reading.crop()) < JUMP_LIMIT * last.face_size
