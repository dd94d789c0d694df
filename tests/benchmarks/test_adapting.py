from typing import cast

import numpy as np
import pytest

from benchmarks.lips.adapting import adapted_by_halves, adapting_table, mean_gain, mismatched, until
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from tests.engines.builtin.speaker import mouth_of, speech_of
from training.corpus import Clip

SECONDS = 12.0


class PlantedModel:
    """Returns the planted speech for each audio file, which its first sample identifies."""

    def __init__(self, *speeches: Speech) -> None:
        self._speeches = speeches

    def listen(self, waveform: list[np.ndarray]) -> Speech:
        return self._speeches[int(waveform[0][0])]


def clip(number: int, speech: Speech, late: float = 0.0) -> Clip:
    seconds, mouth = mouth_of(speech.scores, late)
    present = np.ones(len(mouth), np.bool_)
    return Clip(f"clip {number}", np.full(10, number, np.float32), mouth, present, seconds)


def test_an_offset_found_in_the_first_half_helps_in_the_second() -> None:
    speech = speech_of(SECONDS, seed=1)
    row = adapted_by_halves(clip(0, speech, late=0.2), cast(AudioModel, PlantedModel(speech)))
    assert row.offset == 200
    assert row.gain > 0.3
    assert mean_gain([row, row]) == pytest.approx(row.gain)
    assert "200 ms" in adapting_table([row])


def test_nothing_is_gained_if_there_is_nothing_to_learn() -> None:
    speech = speech_of(SECONDS, seed=1)
    row = adapted_by_halves(clip(0, speech), cast(AudioModel, PlantedModel(speech)))
    assert row.offset == 0
    assert abs(row.gain) < 0.02


def test_audio_is_combined_with_every_mouth_but_its_own() -> None:
    speeches = [speech_of(SECONDS, seed) for seed in (1, 30, 60)]
    clips = [clip(number, speech) for number, speech in enumerate(speeches)]
    combined = list(mismatched(clips, cast(AudioModel, PlantedModel(*speeches))))
    assert len(combined) == 6
    assert sum(adaptation.speaking.any() for _, _, adaptation in combined) <= 1


def test_a_shortened_speech_contains_nothing_of_the_rest() -> None:
    cut = until(speech_of(SECONDS, seed=1), 3.0)
    assert len(cut) == len(cut.scores) == len(cut.closed) == len(cut.hidden) == 150
