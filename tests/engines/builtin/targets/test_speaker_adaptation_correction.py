from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.heads import COMPONENTS
from heygem_daemon.engines.builtin.audio.listening import Speech
from heygem_daemon.engines.builtin.targets.speaker_adaptation import (
    LARGEST_CHANGE,
    LEAST_GAIN,
    apply_correction,
    correlations,
    fit_correction,
    no_correction,
)
from heygem_daemon.engines.builtin.targets.temporal_filters import interpolate_at
from heygem_daemon.face.tracking.mouth import APERTURE
from tests.engines.builtin.speaker import FPS, mouth_of, speech_of, syllables

Floats = NDArray[np.float32]


def with_habit(speech: Speech, strength: float) -> Floats:
    """Return the scores of a person who also moves with some hidden states, which the heads do not
    expect.
    """
    pattern = np.zeros((COMPONENTS, 4), np.float32)
    pattern[:6] = strength * np.random.default_rng(3).normal(size=(6, 4))
    moved: Floats = speech.scores + speech.hidden.astype(np.float32) @ pattern
    return moved


def test_a_planted_habit_is_learned_and_holds_for_other_words() -> None:
    learned, other = speech_of(12.0, seed=1), speech_of(12.0, seed=50)
    seconds, mouth = mouth_of(with_habit(learned, 0.1))
    correction = fit_correction(
        interpolate_at(learned.scores, seconds), interpolate_at(learned.hidden, seconds), mouth, FPS
    )
    assert correction.has_effect
    truth = with_habit(other, 0.1)
    before = correlations(other.scores, truth)
    after = correlations(apply_correction(other, correction).scores, truth)
    assert after[APERTURE] > before[APERTURE] + 0.05
    assert np.array_equal(after[1:], before[1:])


def test_what_does_not_help_on_held_out_seconds_is_dropped() -> None:
    """The result is never worse than without: noise in the mouth must not be learned."""
    kept = []
    for seed in range(20):
        speech = speech_of(12.0, seed)
        seconds, mouth = mouth_of(speech.scores + syllables(600, 4, seed + 500))
        correction = fit_correction(
            interpolate_at(speech.scores, seconds),
            interpolate_at(speech.hidden, seconds),
            mouth,
            FPS,
        )
        other = speech_of(6.0, seed + 900)
        score = apply_correction(other, correction).scores
        changed = correction.weights.any(axis=0)
        assert (correction.gain[changed] >= LEAST_GAIN).all()
        assert np.array_equal(score[:, ~changed], other.scores[:, ~changed])
        assert correlations(score, other.scores).min() > 0.9
        kept.append(changed)
    assert np.mean(kept, axis=0)[APERTURE] < 0.25


def test_a_parameter_unrelated_to_the_audio_is_not_corrected() -> None:
    speech = speech_of(12.0, seed=1)
    curves = with_habit(speech, 0.1)
    curves[:, APERTURE] = syllables(len(curves), 1, seed=77)[:, 0]
    seconds, mouth = mouth_of(curves)
    correction = fit_correction(
        interpolate_at(speech.scores, seconds), interpolate_at(speech.hidden, seconds), mouth, FPS
    )
    assert not correction.has_effect


def test_the_change_is_limited_for_an_unusual_voice() -> None:
    learned = speech_of(12.0, seed=1)
    seconds, mouth = mouth_of(with_habit(learned, 0.1))
    correction = fit_correction(
        interpolate_at(learned.scores, seconds), interpolate_at(learned.hidden, seconds), mouth, FPS
    )
    loud = speech_of(12.0, seed=50)
    strange = replace(loud, hidden=(20 * loud.hidden.astype(np.float32)).astype(np.float16))
    change = apply_correction(strange, correction).scores - loud.scores
    assert np.abs(change).max() < 2 * LARGEST_CHANGE
    assert correlations(loud.scores + change, loud.scores).min() > 0.85


def test_no_adaptation_changes_nothing() -> None:
    speech = speech_of(3.0, seed=1)
    assert not no_correction().has_effect
    assert apply_correction(speech, no_correction()) is speech


def test_long_audio_is_corrected_like_short_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = speech_of(12.0, seed=1)
    seconds, mouth = mouth_of(with_habit(speech, 0.1))
    correction = fit_correction(
        interpolate_at(speech.scores, seconds), interpolate_at(speech.hidden, seconds), mouth, FPS
    )
    at_once = apply_correction(speech, correction).scores
    monkeypatch.setattr(
        "heygem_daemon.engines.builtin.targets.speaker_adaptation.STATES_AT_ONCE", 64
    )
    assert apply_correction(speech, correction).scores == pytest.approx(at_once, abs=1e-4)
