import numpy as np

from heygem_daemon.engines.builtin.warp.curves import hermite_curve


def test_a_curve_meets_its_knots_and_is_level_beyond_them() -> None:
    knots = np.array([[0.0, 0.5, 1.5, 2.0]], np.float32)
    values = np.array([[[1.0], [3.0], [2.0], [0.0]]], np.float32)
    places = np.array([-1.0, 0.0, 0.5, 1.5, 2.0, 5.0], np.float32)
    assert np.allclose(hermite_curve(knots, values, places)[0, :, 0], [1, 1, 3, 2, 0, 0], atol=1e-5)


def test_a_straight_line_stays_straight() -> None:
    knots = np.array([[0.0, 0.3, 0.4, 1.0]], np.float32)
    places = np.linspace(0, 1, 21, dtype=np.float32)
    assert np.allclose(
        hermite_curve(knots, 2 * knots[..., None], places)[0, :, 0], 2 * places, atol=1e-5
    )


def test_knots_that_fold_back_give_finite_values() -> None:
    knots = np.array([[0.0, 0.5, 0.4, 0.4, 1.0]], np.float32)
    values = np.arange(5, dtype=np.float32)[None, :, None]
    assert np.isfinite(hermite_curve(knots, values, np.linspace(0, 1, 50, dtype=np.float32))).all()
