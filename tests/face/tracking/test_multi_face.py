"""Faces of one long shot: people who come and go one after the other."""

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.face.reading.crop import Crop, centre_distance, crop_around_landmarks
from heygem_daemon.face.reading.face_models import FaceModels
from heygem_daemon.face.reading.finder import FaceFinder
from heygem_daemon.face.reading.mesh_reader import MeshReader, MeshReading
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.reading.skin_colours import COLOUR_POINT_COUNT
from heygem_daemon.face.tracking.multi_face import MAX_REMEMBERED_FACES, MultiFaceTracker
from heygem_daemon.face.tracking.shots import BLOCK_PICTURES, ShotBlock
from heygem_daemon.media.picture import ColourTags, Picture

REFERENCE = load_reference_face(Path(__file__).resolve().parents[3] / "weights" / "builtin")
IOD = 60.0
STAY, TURN = BLOCK_PICTURES, 6 * BLOCK_PICTURES
"""Pictures for which a person is visible, and from one arrival to the next."""
PEOPLE = MAX_REMEMBERED_FACES + 4
SKIN = list(product((0, 100, 200), repeat=3))
"""Colours that differ enough to be different people."""


def person_in(picture: Picture) -> int | None:
    return picture.index // TURN if picture.index % TURN < STAY else None


def face_of(person: int) -> NDArray[np.float32]:
    """The landmarks of a person; each person has a place of their own."""
    middle = np.array([200 + 300 * person, 200, 0], np.float32)
    return np.asarray(REFERENCE * IOD + middle, np.float32)


class Finder(FaceFinder):
    def find(self, picture: Picture) -> list[Crop]:
        person = person_in(picture)
        return [] if person is None else [crop_around_landmarks(face_of(person))]

    def find_small(self, picture: Picture) -> list[Crop]:
        return []

    def find_near(self, picture: Picture, last_crop: Crop) -> Crop | None:
        return next(
            (crop for crop in self.find(picture) if centre_distance(crop, last_crop) < IOD), None
        )


class Reader(MeshReader):
    def read(self, pictures: Sequence[Picture], crop: Crop) -> list[MeshReading]:
        return [read(picture, crop) for picture in pictures]


def read(picture: Picture, crop: Crop) -> MeshReading:
    person = person_in(picture)
    nobody = MeshReading(face_of(0), -20.0, np.zeros((COLOUR_POINT_COUNT, 3), np.uint8))
    if person is None or centre_distance(crop, crop_around_landmarks(face_of(person))) > IOD:
        return nobody
    return MeshReading(
        face_of(person), 30.0, np.full((COLOUR_POINT_COUNT, 3), SKIN[person], np.uint8)
    )


def shot() -> Iterator[ShotBlock]:
    grey = np.zeros((400, 400), np.uint8)
    half = grey[::2, ::2]
    for first in range(0, PEOPLE * TURN, BLOCK_PICTURES):
        numbers = range(first, first + BLOCK_PICTURES)
        yield ShotBlock(tuple(Picture(k, grey, half, half, ColourTags()) for k in numbers), first)


@pytest.fixture
def lanes() -> Iterator[MultiFaceTracker]:
    nothing = cast("Any", None)
    eyes = FaceModels(Finder(nothing, nothing), Reader(nothing, nothing), BLOCK_PICTURES)
    made = MultiFaceTracker(eyes, follow_small_faces=False, folder=None)
    yield made
    made.close()


def test_the_next_person_is_followed_however_many_came_before(lanes: MultiFaceTracker) -> None:
    for block in shot():
        lanes.follow(block)
    assert len(lanes.lanes) == MAX_REMEMBERED_FACES
    (first, stop) = lanes.lanes[-1].records.runs[-1]
    assert first // TURN == PEOPLE - 1
    assert stop - first >= STAY // 2
