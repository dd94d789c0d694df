import numpy as np

from heygem_daemon.face.tracking.smoothing import FaceSample, smooth_lips

LIPS = np.array([13, 14])
HEAD = [33, 133, 362, 263, 168, 6]


def samples(lip: list[float], tracklets: list[int] | None = None) -> list[FaceSample]:
    made = []
    for k, height in enumerate(lip):
        landmarks = np.zeros((478, 3), np.float32)
        landmarks[14, 1] = height
        made.append(FaceSample(landmarks, True, 1.0, tracklets[k] if tracklets else 0))
    return made


def heights(made: list[FaceSample]) -> list[float]:
    return [float(sample.landmarks[14, 1]) for sample in smooth_lips(made, LIPS)]


def test_a_jerk_of_the_lips_is_spread_over_its_neighbours() -> None:
    smooth = heights(samples([0, 0, 0, 1, 0, 0, 0]))
    assert smooth[3] == max(smooth)
    assert 0.5 < smooth[3] < 0.65
    assert smooth[2] == smooth[4] > smooth[1] == smooth[5] > 0
    assert smooth[0] == smooth[6] == 0


def test_still_lips_stay_where_they_are() -> None:
    np.testing.assert_allclose(heights(samples([3.0] * 6)), 3.0, rtol=1e-6)


def test_nothing_is_smoothed_across_a_cut() -> None:
    assert heights(samples([0, 0, 1, 1], tracklets=[0, 0, 1, 1])) == [0, 0, 1, 1]


def test_the_heads_own_movement_is_kept() -> None:
    made = samples([0] * 7)
    for k, sample in enumerate(made):
        sample.landmarks[:, 0] = 10 * (k % 2)
    moved = [float(sample.landmarks[14, 0]) for sample in smooth_lips(made, LIPS)]
    np.testing.assert_allclose(moved, [0, 10, 0, 10, 0, 10, 0], atol=1e-5)


def test_points_that_are_no_lips_are_untouched() -> None:
    made = samples([0, 1, 0])
    made[1].landmarks[152] = 7
    assert next(iter(list(smooth_lips(made, LIPS))[1].landmarks[152])) == 7


def test_absent_samples_pass_and_weigh_nothing() -> None:
    made = samples([1, 1, 1])
    made[1] = FaceSample(np.zeros((478, 3), np.float32), False, 0.0, 0)
    smooth = list(smooth_lips(made, LIPS))
    assert [sample.present for sample in smooth] == [True, False, True]
    assert float(smooth[0].landmarks[14, 1]) == 1.0


def test_every_clip_length_comes_out_whole() -> None:
    for length in range(8):
        assert len(list(smooth_lips(samples([0.0] * length), LIPS))) == length
