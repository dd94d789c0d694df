import numpy as np

from heygem_daemon.engines.builtin.targets.calming import calm_targets, stillness
from heygem_daemon.face.tracking.mouth import APERTURE, JAW, WIDTH

FPS = 25.0
NOISE = np.random.default_rng(1).normal(size=(400, 4)).astype(np.float32)
ONE_SHOT = np.zeros(400, np.int16)


def trembling(curve: np.ndarray) -> float:
    return float(np.abs(np.diff(curve)).mean())


def test_jaw_and_width_of_lips_that_are_still_hardly_tremble() -> None:
    targets = 0.02 * NOISE
    targets[:, APERTURE] = 0.1
    calm = calm_targets(targets, ONE_SHOT, FPS)
    assert trembling(calm[:, JAW]) < 0.3 * trembling(targets[:, JAW])
    assert trembling(calm[:, WIDTH]) < 0.5 * trembling(targets[:, WIDTH])


def test_a_jaw_that_moves_with_the_lips_keeps_its_movement() -> None:
    syllable = 0.05 * np.sin(2 * np.pi * 3 * np.arange(400) / FPS).astype(np.float32)
    targets = np.repeat(syllable[:, None], 4, axis=1)
    calm = calm_targets(targets, ONE_SHOT, FPS)
    assert np.corrcoef(calm[:, JAW], targets[:, JAW])[0, 1] > 0.98
    assert np.ptp(calm[:, JAW]) > 0.7 * np.ptp(targets[:, JAW])


def test_apertures_stay_as_they_are() -> None:
    calm = calm_targets(NOISE, ONE_SHOT, FPS)
    np.testing.assert_array_equal(calm[:, APERTURE], NOISE[:, APERTURE])


def test_nothing_is_smoothed_across_a_cut() -> None:
    targets, shot = np.zeros((400, 4), np.float32), ONE_SHOT.copy()
    targets[200:], shot[200:] = 1, 1
    np.testing.assert_allclose(calm_targets(targets, shot, FPS), targets, atol=1e-6)


def test_a_mouth_is_still_where_its_aperture_hardly_changes() -> None:
    apertures = np.zeros(60, np.float32)
    apertures[30:40] = np.linspace(0, 0.4, 10)
    still = stillness(apertures, FPS)
    assert still[:25].min() > 0.99
    assert still[33:37].max() < 0.01


def test_one_frame_is_still() -> None:
    np.testing.assert_array_equal(stillness(np.ones(1, np.float32), FPS), [1])
