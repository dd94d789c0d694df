from pathlib import Path

import numpy as np
import pytest
import torch

from heygem_daemon.face.crop import Crop
from heygem_daemon.face.detector import FaceDetector
from heygem_daemon.face.finder import FaceFinder
from heygem_daemon.media.picture import Picture
from heygem_daemon.weights import load_weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def finder(weights: Path) -> FaceFinder:
    return FaceFinder(load_weights(FaceDetector(), weights / "face_detector.safetensors", CPU), CPU)


def placed(faces: list[tuple[Picture, int, int, int]], width: int, height: int) -> Picture:
    """Pictures shrunk by whole numbers and put at (left, top) on grey."""
    y = np.full((height, width), 90, np.uint8)
    u = np.full((height // 2, width // 2), 128, np.uint8)
    v = u.copy()
    for picture, shrink, left, top in faces:
        for plane, part, scale in ((y, picture.y, 1), (u, picture.u, 2), (v, picture.v, 2)):
            rows, columns = (size // shrink for size in part.shape)
            small = part[: rows * shrink, : columns * shrink].astype(np.float32)
            small = small.reshape(rows, shrink, columns, shrink).mean(axis=(1, 3))
            x0, y0 = left // scale, top // scale
            plane[y0 : y0 + rows, x0 : x0 + columns] = small.astype(np.uint8)
    return Picture(0, y, u, v, faces[0][0].colour)


def test_the_astronaut_is_found_where_she_is(finder: FaceFinder, portrait: Picture) -> None:
    crop = finder.find(portrait, None, thorough=False)
    assert crop is not None
    assert (crop.x, crop.y) == pytest.approx((222, 115), abs=15)
    assert 90 < crop.face < 150


def test_the_largest_of_two_faces_is_chosen(finder: FaceFinder, portrait: Picture) -> None:
    two = placed([(portrait, 2, 0, 0), (portrait, 1, 300, 0)], 812, 512)
    crop = finder.find(two, None, thorough=False)
    assert crop is not None
    assert crop.x > 400


def test_the_face_that_was_followed_is_chosen_before_a_larger_one(
    finder: FaceFinder, portrait: Picture
) -> None:
    two = placed([(portrait, 2, 0, 0), (portrait, 1, 300, 0)], 812, 512)
    crop = finder.find(two, Crop(111, 58, 85), thorough=False)
    assert crop is not None
    assert crop.x < 200


def test_a_small_face_in_a_tall_picture_is_found_in_tiles(
    finder: FaceFinder, portrait: Picture
) -> None:
    tall = placed([(portrait, 4, 400, 300)], 1080, 1920)
    assert finder.find(tall, None, thorough=False) is None
    crop = finder.find(tall, None, thorough=True)
    assert crop is not None
    assert (crop.x, crop.y) == pytest.approx((455, 329), abs=15)


def test_a_picture_without_a_face_has_none(finder: FaceFinder, portrait: Picture) -> None:
    empty = placed([(portrait, 512, 0, 0)], 640, 360)
    assert finder.find(empty, None, thorough=True) is None
