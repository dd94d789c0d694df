import numpy as np
import pytest

from heygem_daemon.engines.builtin.planner import APERTURE_SPEED_LIMIT, limit_aperture_speed

FPS = 25.0
STEP = APERTURE_SPEED_LIMIT / FPS


def test_a_slow_mouth_is_not_changed() -> None:
    calm = (0.1 - 0.1 * np.cos(np.arange(50) / 5)).astype(np.float32)
    assert limit_aperture_speed(calm, FPS) == pytest.approx(calm, abs=1e-6)


def test_a_mouth_that_opens_at_once_takes_two_frames_and_shuts_as_early() -> None:
    sudden = np.array([0, 0, 0.12, 0.12, 0.12, 0, 0], np.float32)
    shown = [0, 0, STEP, 0.12, STEP, 0, 0]
    assert limit_aperture_speed(sudden, FPS) == pytest.approx(shown, abs=1e-6)


def test_closures_stay_and_nothing_opens_wider() -> None:
    rng = np.random.default_rng(0)
    random = (0.2 * rng.random(500) * (rng.random(500) > 0.3)).astype(np.float32)
    shown = limit_aperture_speed(random, FPS)
    assert (shown <= random + 1e-5).all()
    assert np.abs(np.diff(shown)).max() <= STEP + 1e-5
    assert shown[random == 0] == pytest.approx(0.0, abs=1e-5)


def test_twice_the_frames_are_no_faster() -> None:
    sudden = np.repeat(np.array([0, 0, 0.2, 0.2], np.float32), 8)
    assert np.diff(limit_aperture_speed(sudden, 2 * FPS)).max() == pytest.approx(STEP / 2, abs=1e-6)
