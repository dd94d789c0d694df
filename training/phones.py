"""Phones of synthesized speech, in the alphabet of the IPA, and when the lips are shut in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE

Floats = NDArray[np.float32]

PAUSE = "_"
LIPS_SHUT = frozenset("mbpɓ")
LIPS_MEET = LIPS_SHUT | set("fvɱʋɸβ") | {PAUSE}
CLEAR_SECONDS = 0.05
"""So far from a closure the lips are surely open."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a spoken sentence and when it is heard, in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """A synthesized sentence: float32 (n,) at 16 kHz, and its phones from start to end."""

    sound: Floats
    phones: tuple[Phone, ...]


def single(phones: Iterable[Phone], known: Iterable[str]) -> Iterator[Phone]:
    """The phones with names of one letter, all ``known``: a diphthong or an affricate becomes two,
    one after the other; marks of length, tone and manner are dropped; a phone of which no letter
    is known keeps its name."""
    letters = frozenset(known)
    for phone in phones:
        found = [letter for letter in phone.name if letter in letters] or [phone.name]
        if found[0] in LIPS_SHUT:
            found = found[:1]
        limits = np.linspace(phone.start, phone.end, len(found) + 1).tolist()
        for name, start, end in zip(found, limits[:-1], limits[1:], strict=True):
            yield Phone(name, start, end)


def closures(phones: Sequence[Phone], states: int) -> tuple[Floats, Floats]:
    """Whether the lips are shut at the times k / 50 s, and how sure that is; float32 (states,).

    Shut in the middle half of /m b p/; not shut well away from these, from pauses and from
    /f v/. In between nobody can say, and the second curve is 0.
    """
    time = np.arange(states) / STATE_RATE
    shut, near = np.zeros(states, bool), np.zeros(states, bool)
    for phone in phones:
        if phone.name in LIPS_MEET:
            near |= (time > phone.start - CLEAR_SECONDS) & (time < phone.end + CLEAR_SECONDS)
        if phone.name in LIPS_SHUT:
            quarter = (phone.end - phone.start) / 4
            shut |= (time >= phone.start + quarter) & (time <= phone.end - quarter)
    return shut.astype(np.float32), (shut | ~near).astype(np.float32)
