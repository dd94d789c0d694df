import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.planner import WIDTH_LOSS, compensate_width, median_widths
from heygem_daemon.face.tracking.mouth import WIDTH

Floats = NDArray[np.float32]
MEDIAN_WIDTH = np.full(1, 0.6, np.float32)


def mouth(aperture: float, width: float) -> Floats:
    return np.array([[aperture, width, 1.0, 0.0]], np.float32)


def test_a_picture_that_stays_as_it_is_is_drawn_as_it_is() -> None:
    source = mouth(0.2, 0.7)
    assert np.array_equal(compensate_width(source, source, MEDIAN_WIDTH), source)


def test_a_mouth_that_opens_is_drawn_as_targeted() -> None:
    target = mouth(0.2, 0.65)
    assert np.array_equal(compensate_width(target, mouth(0.0, 0.7), MEDIAN_WIDTH), target)


@pytest.mark.parametrize(("source_width", "more"), [(0.7, 0.1), (0.6, 0.0), (0.5, -0.1)])
def test_a_mouth_that_closes_is_drawn_wider_by_what_it_would_lose(
    source_width: float, more: float
) -> None:
    target = mouth(0.0, 0.6)
    drawn = compensate_width(target, mouth(0.2, source_width), MEDIAN_WIDTH)
    assert drawn[0, WIDTH] == pytest.approx(0.6 + WIDTH_LOSS * more, abs=1e-6)
    assert np.array_equal(np.delete(drawn, WIDTH, 1), np.delete(target, WIDTH, 1))


def test_the_median_width_is_each_persons_own() -> None:
    parameters = np.concatenate([mouth(0, width) for width in (0.5, 0.6, 0.9, 0.7, 0.8)])
    parameters[2] = np.nan
    person = np.array([0, 0, 0, 1, 1])
    assert median_widths(parameters, person) == pytest.approx([0.55, 0.55, 0.55, 0.75, 0.75])
