import math

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.face.networks.detector import Detection
from heygem_daemon.face.reading.crop import (
    Crop,
    crop_around_detection,
    crop_around_landmarks,
    drift,
)


def face(x: float, y: float, size: float, tilt: float = 0.0) -> NDArray[np.float32]:
    """Landmarks on the rim of a square face, the eye corners on its middle line."""
    local = np.zeros((478, 3), np.float32)
    local[:239, :2] = (-0.5, -0.5)
    local[239:, :2] = (0.5, 0.5)
    local[33, :2], local[263, :2] = (-0.3, 0), (0.3, 0)
    turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])
    local[:, :2] = size * local[:, :2] @ turn.T + (x, y)
    return local


def test_a_crop_is_centred_on_the_face_and_level_with_its_eyes() -> None:
    crop = crop_around_landmarks(face(100, 80, 60, tilt=0.3))
    assert (crop.x, crop.y) == pytest.approx((100, 80), abs=1e-3)
    assert crop.side == pytest.approx(90, abs=1e-3)
    assert crop.tilt == pytest.approx(0.3, abs=1e-4)


def test_points_return_from_the_crop_to_the_picture() -> None:
    crop = Crop(100, 80, 90, 0.3)
    middle, right = np.array([96, 96, 8], np.float32), np.array([192, 96, 0], np.float32)
    placed = crop.to_picture(np.stack([middle, right]), 192)
    assert placed[0] == pytest.approx([100, 80, 8 * 90 / 192], abs=1e-3)
    along = [100 + 45 * math.cos(0.3), 80 + 45 * math.sin(0.3), 0]
    assert placed[1] == pytest.approx(along, abs=1e-3)


def test_a_detection_gives_a_crop_in_picture_pixels() -> None:
    points = np.array([[0.4, 0.5], [0.6, 0.5], *[[0.5, 0.6]] * 4], np.float32)
    detection = Detection(np.array([0.25, 0.25, 0.75, 0.75], np.float32), points, 0.9)
    crop = crop_around_detection(detection, left=-10, top=20, side=200)
    assert (crop.x, crop.y, crop.side, crop.tilt) == pytest.approx((90, 120, 150, 0))


@pytest.mark.parametrize(
    ("centred", "outdated"),
    [
        (Crop(100, 100, 150), False),
        (Crop(109, 100, 150), False),
        (Crop(111, 100, 150), True),
        (Crop(100, 89, 150), True),
        (Crop(100, 100, 200), False),
        (Crop(100, 100, 205), True),
        (Crop(100, 100, 110), True),
        (Crop(100, 100, 150, math.radians(14)), False),
        (Crop(100, 100, 150, math.radians(16)), True),
    ],
)
def test_a_crop_moves_only_when_the_face_has_left_its_middle(centred: Crop, outdated: bool) -> None:
    assert (drift(Crop(100, 100, 150), centred) > 1) is outdated


def test_tilts_are_compared_around_the_circle() -> None:
    assert drift(Crop(0, 0, 10, math.pi - 0.01), Crop(0, 0, 10, 0.01 - math.pi)) < 1
