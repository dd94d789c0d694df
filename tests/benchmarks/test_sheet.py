import numpy as np

from benchmarks.lips.nearness import APART
from benchmarks.sheet import frames_around, worst_moments


def test_the_worst_moments_are_apart_and_the_worst_comes_first() -> None:
    distances = np.zeros(100)
    distances[[20, 20 + APART - 1, 60, 90]] = [0.5, 0.4, 0.3, 0.9]
    assert worst_moments(distances, 3) == [90, 20, 60]


def test_mouths_without_a_distance_are_no_moments() -> None:
    distances = np.full(40, np.nan)
    distances[7] = 0.1
    assert worst_moments(distances) == [7]


def test_a_moment_is_in_the_middle_of_its_frames_except_at_the_ends() -> None:
    assert frames_around(50, 100) == [48, 49, 50, 51, 52]
    assert frames_around(0, 100) == [0, 1, 2, 3, 4]
    assert frames_around(99, 100) == [95, 96, 97, 98, 99]
    assert frames_around(1, 3) == [0, 1, 2]
