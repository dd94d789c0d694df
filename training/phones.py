"""Phones of synthesized speech, in the IPA's alphabet, and when the lips are closed in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE

Floats = NDArray[np.float32]

PAUSE = "_"
LIPS_SHUT = frozenset("mbpɓ")
"""Phones in whose middle the lips are closed."""
LIPS_MEET = LIPS_SHUT | set("fvɱʋɸβ") | {PAUSE}
"""Phones near which the lips may be closed."""
CLEAR_SECONDS = 0.05
"""This far from a closure, the lips are certainly open."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a spoken sentence."""

    name: str
    """Its IPA letters."""
    start: float
    """Seconds."""
    end: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A synthesized sentence."""

    sound: Floats
    """float32 (n,), mono at 16 kHz, -1 to 1."""
    phones: tuple[Phone, ...]
    """From start to end."""


def split_phones(phones: Iterable[Phone], alphabet: Iterable[str]) -> Iterator[Phone]:
    """Yield phones whose names are single letters of ``alphabet``.

    A diphthong or an affricate becomes two phones, one after the other; marks of length, tone and
    manner are dropped. A phone without any such letter keeps its name.
    """
    letters = frozenset(alphabet)
    for phone in phones:
        found = [letter for letter in phone.name if letter in letters] or [phone.name]
        if found[0] in LIPS_SHUT:
            found = found[:1]
        limits = np.linspace(phone.start, phone.end, len(found) + 1).tolist()
        for name, start, end in zip(found, limits[:-1], limits[1:], strict=True):
            yield Phone(name, start, end)


def closures(phones: Sequence[Phone], states: int) -> tuple[Floats, Floats]:
    """Return whether the lips are closed at the times k / 50 s, and how much that counts.

    Both are float32 (states,). The lips are closed in the middle half of /m b p/, and open well
    away from these, from pauses and from /f v/. In between it is unknown, and the second curve is
    0.
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
