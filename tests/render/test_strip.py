from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.render.strip import MOMENTS, choose_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frames(count: int) -> "NDArray[np.int64]":
    return np.arange(100, 100 + count)


def test_one_frame_of_each_eighth_in_order() -> None:
    moments = choose_moments(frames(80), np.zeros(80, np.float32))
    assert moments == [105, 115, 125, 135, 145, 155, 165, 175]


def test_by_turns_the_widest_opening_and_the_deepest_closure() -> None:
    opening = np.zeros(16, np.float32)
    opening[[1, 3, 4]] = 0.2, -0.1, -0.3
    moments = choose_moments(frames(16), opening)
    assert moments[:3] == [101, 103, 105]


def test_a_single_frame_is_shown_eight_times() -> None:
    same = np.full(MOMENTS, 7)
    assert choose_moments(same, np.zeros(MOMENTS, np.float32)) == [7] * MOMENTS


@pytest.mark.parametrize("count", [1, 7])
def test_fewer_frames_are_all_shown(count: int) -> None:
    assert choose_moments(frames(count), np.zeros(count, np.float32)) == frames(count).tolist()
