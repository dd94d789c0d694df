import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from heygem_daemon.speech.features import (
    STATE_SAMPLES,
    LogMel,
    Samples,
    Window,
    WindowPlan,
    mel_filters,
    windows,
)

PLAN = WindowPlan(states=10, margin=2)


def ramp(samples: int) -> Samples:
    return np.arange(samples, dtype=np.float32)


def kept(cut: list[Window]) -> Samples:
    return np.concatenate(
        [w.samples[w.first * STATE_SAMPLES : w.last * STATE_SAMPLES] for w in cut]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40 * STATE_SAMPLES))
def test_the_kept_states_tile_the_sound(samples: int) -> None:
    sound = ramp(samples)
    tiled = kept(list(windows([sound], PLAN)))
    assert len(tiled) == -(-samples // STATE_SAMPLES) * STATE_SAMPLES
    assert np.array_equal(tiled[:samples], sound)
    assert not tiled[samples:].any()


@pytest.mark.parametrize("size", [1, 160, 999, 3200, 50_000])
def test_windows_do_not_depend_on_block_sizes(size: int) -> None:
    sound = ramp(12_345)
    whole = list(windows([sound], PLAN))
    cut = list(windows((sound[i : i + size] for i in range(0, len(sound), size)), PLAN))
    assert [(w.first, w.last) for w in cut] == [(w.first, w.last) for w in whole]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(cut, whole, strict=True))


def test_inner_cuts_keep_a_margin() -> None:
    first, *_, last = windows([ramp(40 * STATE_SAMPLES)], PLAN)
    assert (first.first, first.last) == (0, 8)
    assert last.first == 2
    assert last.last * STATE_SAMPLES == len(last.samples)


def test_no_sound_has_no_windows() -> None:
    assert list(windows([], PLAN)) == []
    assert list(windows([np.zeros(0, np.float32)], PLAN)) == []


def test_mel_filters_are_slaneys() -> None:
    filters = mel_filters()
    assert filters.shape == (80, 201)
    # By hand: centres 37.2 Hz and 7698 Hz; 2 over the first width of 74.5 Hz, at 40 Hz.
    assert filters[0].argmax() == 1
    assert filters[79].argmax() == 192
    assert float(filters[0].max()) == pytest.approx(0.02486, abs=1e-4)


def test_the_spectrogram_has_two_frames_a_state_and_whispers_range() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = 0.1 * torch.randn(50 * STATE_SAMPLES, generator=generator)
    mels = LogMel(torch.device("cpu"))(noise)
    assert mels.shape == (80, 100)
    assert float(mels.max()) <= 2.0
    assert float(mels.max() - mels.min()) <= 2.0 + 1e-6


def test_a_silent_window_after_a_loud_one_is_flat() -> None:
    spectrogram = LogMel(torch.device("cpu"))
    generator = torch.Generator().manual_seed(1)
    spectrogram(torch.randn(3200, generator=generator))
    faint = spectrogram(1e-6 * torch.randn(3200, generator=generator))
    assert float(faint.max() - faint.min()) == 0.0


def test_a_sound_of_one_state_is_long_enough() -> None:
    assert LogMel(torch.device("cpu"))(torch.zeros(STATE_SAMPLES)).shape == (80, 2)
