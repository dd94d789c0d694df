from pathlib import Path

import numpy as np
import pytest
import torch

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.detector import FaceDetector
from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.finder import FaceFinder
from heygem_daemon.media.picture import Picture

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def finder(weights: Path) -> FaceFinder:
    return FaceFinder(load_weights(FaceDetector(), weights / "face_detector.safetensors", CPU), CPU)


def placed(faces: list[tuple[Picture, int, int, int]], width: int, height: int) -> Picture:
    """Return pictures, shrunk by whole numbers, at (left, top) on grey."""
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
    (crop,) = finder.find(portrait)
    assert (crop.x, crop.y) == pytest.approx((222, 115), abs=15)
    assert 90 < crop.face_size < 150


def test_all_faces_are_found_the_largest_first(finder: FaceFinder, portrait: Picture) -> None:
    two = placed([(portrait, 2, 0, 0), (portrait, 1, 300, 0)], 812, 512)
    found = finder.find_small(two)
    assert found[0].x > 400
    assert found[-1].x < 200
    assert found[0].side > 1.5 * found[-1].side
    both = finder.find(placed([(portrait, 1, 0, 0), (portrait, 1, 512, 0)], 1024, 512))
    assert sorted(round(crop.x / 512, 1) for crop in both) == [0.4, 1.4]


def test_a_face_is_searched_near_its_last_place(finder: FaceFinder, portrait: Picture) -> None:
    two = placed([(portrait, 2, 0, 0), (portrait, 1, 300, 0)], 812, 512)
    crop = finder.find_near(two, Crop(111, 58, 85))
    assert crop is not None
    assert crop.x < 200
    assert finder.find_near(two, Crop(111, 400, 85)) is None


def test_a_small_face_in_a_tall_picture_is_found_in_tiles(
    finder: FaceFinder, portrait: Picture
) -> None:
    tall = placed([(portrait, 4, 400, 300)], 1080, 1920)
    assert finder.find(tall) == []
    found = finder.find_small(tall)
    assert found
    assert all((crop.x, crop.y) == pytest.approx((455, 329), abs=15) for crop in found)


def test_a_picture_without_a_face_has_none(finder: FaceFinder, portrait: Picture) -> None:
    empty = placed([(portrait, 512, 0, 0)], 640, 360)
    assert finder.find(empty) == finder.find_small(empty) == []
