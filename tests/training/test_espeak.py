import numpy as np
import pytest

from training.espeak import LIBRARY, VARIANTS, Espeak, phones
from training.phones import PAUSE
from training.texts import WORDS
from training.visemes import VISEMES


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    try:
        return Espeak()
    except OSError as error:
        pytest.skip(f"needs {LIBRARY} (Debian: apt install espeak-ng): {error}")


def test_the_closure_before_a_burst_belongs_to_the_stop() -> None:
    loud, mute = np.full(2205, 9000, np.int16), np.zeros(2205, np.int16)
    events = [("a", 0.0), ("p", 0.2), ("a", 0.3)]
    vowel, stop, _ = phones(events, np.concatenate([loud, mute, loud, loud]))
    assert (vowel.start, vowel.end) == (0.0, 0.1)
    assert (stop.start, stop.end) == (0.1, 0.3)


def test_silence_after_a_vowel_is_a_pause() -> None:
    loud, mute = np.full(2205, 9000, np.int16), np.zeros(2205, np.int16)
    spoken_phones = list(phones([("a", 0.0), ("l", 0.2)], np.concatenate([loud, mute, loud])))
    assert [phone.name for phone in spoken_phones] == ["a", PAUSE, "l"]


def test_a_sentence_has_its_sound_and_its_phones(espeak: Espeak) -> None:
    spoken = espeak.speak("My mother.", "en-us")
    assert [phone.name for phone in spoken.phones if phone.name != PAUSE] == list("maɪmʌðɚ")
    seconds = len(spoken.sound) / 16_000
    assert spoken.phones[-1].end == pytest.approx(seconds, abs=0.02)
    assert 0.3 < float(np.abs(spoken.sound).max()) <= 1.0 or seconds > 0.5


def test_every_language_and_variant_speaks_in_phones_with_visemes(espeak: Espeak) -> None:
    rng = np.random.default_rng(0)
    spoken = list(espeak.sentences(len(WORDS), rng))
    names = [phone.name for each in spoken for phone in each.phones]
    assert sum(name in VISEMES for name in names) / len(names) > 0.97
    for variant in VARIANTS:
        assert len(espeak.speak("a", "de" + variant).sound) > 0


def test_an_unknown_voice_is_refused(espeak: Espeak) -> None:
    with pytest.raises(ValueError, match="klingon"):
        espeak.speak("a", "klingon-x")


def test_phones_are_in_order_and_do_not_overlap(espeak: Espeak) -> None:
    for each in espeak.sentences(15, np.random.default_rng(1)):
        starts = np.array([phone.start for phone in each.phones])
        ends = np.array([phone.end for phone in each.phones])
        assert (ends > starts).all()
        assert (starts[1:] >= ends[:-1] - 1e-6).all()
