import numpy as np

from training.phones import PAUSE, Phone, closures, split_phones

ALPHABET = frozenset("aɪtʃmbup")


def names(*phones: Phone) -> list[str]:
    return [phone.name for phone in split_phones(phones, ALPHABET)]


def test_a_diphthong_becomes_two_halves() -> None:
    first, second = split_phones([Phone("aɪ", 1.0, 1.4)], ALPHABET)
    assert (first.name, first.start, first.end) == ("a", 1.0, 1.2)
    assert (second.name, second.start, second.end) == ("ɪ", 1.2, 1.4)


def test_marks_of_length_and_tone_are_dropped() -> None:
    assert names(Phone("aː5", 0, 1), Phone("u̯", 1, 2)) == ["a", "u"]


def test_breath_after_a_lip_stop_does_not_shorten_its_closure() -> None:
    assert names(Phone("bʰa", 0, 1)) == ["b"]


def test_an_unknown_phone_keeps_its_name() -> None:
    assert names(Phone("ǃ", 0, 1)) == ["ǃ"]


def test_lips_are_shut_in_the_middle_of_a_lip_stop_and_open_away_from_it() -> None:
    spoken = [Phone("a", 0, 0.4), Phone("m", 0.4, 0.6), Phone("a", 0.6, 1.0)]
    shut, sure = closures(spoken, 50)
    time = np.arange(50) / 50
    assert set(time[shut > 0].round(2)) == {0.46, 0.48, 0.5, 0.52, 0.54}
    assert sure[shut > 0].all()
    assert not sure[(time > 0.36) & (time < 0.44)].any()
    assert sure[time < 0.34].all()


def test_in_a_pause_the_lips_are_unknown() -> None:
    _, sure = closures([Phone(PAUSE, 0, 1)], 50)
    assert not sure.any()
