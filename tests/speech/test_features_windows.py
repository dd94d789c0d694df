import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heygem_daemon.speech.features import (
    STATE_SAMPLES,
    Samples,
    Window,
    WindowPlan,
    crossfade_weights,
    crossfade_windows,
    split_windows,
)

PLAN = WindowPlan(states=10, overlap=4)


def ramp(samples: int) -> Samples:
    return np.arange(samples, dtype=np.float32)


def first_samples(window: Window) -> Samples:
    """A curve of a window: the first sample of every state."""
    return window.samples[::STATE_SAMPLES, None]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40 * STATE_SAMPLES))
def test_joined_windows_are_the_whole_sound(samples: int) -> None:
    sound = ramp(samples)
    pieces = (
        (first_samples(window), window.overlap_states) for window in split_windows([sound], PLAN)
    )
    assert np.allclose(
        np.concatenate(list(crossfade_windows(pieces, 1)))[:, 0], sound[::STATE_SAMPLES], rtol=1e-6
    )


@pytest.mark.parametrize("size", [1, 160, 999, 3200, 50_000])
def test_windows_do_not_depend_on_block_sizes(size: int) -> None:
    sound = ramp(12_345)
    whole = list(split_windows([sound], PLAN))
    cut = list(split_windows((sound[i : i + size] for i in range(0, len(sound), size)), PLAN))
    assert [window.overlap_states for window in cut] == [window.overlap_states for window in whole]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(cut, whole, strict=True))


def test_a_sound_as_long_as_a_window_is_one() -> None:
    (window,) = split_windows([ramp(10 * STATE_SAMPLES)], PLAN)
    assert window.overlap_states == 0
    assert len(window.samples) == 10 * STATE_SAMPLES


def test_the_end_is_padded_with_silence_to_a_whole_state() -> None:
    (window,) = split_windows([np.ones(STATE_SAMPLES + 1, np.float32)], PLAN)
    assert len(window.samples) == 2 * STATE_SAMPLES
    assert window.samples.sum() == STATE_SAMPLES + 1


def test_no_sound_has_no_windows() -> None:
    assert list(split_windows([], PLAN)) == []
    assert list(split_windows([np.zeros(0, np.float32)], PLAN)) == []
    assert [part.shape for part in crossfade_windows([], 3)] == [(0, 3)]


def test_windows_that_disagree_are_cross_faded() -> None:
    low, high = np.zeros((10, 1), np.float32), np.ones((10, 1), np.float32)
    whole = np.concatenate(list(crossfade_windows([(low, 0), (high, 4)], 1)))[:, 0]
    assert whole.tolist() == [0.0] * 7 + [0.25, 0.75] + [1.0] * 7


def test_a_cross_fade_is_symmetric_and_ends_before_the_edges() -> None:
    weights = crossfade_weights(100)
    assert not weights[:25].any()
    assert weights[75:].all()
    assert weights + weights[::-1] == pytest.approx(np.ones(100))


def test_an_impossible_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        WindowPlan(states=10, overlap=6)
