import numpy as np
import pytest

from benchmarks.lips.alike import Edges
from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.render.measures import sharpness_alike

COUNT = 120
OPEN = np.linspace(0, 0.2, COUNT, dtype=np.float32)
ENERGY = (100 + 1000 * OPEN).astype(np.float32)
"""A mouth full of teeth: the wider it is open, the more edges."""


def test_a_mouth_that_is_shut_more_often_is_as_sharp_as_its_source_where_that_is_shut() -> None:
    shut = OPEN / np.float32(4)
    assert (100 + 1000 * shut).sum() / ENERGY.sum() == pytest.approx(0.625)
    alike = sharpness_alike((shut, (100 + 1000 * shut).astype(np.float32)), (OPEN, ENERGY))
    assert alike == pytest.approx(1, abs=0.05)


def test_a_blurred_mouth_is_detected() -> None:
    alike = sharpness_alike((OPEN, 0.5 * ENERGY), (OPEN, ENERGY))
    assert alike == pytest.approx(0.5, abs=0.01)


def test_openings_that_the_source_does_not_show_count_nowhere() -> None:
    wide = np.concatenate([OPEN, OPEN + 1])
    alike = sharpness_alike((wide, np.concatenate([ENERGY, 99 * ENERGY])), (OPEN, ENERGY))
    assert alike == pytest.approx(1, abs=0.01)
    assert sharpness_alike((OPEN + 1, ENERGY), (OPEN, ENERGY)) is None


def test_too_few_pictures_say_nothing() -> None:
    assert sharpness_alike((OPEN[:5], ENERGY[:5]), (OPEN, ENERGY)) is None


def test_pictures_pass_and_leave_their_energy_beside_their_aperture() -> None:
    rng = np.random.default_rng(0)
    landmarks = np.zeros((7, 478, 3), np.float32)
    landmarks[:, list(OUTER_UPPER_LIP + OUTER_LOWER_LIP), :2] = rng.uniform(20, 44, (7, 22, 2))
    luma = rng.integers(0, 255, (64, 64)).astype(np.uint8)
    grey = np.full((32, 32), 128, np.uint8)
    pictures = [Picture(k, luma, grey, grey, ColourTags()) for k in range(7)]
    edges = Edges(landmarks)
    assert list(edges.observe(pictures)) == pictures
    opened = np.arange(7, dtype=np.float32)
    opened[3] = np.nan
    apertures, energies = edges.with_apertures(opened)
    assert apertures.tolist() == [0, 1, 2, 4, 5, 6]
    assert (energies > 1000).all()
