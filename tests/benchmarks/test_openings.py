from dataclasses import replace

import numpy as np
import pytest

from benchmarks.lips.openings import (
    BANDS,
    STATISTICS,
    Opening,
    edge_width,
    inside_shares,
    measure_openings,
    real_ranges,
    weighted_percentiles,
)
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_LOWER_LIP, INNER_UPPER_LIP
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.picture import ColourTags, Picture
from tests.benchmarks.test_steadiness import SCALE, person

NAMES = dict(zip(STATISTICS, range(len(STATISTICS)), strict=True))
GAP = 0.16


def step(sigma: float) -> np.ndarray:
    """Return a vertical edge (40, 60), blurred by a Gaussian of ``sigma`` pixels."""
    x = np.arange(-200, 201)
    edge = np.convolve(np.where(x < 0, 50.0, 200.0), np.exp(-((x / sigma) ** 2) / 2), mode="same")
    return np.tile(edge[170:230] / edge[260] * 200, (40, 1)).astype(np.float32)


@pytest.mark.parametrize("sigma", [2.5, 4.0])
def test_the_width_of_an_edge_is_the_deviation_of_its_blur(sigma: float) -> None:
    assert edge_width(step(sigma), np.ones((40, 60), np.bool_)) == pytest.approx(sigma, rel=0.12)


def test_a_picture_without_edges_has_no_width() -> None:
    assert np.isnan(edge_width(np.full((9, 9), 70, np.float32), np.ones((9, 9), np.bool_)))


def test_every_person_counts_the_same_in_percentiles() -> None:
    values = np.array([[0.0]] * 90 + [[1.0]] * 10, np.float32)
    weights = np.array([1 / 90] * 90 + [1 / 10] * 10)
    low, high = weighted_percentiles(values, weights, (40, 60))[0]
    assert (low, high) == (0, pytest.approx(1))


def people(*levels: float) -> dict[str, list[Opening]]:
    """Return people all of whose openings have one value in every statistic."""
    return {
        str(level): [Opening(1, np.full(len(STATISTICS), level, np.float32))] * 5
        for level in levels
    }


def test_a_person_is_not_compared_with_himself() -> None:
    seen = people(0.2, 0.3, 0.9)
    assert inside_shares(seen["0.9"], real_ranges(seen, "0.9")).max() == 0
    assert inside_shares(seen["0.3"], real_ranges(seen, "nobody")).min() == 1


def test_an_opening_is_compared_with_those_that_are_as_wide() -> None:
    ranges = real_ranges(people(0.2, 0.3), "nobody")
    assert np.isnan(ranges[0]).all()
    assert np.isnan(ranges[2]).all()
    assert ranges[1, 0] == pytest.approx([0.2, 0.3])


def open_mouth() -> Person:
    """Return the person of ``person`` with a rectangular opening, 0.5 IOD wide, in all pictures."""
    closed = person()
    landmarks = np.array(closed.track.landmarks)
    across = np.linspace(-0.25, 0.25, len(INNER_UPPER_LIP))
    for lip, y in ((INNER_UPPER_LIP, -GAP / 2), (INNER_LOWER_LIP, GAP / 2)):
        places = np.stack([across, np.full(len(lip), y)], axis=1)
        landmarks[:, lip, :2] = closed.planes.origin[:, None] + SCALE * places
    parameters = closed.parameters.copy()
    parameters[:, APERTURE] = GAP
    return replace(closed, track=replace(closed.track, landmarks=landmarks), parameters=parameters)


def test_light_and_colour_are_relative_to_the_skin() -> None:
    luma, red = np.full((100, 100), 116, np.uint8), np.full((50, 50), 150, np.uint8)
    # The mouth's middle is at 35.5, 50.5; it is 20 pixels wide and 6.4 high.
    luma[46:55, 24:47], red[23:28, 12:24] = 66, 140
    picture = Picture(0, luma, np.full_like(red, 120), red, ColourTags())
    (found,) = measure_openings(open_mouth(), [picture])
    assert BANDS[found.band] <= GAP < BANDS[found.band + 1]
    assert found.values[NAMES["light"]] == pytest.approx(0.5, abs=0.02)
    assert found.values[NAMES["contrast"]] == pytest.approx(0, abs=0.02)
    assert found.values[NAMES["red"]] == pytest.approx(-10, abs=1)
    assert found.values[NAMES["blue"]] == pytest.approx(0, abs=0.5)


def test_a_closed_mouth_is_not_measured() -> None:
    plain = np.full((50, 50), 128, np.uint8)
    picture = Picture(0, np.full((100, 100), 116, np.uint8), plain, plain, ColourTags())
    assert measure_openings(person(), [picture]) == []
