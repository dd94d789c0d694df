import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.habits import habits_of, moves, usual_deviations
from heygem_daemon.engines.builtin.shape import MouthShape
from heygem_daemon.face.mouth import JAW, WIDTH
from tests.engines.builtin.speaker import mouth_of, speech_of

Floats = NDArray[np.float32]


def still(width: float = 0.587) -> Floats:
    return np.tile(np.array([0.08, width, 0.8, 0.18], np.float32), (200, 1))


def test_a_speaker_keeps_the_own_range_and_deviations(shape: MouthShape) -> None:
    _, mouth = mouth_of(speech_of(20.0, seed=1).score)
    habits = habits_of(mouth, 25.0, shape, speaks=True)
    low, high = np.quantile(mouth[:, 0], [0.05, 0.95])
    assert abs(np.ptp(np.quantile(habits.quantiles, [0.05, 0.95])) / (high - low) - 1) < 0.35
    assert abs(habits.deviations[WIDTH] / mouth[:, WIDTH].std() - 1) < 0.2
    assert abs(habits.deviations[JAW] / mouth[:, JAW].std() - 1) < 0.2
    assert not habits.level.any()


def test_a_still_face_gets_an_average_speakers_habits(shape: MouthShape) -> None:
    habits = habits_of(still(), 25.0, shape)
    assert np.allclose(habits.deviations, usual_deviations(shape))
    assert 0.1 < np.quantile(habits.quantiles, 0.95) < 0.2
    assert habits.closed < 0.02
    assert habits.level[JAW] < 0


def test_a_small_mouth_moves_less(shape: MouthShape) -> None:
    small, large = (habits_of(still(width), 25.0, shape) for width in (0.48, 0.68))
    assert large.quantiles[-1] > 1.3 * small.quantiles[-1]
    assert (large.deviations > 1.3 * small.deviations).all()


def test_one_picture_is_enough(shape: MouthShape) -> None:
    habits = habits_of(still()[:1], 25.0, shape)
    assert np.isfinite(habits.quantiles).all()
    assert np.isfinite(habits.deviations).all()


def test_who_laughs_without_being_heard_is_half_believed(shape: MouthShape) -> None:
    _, mouth = mouth_of(speech_of(20.0, seed=1).score)
    own, half = (habits_of(mouth, 25.0, shape, speaks) for speaks in (True, False))
    usual = usual_deviations(shape)
    assert np.allclose(half.deviations, (own.deviations + usual) / 2)


def test_moving_is_told_from_resting() -> None:
    assert moves(mouth_of(speech_of(10.0, seed=1).score)[1])
    assert not moves(still())
    assert not moves(still()[:0])
