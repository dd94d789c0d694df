"""What the audio model hears in several languages, counted on speech that a fake model hears."""

from fractions import Fraction

import numpy as np

from benchmarks.languages import measure, table
from heygem_daemon.engines.builtin.audio.listening import Speech
from heygem_daemon.speech.features import SAMPLE_RATE, STATE_RATE
from training.phones import Phone, Spoken

PHONES = (Phone("m", 0.0, 0.2), Phone("a", 0.2, 0.6), Phone("b", 0.6, 0.8), Phone("a", 0.8, 1.2))


class Listener:
    """Hears the first closure and misses the second."""

    def listen(self, _waveform: object) -> Speech:
        states = round(1.2 * STATE_RATE)
        time = np.arange(states) / STATE_RATE
        opening = np.where((time > 0.2) & (time < 0.6), 1.0, 0.0).astype(np.float32)
        return Speech(
            scores=np.stack([opening] * 4, axis=1),
            activity=np.ones(states, np.float32),
            closed=np.asarray(time < 0.2, np.float32),
            hidden=np.zeros((states, 1), np.float16),
            seconds=Fraction(6, 5),
            silent=False,
        )


def test_closures_and_open_vowels_are_counted_in_their_middle() -> None:
    spoken = Spoken(np.zeros(round(1.2 * SAMPLE_RATE), np.float32), PHONES)
    heard = measure("xx", spoken, Listener(), is_known=False)  # type: ignore[arg-type]
    assert (heard.closures, heard.closed, heard.open) == (2, 0.5, 1.0)
    assert 0 < heard.opening < 1
    assert "| xx | **no** | 2 | 50% | 100% |" in table([heard])
