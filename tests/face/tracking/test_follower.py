from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from heygem_daemon.face.reading.crop import MOVE_LIMIT, Crop, crop_around_landmarks
from heygem_daemon.face.reading.face_models import FaceModels
from heygem_daemon.face.reading.mesh_reader import MeshReader, MeshReading
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.reading.skin_colours import COLOUR_POINT_COUNT
from heygem_daemon.face.tracking.follower import Appearance, FaceFollower
from heygem_daemon.face.tracking.shots import BLOCK_PICTURES
from heygem_daemon.media.picture import ColourTags, Picture

REFERENCE = load_reference_face(Path(__file__).resolve().parents[3] / "weights" / "builtin")
IOD = 60.0
GREY = np.zeros((400, 400), np.uint8)
COLOURS = np.zeros((COLOUR_POINT_COUNT, 3), np.uint8)
NOTHING = cast("Any", None)
LIMIT = MOVE_LIMIT * crop_around_landmarks(REFERENCE * np.float32(IOD)).face_size
"""Pixels by which a face may move in its crop."""


@dataclass(frozen=True, slots=True)
class Reader(MeshReader):
    """Reads a face that moves to the right, by ``speed`` pixels from picture to picture."""

    speed: float
    batches: list[int] = field(default_factory=list)
    """How many pictures each call has read."""

    def read(self, pictures: Sequence[Picture], crop: Crop) -> list[MeshReading]:
        self.batches.append(len(pictures))
        return [self.face(picture.index) for picture in pictures]

    def face(self, number: int) -> MeshReading:
        middle = np.array([200 + self.speed * number, 200, 0], np.float32)
        return MeshReading(np.asarray(REFERENCE * IOD + middle, np.float32), 30.0, COLOURS)


def moving(speed: float) -> Reader:
    return Reader(NOTHING, NOTHING, speed)


def followed(reader: Reader, blocks: int = 1) -> list[float]:
    """Return where each picture of some blocks shows the face, left to right."""
    models = FaceModels(NOTHING, reader, BLOCK_PICTURES)
    follower = FaceFollower(models, Appearance())
    follower.start(reader.face(-1).crop(), 30.0)
    found = []
    for first in range(0, blocks * BLOCK_PICTURES, BLOCK_PICTURES):
        numbers = range(first, first + BLOCK_PICTURES)
        half = GREY[::2, ::2]
        found += follower.follow([Picture(k, GREY, half, half, ColourTags()) for k in numbers])
    assert None not in found
    return [float(each.landmarks[168, 0]) for each in found if each is not None]


def test_a_still_face_is_read_once() -> None:
    reader = moving(0)
    assert np.ptp(followed(reader)) == 0
    assert reader.batches == [BLOCK_PICTURES]


def test_where_the_crop_moves_that_picture_and_the_following_are_read_together() -> None:
    # The third picture shows the face beyond the limit.
    reader = moving(LIMIT / 2.5)
    places = followed(reader)
    assert reader.batches == [8, 6, 3]
    np.testing.assert_allclose(np.diff(places), reader.speed, rtol=1e-3)


def test_no_more_is_read_ahead_than_up_to_the_next_move() -> None:
    # The twelfth picture shows the face beyond the limit.
    reader = moving(LIMIT / 11.5)
    followed(reader, blocks=2)
    assert reader.batches == [8, 4, 5]
