import numpy as np
import pytest

from heygem_daemon.engines.builtin.targets.temporal_filters import (
    high_pass_z_scores,
    interpolate_at,
    low_pass,
)


def test_low_pass_keeps_a_constant_up_to_the_ends() -> None:
    assert low_pass(np.full((40, 2), 3.0, np.float32), 5.0) == pytest.approx(3.0)


def test_high_pass_keeps_fast_changes_and_drops_slow_ones() -> None:
    time = np.arange(500) / 25
    fast, drift = np.sin(2 * np.pi * 4 * time), 5 * np.sin(2 * np.pi * 0.05 * time)
    scores = high_pass_z_scores((fast + drift)[:, None].astype(np.float32), 0.3 * 25)[:, 0]
    assert np.corrcoef(scores, fast)[0, 1] > 0.98
    assert scores.std() == pytest.approx(1.0, abs=1e-3)


def test_a_curve_is_read_between_its_states_and_held_at_its_ends() -> None:
    curve = np.array([[0.0], [1.0], [3.0]], np.float32)
    values = interpolate_at(curve, np.array([-1.0, 0.01, 0.03, 9.0]))
    assert values[:, 0] == pytest.approx([0.0, 0.5, 2.0, 3.0])
