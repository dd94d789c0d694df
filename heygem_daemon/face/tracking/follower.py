"""Whether two looks at a face are looks at one person: by colours, within one shot and light.

One face, followed from picture to picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.crop import Crop, distance, has_left
from heygem_daemon.face.reading.face_models import Eyes, is_found
from heygem_daemon.face.reading.mesh_reader import Reading
from heygem_daemon.face.reading.skin_colours import AROUND_PART, PLACES, UPPER_PART, Colours
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
        self._mean: NDArray[np.float32] = np.zeros((PLACES, 3), np.float32)
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


KEEP_LOGIT = 10.0
"""The mesh's logit from which a face that was followed already, and may be half covered, is
followed on through another crop."""
JUMP_LIMIT = 0.4
"""A face that moves by this share of its size between two pictures is looked for anew."""
TRUST_LIMIT = 0.7
"""The crop moves too when the mesh's logit falls below this share of what it was at first."""
HANDOVER = 8
"""Pictures over which the step that a moved crop makes in the landmarks is spread."""
PATIENCE = 25
"""After so many pictures without it a face is no longer looked for where it was."""

_FIRST_BATCH = 2


@dataclass(frozen=True, slots=True)
class Sight:
    """A face in one picture: landmarks float32 (478, 3) in picture pixels, the mesh's logit, the
    face's colours and place. Sights of one ``stretch`` follow each other without a gap."""

    landmarks: NDArray[np.float32]
    logit: float
    colours: Colours
    place: Crop
    stretch: int


@dataclass(frozen=True, slots=True)
class _Hold:
    """A face being followed: the crop that looks at it, the logit with which that began, the
    step in the landmarks that moving it made, and how many pictures ago that was."""

    crop: Crop
    trust: float
    step: NDArray[np.float32] | None = None
    age: int = 0


class Follower:
    """Follows one face that was found; loses it, and looks for it where it was.

    The mesh looks at a fixed crop, which moves in a picture in which the face has left its
    middle. Batches are run ahead with the crop as it is; what was computed beyond a move is
    computed again, so the batch size has no influence.
    """

    def __init__(self, eyes: Eyes, appearance: Appearance) -> None:
        self._eyes = eyes
        self._appearance = appearance
        self._hold: _Hold | None = None
        self._batch = _FIRST_BATCH
        self._absent = PATIENCE
        self._stretch = 0
        self.place: Crop | None = None
        """Where the face was last."""

    @property
    def active(self) -> bool:
        """Whether the face is held, or was so lately."""
        return self._hold is not None or self._absent < PATIENCE

    @property
    def held(self) -> bool:
        """Whether the face was there in the last picture."""
        return self._hold is not None

    def take(self, crop: Crop, logit: float) -> None:
        """Follow the face in the middle of ``crop`` from the next picture on."""
        self._hold, self._batch = _Hold(crop, logit), _FIRST_BATCH
        self._absent = 0
        self._stretch += 1
        self.place = crop

    def release(self, place: Crop | None) -> None:
        """Follow no longer: what was followed since ``place`` was another face."""
        self._hold, self._absent = None, PATIENCE
        self.place = place or self.place

    def follow(self, pictures: Sequence[Picture]) -> list[Sight | None]:
        """What is seen of the face in consecutive pictures of one shot; None: nothing."""
        sights: list[Sight | None] = []
        while len(sights) < len(pictures):
            rest = pictures[len(sights) :]
            if self._hold is None:
                sights.append(self._search(rest[0]))
            else:
                sights.extend(self._run_ahead(rest[: self._batch], self._hold))
        return sights

    def _run_ahead(self, pictures: Sequence[Picture], hold: _Hold) -> Iterator[Sight]:
        """Sights of the pictures, up to a move or a loss."""
        for picture, reading in zip(
            pictures, self._eyes.reader.read(pictures, hold.crop), strict=True
        ):
            if not _is_followed(reading, self.place):
                self._lose()
                return
            if reading.logit < TRUST_LIMIT * hold.trust or has_left(hold.crop, reading.crop()):
                yield from self._move(picture, hold, reading)
                return
            hold = _aged(hold)
            self._hold = hold
            yield self._seen(reading, hold)
        self._batch = min(2 * self._batch, self._eyes.batch)

    def _move(self, picture: Picture, hold: _Hold, reading: Reading) -> Iterator[Sight]:
        """Put the crop around the face and look at the picture again.

        Where the landmarks were still good, the step to the new ones is spread over the next
        pictures. Where the mesh had begun to lose the face, or a fast head hides any step and
        what is left of the last one would add up, the new ones count at once. Where the new
        crop shows no face, none is held any more and the picture waits to be searched.
        """
        crop, again = self._eyes.approach(picture, reading.crop())
        if not _is_followed(again, self.place) or again.logit < KEEP_LOGIT:
            self._lose()
            return
        smooth = reading.logit >= TRUST_LIMIT * hold.trust and hold.age >= HANDOVER
        step = reading.landmarks - again.landmarks if smooth else None
        self._hold, self._batch = _Hold(crop, again.logit, step), _FIRST_BATCH
        yield self._seen(again, self._hold)

    def _lose(self) -> None:
        self._hold, self._batch = None, _FIRST_BATCH

    def _search(self, picture: Picture) -> Sight | None:
        """Look for the face where it was; it must be of about its size and look the same."""
        self._absent += 1
        if self._absent > PATIENCE or self.place is None:
            return None
        found = self._eyes.finder.near(picture, self.place)
        if found is None:
            return None
        crop, reading = self._eyes.approach(picture, found)
        if not is_found(reading) or self._is_other(reading):
            return None
        self.take(crop, reading.logit)
        assert self._hold is not None
        return self._seen(reading, self._hold)

    def _is_other(self, reading: Reading) -> bool:
        return self._appearance.difference(reading.colours) > SAME_PLACE_LIMIT

    def _seen(self, reading: Reading, hold: _Hold) -> Sight:
        self.place = reading.crop()
        self._absent = 0
        placed = _placed(reading, hold)
        return Sight(placed, reading.logit, reading.colours, self.place, self._stretch)


def _aged(hold: _Hold) -> _Hold:
    """The hold one picture later."""
    step = hold.step if hold.age + 1 < HANDOVER else None
    return _Hold(hold.crop, hold.trust, step, hold.age + 1)


def _placed(reading: Reading, hold: _Hold) -> NDArray[np.float32]:
    """Landmarks with what is left of the step that the last move made."""
    if hold.step is None:
        return reading.landmarks
    return reading.landmarks + hold.step * np.float32(1 - hold.age / HANDOVER)


def _is_followed(reading: Reading, last: Crop | None) -> bool:
    """Whether a reading is a usable face that continues the last picture's."""
    if not reading.is_usable:
        return False
    return last is None or distance(last, reading.crop()) < JUMP_LIMIT * last.face
