import numpy as np
import pytest

from heygem_daemon.speech.activity import dilated, is_silent, levels, smoothed, speech_activity
from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES


def voiced(states: int) -> np.ndarray:
    return np.ones(states, np.float32)


def curve(*parts: tuple[float, float]) -> np.ndarray:
    """Levels in dB from (dB, seconds) pairs."""
    return np.concatenate(
        [np.full(round(seconds * STATE_RATE), level, np.float32) for level, seconds in parts]
    )


def test_levels_are_decibels_of_full_scale() -> None:
    square = np.ones(STATE_SAMPLES, np.float32)
    assert levels(np.concatenate([square, 0.1 * square, 0 * square])) == pytest.approx(
        [0, -20, -120]
    )


def test_speech_is_active_and_the_silence_far_from_it_is_not() -> None:
    level = curve((-80, 2), (-20, 2), (-80, 2))
    active = speech_activity(level, voiced(len(level)))
    assert active[: int(1.4 * STATE_RATE)].max() == 0
    assert active[int(2 * STATE_RATE) : int(4 * STATE_RATE)].min() == pytest.approx(1, abs=1e-4)
    assert active[int(4.6 * STATE_RATE) :].max() == 0


def test_a_short_pause_does_not_interrupt() -> None:
    level = curve((-20, 2), (-80, 0.3), (-20, 2))
    assert speech_activity(level, voiced(len(level))).min() == pytest.approx(1, abs=1e-4)


def test_a_word_in_a_long_silence_is_still_found() -> None:
    level = curve((-75, 50), (-25, 0.5), (-75, 50))
    assert speech_activity(level, voiced(len(level))).max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("level", [-120.0, -70.0])
def test_silence_is_inactive_throughout(level: float) -> None:
    quiet = curve((level, 3))
    assert is_silent(quiet)
    assert not speech_activity(quiet, voiced(len(quiet))).any()


def test_a_loud_sound_without_a_voice_is_inactive() -> None:
    level = curve((-10, 3))
    assert not speech_activity(level, np.full(len(level), 0.1, np.float32)).any()


def test_no_sound_has_no_activity() -> None:
    assert speech_activity(np.zeros(0, np.float32), voiced(0)).shape == (0,)


def test_dilation_reaches_equally_far_both_ways() -> None:
    mask = np.zeros(9, bool)
    mask[4] = True
    assert dilated(mask, 2).nonzero()[0].tolist() == [2, 3, 4, 5, 6]


def test_smoothing_keeps_constants() -> None:
    assert smoothed(np.full(7, 3, np.float32), 0.1) == pytest.approx(np.full(7, 3))
