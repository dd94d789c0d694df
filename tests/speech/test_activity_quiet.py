import numpy as np
import pytest

from heygem_daemon.speech.activity import LevelMeter, silent_frames, silent_states
from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES


def curve(*parts: tuple[float, float]) -> np.ndarray:
    """Levels in dB from (dB, seconds) pairs."""
    return np.concatenate(
        [np.full(round(seconds * STATE_RATE), level, np.float32) for level, seconds in parts]
    )


def silence_edges(level: np.ndarray) -> list[float]:
    """Return where silences begin and end, in seconds."""
    edges = np.flatnonzero(np.diff(np.pad(silent_states(level), 1).astype(np.int8)))
    return [edge / STATE_RATE for edge in edges.tolist()]


def test_the_meter_passes_blocks_on_and_measures_across_their_borders() -> None:
    sound = np.repeat(np.array([1.0, 0.1, 0.01], np.float32), STATE_SAMPLES)
    meter = LevelMeter()
    passed = list(meter.measure(np.split(sound, [100, 101, 700])))
    assert np.array_equal(np.concatenate(passed), sound)
    assert meter.level == pytest.approx([0, -20, -40])


def test_a_sound_without_samples_has_no_levels() -> None:
    meter = LevelMeter()
    assert list(meter.measure([])) == []
    assert not silent_frames(meter.level, 3, 25.0).any()


def test_a_long_silence_counts_without_its_first_and_last_tenth_of_a_second() -> None:
    assert silence_edges(curve((-20, 1), (-80, 1), (-20, 1))) == [1.1, 1.9]


def test_a_short_one_belongs_to_speech() -> None:
    assert silence_edges(curve((-20, 1), (-80, 0.3), (-20, 1))) == []


def test_the_ends_of_the_sound_have_no_margin() -> None:
    assert silence_edges(curve((-80, 1), (-20, 1), (-80, 1))) == [0.0, 0.9, 2.1, 3.0]


def test_a_silent_sound_is_silent_throughout_and_nothing_follows_its_end() -> None:
    level = curve((-90, 1))
    assert silent_frames(level, 40, 25.0).tolist() == [True] * 25 + [False] * 15


def test_frames_use_the_state_at_their_time() -> None:
    level = curve((-20, 1), (-80, 1), (-20, 1))
    silent = silent_frames(level, 90, 30.0)
    assert np.flatnonzero(silent).tolist() == list(range(33, 57))
