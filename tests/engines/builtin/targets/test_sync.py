import numpy as np
import pytest

from heygem_daemon.engines.builtin.targets.sync import find_sync
from tests.engines.builtin.speaker import mouth_of, speech_of, syllables


@pytest.mark.parametrize("late", [0.0, 0.12, -0.2, 0.3])
def test_a_planted_offset_is_found(late: float) -> None:
    score = speech_of(6.0, seed=1).scores
    sync = find_sync(score, *mouth_of(score, late))
    assert sync.is_match
    assert sync.offset_seconds == pytest.approx(late, abs=0.021)
    assert sync.correlation > 0.8


def test_half_a_picture_is_no_offset() -> None:
    score = speech_of(6.0, seed=1).scores
    assert find_sync(score, *mouth_of(score, 0.01)).offset_seconds == 0.0


def test_the_audio_of_another_person_does_not_fit() -> None:
    matches = [
        find_sync(speech_of(8.0, seed).scores, *mouth_of(syllables(400, 4, 1000 + seed))).is_match
        for seed in range(40)
    ]
    assert sum(matches) <= 4


def test_a_noisy_agreement_is_distinguished_from_chance() -> None:
    score = speech_of(8.0, seed=5).scores
    seconds, mouth = mouth_of(score + 1.5 * syllables(400, 4, seed=9))
    assert find_sync(score, seconds, mouth).is_match


def test_too_little_to_compare_is_no_match() -> None:
    score = speech_of(6.0, seed=1).scores
    seconds, mouth = mouth_of(score)
    assert not find_sync(score, seconds[:20], mouth[:20]).is_match
    assert not find_sync(score[:0], seconds, mouth).is_match
    assert not find_sync(score, seconds[:0], mouth[:0]).is_match


def test_a_mouth_that_does_not_move_fits_nothing() -> None:
    score = speech_of(6.0, seed=1).scores
    seconds, mouth = mouth_of(score)
    assert not find_sync(score, seconds, np.repeat(mouth[:1], len(mouth), axis=0)).is_match
