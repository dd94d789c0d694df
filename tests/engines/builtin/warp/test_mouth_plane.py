import numpy as np

from heygem_daemon.engines.builtin.warp.mouth_plane import MouthPlanes
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import (
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)


def upright(x: float, y: float, scale: float) -> MouthPlanes:
    axes = np.array([[[scale, 0], [0, scale]]], np.float32)
    return MouthPlanes(axes, np.array([[x, y]], np.float32), np.zeros((1, 2), np.float32))


def test_the_mouth_is_at_the_origin_and_the_eyes_one_unit_apart(person: Person) -> None:
    points = person.plane_landmarks(np.arange(10))
    corners = points[:, [LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER]].mean(axis=1)
    eyes = points[:, RIGHT_EYE_OUTER] - points[:, LEFT_EYE_OUTER]
    assert np.abs(corners).max() < 0.1
    assert np.allclose(np.linalg.norm(eyes, axis=1), 1, atol=0.08)


def test_a_box_is_even_and_covers_the_region() -> None:
    box = upright(200, 150, 50).region_box(0, 400, 300)
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == (142, 112, 258, 210)


def test_a_box_ends_at_the_picture() -> None:
    box = upright(20, 150, 50).region_box(0, 401, 301)
    assert box is not None
    assert box.left == 0
    assert box.right % 2 == 0


def test_a_mouth_outside_the_picture_has_no_box() -> None:
    assert upright(200, 300, 50).region_box(0, 400, 200) is None
    assert upright(-30, 100, 50).region_box(0, 400, 200) is None
