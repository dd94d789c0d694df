from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.reading.skin_colours import COLOUR_POINT_COUNT
from heygem_daemon.face.tracking.speaker import DOUBTED_LOGIT, has_flat_skin, has_odd_shape

SURE, DOUBTFUL = DOUBTED_LOGIT + 4, DOUBTED_LOGIT - 1


@pytest.fixture(scope="module")
def average(weights: Path) -> NDArray[np.float32]:
    return load_reference_face(weights)


def faces(face: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.repeat(100 * face[None], 5, axis=0)


def logits(value: float) -> NDArray[np.float32]:
    return np.full(5, value, np.float32)


def odd(face: NDArray[np.float32]) -> NDArray[np.float32]:
    """A face with a small lower half, as in drawings."""
    made = face.copy()
    made[:, 1] = np.where(made[:, 1] > 0, 0.6 * made[:, 1], made[:, 1])
    return made


def test_only_an_odd_and_doubtful_face_is_not_human(average: NDArray[np.float32]) -> None:
    assert not has_odd_shape(faces(average), logits(SURE), average)
    assert not has_odd_shape(faces(average), logits(DOUBTFUL), average)
    assert not has_odd_shape(faces(odd(average)), logits(SURE), average)
    assert has_odd_shape(faces(odd(average)), logits(DOUBTFUL), average)


def test_a_face_that_is_never_frontal_is_not_judged(average: NDArray[np.float32]) -> None:
    turn = np.array([[0.5, 0, 0.87], [0, 1, 0], [-0.87, 0, 0.5]], np.float32)
    assert not has_odd_shape(faces(odd(average) @ turn.T), logits(DOUBTFUL), average)


def test_skin_of_one_tone_is_painted() -> None:
    random = np.random.default_rng(4)
    shaded = random.normal(150, 12, (6, COLOUR_POINT_COUNT, 1)).repeat(3, axis=2).astype(np.uint8)
    assert not has_flat_skin(shaded)
    assert has_flat_skin(np.full_like(shaded, 150))


def test_skin_that_is_seen_now_and_then_is_skin() -> None:
    colours = np.full((8, COLOUR_POINT_COUNT, 3), 150, np.uint8)
    colours[:2, ::2] = 120
    assert not has_flat_skin(colours)
