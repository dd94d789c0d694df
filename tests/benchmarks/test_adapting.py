from typing import cast

import numpy as np
import pytest

from benchmarks.lips.adapting import adapted_by_halves, adapting_table, mean_gain, strangers, until
from heygem_daemon.engines.builtin.audio.listening import AudioModel, Speech
from tests.engines.builtin.speaker import mouth_of, speech_of
from training.corpus import Clip

SECONDS = 12.0


class Known:
    """Hears in each sound, told apart by its first sample, the speech that was planted there."""

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
    row = adapted_by_halves(clip(0, speech, late=0.2), cast(AudioModel, Known(speech)))
    assert row.offset == 200
    assert row.gain > 0.3
    assert mean_gain([row, row]) == pytest.approx(row.gain)
    assert "200 ms" in adapting_table([row])


def test_nothing_is_won_where_nothing_is_to_be_learned() -> None:
    speech = speech_of(SECONDS, seed=1)
    row = adapted_by_halves(clip(0, speech), cast(AudioModel, Known(speech)))
    assert row.offset == 0
    assert abs(row.gain) < 0.02


def test_strangers_sounds_are_compared_with_every_mouth_but_their_own() -> None:
    speeches = [speech_of(SECONDS, seed) for seed in (1, 30, 60)]
    clips = [clip(number, speech) for number, speech in enumerate(speeches)]
    crossed = list(strangers(clips, cast(AudioModel, Known(*speeches))))
    assert len(crossed) == 6
    assert sum(own.speaking.any() for _, _, own in crossed) <= 1


def test_a_cut_speech_knows_nothing_of_what_follows() -> None:
    cut = until(speech_of(SECONDS, seed=1), 3.0)
    assert len(cut) == len(cut.scores) == len(cut.closed) == len(cut.hidden) == 150
