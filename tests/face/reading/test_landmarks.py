from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.face.reading import landmarks as marks
from heygem_daemon.face.reading.pose import load_reference_face

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def face(weights: Path) -> Floats:
    return load_reference_face(weights)


@pytest.mark.parametrize(
    "curve",
    [
        marks.INNER_UPPER_LIP,
        marks.INNER_LOWER_LIP,
        marks.OUTER_UPPER_LIP,
        marks.OUTER_LOWER_LIP,
        marks.JAW_CONTOUR,
    ],
)
def test_curves_run_from_the_viewers_left_to_right(face: Floats, curve: tuple[int, ...]) -> None:
    assert (np.diff(face[list(curve), 0]) > -0.005).all()


def test_lips_lie_above_one_another(face: Floats) -> None:
    middle = [curve[5] for curve in (marks.OUTER_UPPER_LIP, marks.INNER_UPPER_LIP)]
    middle += [curve[5] for curve in (marks.INNER_LOWER_LIP, marks.OUTER_LOWER_LIP)]
    heights = face[[marks.NOSE_BASE, *middle, marks.CHIN], 1]
    assert (np.diff(heights) > 0).all()


def test_nothing_stable_belongs_to_the_mouth() -> None:
    moving = {
        *marks.INNER_UPPER_LIP,
        *marks.INNER_LOWER_LIP,
        *marks.OUTER_UPPER_LIP,
        *marks.OUTER_LOWER_LIP,
    }
    moving |= {*marks.JAW_CONTOUR, *marks.CHIN_FRONT}
    assert not moving & set(marks.STABLE)


def test_the_oval_goes_round_the_whole_face(face: Floats) -> None:
    outline = face[list(marks.OVAL), :2]
    assert len(set(marks.OVAL)) == 36
    assert np.ptp(outline[:, 0]) == pytest.approx(np.ptp(face[:468, 0]), rel=0.02)
