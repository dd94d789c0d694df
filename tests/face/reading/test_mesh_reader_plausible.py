import math

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.mesh_reader import is_usable, yaw_and_pitch

Landmarks = NDArray[np.float32]


def frontal() -> Landmarks:
    """A face 100 pixels long, seen from the front; only the points that are looked at."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[10], landmarks[152] = (0, -0.5, 0), (0, 0.5, 0)
    landmarks[234], landmarks[454] = (-0.4, 0, 0), (0.4, 0, 0)
    landmarks[[33, 133, 362, 263], 1] = -0.15
    landmarks[33, 0], landmarks[263, 0] = -0.3, 0.3
    landmarks[[61, 291, 13, 14], 1] = 0.25
    return landmarks * 100


def turned(landmarks: Landmarks, yaw: float) -> Landmarks:
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    return landmarks @ turn.T


def test_a_frontal_face_is_usable() -> None:
    assert is_usable(frontal(), 0.9)


def test_a_low_presence_is_not() -> None:
    assert not is_usable(frontal(), 0.4)


def test_a_half_profile_is_usable_and_a_full_one_is_not() -> None:
    assert is_usable(turned(frontal(), math.radians(45)), 0.9)
    assert not is_usable(turned(frontal(), math.radians(75)), 0.9)


def test_yaw_is_read_off_the_cheeks() -> None:
    yaw, pitch = yaw_and_pitch(turned(frontal(), 0.5))
    assert abs(abs(yaw) - 0.5) < 1e-5
    assert abs(pitch) < 1e-5


def test_a_mouth_above_the_eyes_is_no_face() -> None:
    landmarks = frontal()
    landmarks[[61, 291, 13, 14], 1] = -30
    assert not is_usable(landmarks, 0.9)


def test_a_face_of_a_few_pixels_is_not_usable() -> None:
    assert is_usable(frontal() * 0.4, 0.9)
    assert not is_usable(frontal() * 0.3, 0.9)


def test_a_collapsed_mesh_is_no_face() -> None:
    assert not is_usable(np.zeros((478, 3), np.float32), 0.9)


def test_undefined_numbers_are_no_face() -> None:
    landmarks = frontal()
    landmarks[5, 0] = np.nan
    assert not is_usable(landmarks, 0.9)
