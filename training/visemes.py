"""What the mouth does for each phone of American English, and how the phones run together.

Targets are of our own making, by what phonetics textbooks say of lips and jaw; the blend is by
dominance functions (M. Cohen, D. Massaro, 'Modeling coarticulation in synthetic visual speech',
1993): every phone pulls towards its target with a strength that fades on either side of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE

Floats = NDArray[np.float32]

LEAD_SECONDS = 0.01
"""Lips are this much ahead of the sound's phone limits: so that the targets of synthesized
sentences agree best with what a head trained on real speech alone says of them."""


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a spoken sentence and when it is heard, in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Viseme:
    """``aperture`` 0 (closed) … 1, ``width`` -1 (rounded) … 1 (spread), ``jaw`` 0 … 1;
    ``strength`` against the neighbours, and ``reach``, seconds until it has faded to 1/e."""

    aperture: float
    width: float
    jaw: float
    strength: float = 1.0
    reach: float = 0.07


def vowel(aperture: float, width: float) -> Viseme:
    """A vowel: the jaw opens with the lips."""
    return Viseme(aperture, width, aperture, 1.0, 0.08)


def tongue(aperture: float, width: float, jaw: float) -> Viseme:
    """A consonant made by the tongue: lips give way to the vowels around."""
    return Viseme(aperture, width, jaw, 0.5, 0.06)


CLOSED = Viseme(0.0, 0.0, 0.2, 6.0, 0.045)
LIP_ON_TEETH = Viseme(0.08, 0.1, 0.15, 3.0, 0.05)
ROUNDED = Viseme(0.15, -1.0, 0.2, 2.0, 0.08)
HISS = Viseme(0.22, 0.3, 0.05, 1.0, 0.06)
HUSH = Viseme(0.28, -0.6, 0.1, 1.2, 0.07)

VISEMES = {
    "aa": vowel(1.0, 0.1), "ae": vowel(0.9, 0.5), "ah": vowel(0.65, 0.1), "ao": vowel(0.75, -0.5),
    "aw": vowel(0.9, -0.1), "ax": vowel(0.4, 0.0), "axr": vowel(0.35, -0.4), "ay": vowel(0.9, 0.3),
    "eh": vowel(0.65, 0.35), "er": vowel(0.35, -0.4), "ey": vowel(0.55, 0.6), "ih": vowel(0.4, 0.4),
    "iy": vowel(0.3, 0.8), "ow": vowel(0.55, -0.7), "oy": vowel(0.65, -0.5), "uh": vowel(0.4, -0.6),
    "uw": Viseme(0.2, -1.0, 0.2, 1.5, 0.08), "w": ROUNDED,
    "m": CLOSED, "b": CLOSED, "p": CLOSED, "f": LIP_ON_TEETH, "v": LIP_ON_TEETH,
    "s": HISS, "z": HISS, "sh": HUSH, "zh": HUSH, "ch": HUSH, "jh": HUSH,
    "d": tongue(0.3, 0.2, 0.2), "t": tongue(0.28, 0.2, 0.2), "n": tongue(0.3, 0.2, 0.25),
    "l": tongue(0.4, 0.1, 0.35), "dh": tongue(0.25, 0.1, 0.2), "th": tongue(0.25, 0.1, 0.2),
    "r": tongue(0.3, -0.5, 0.3), "y": tongue(0.3, 0.5, 0.25), "hh": tongue(0.4, 0.1, 0.4),
    "k": tongue(0.35, 0.1, 0.35), "g": tongue(0.35, 0.1, 0.35), "ng": tongue(0.35, 0.1, 0.35),
    "pau": Viseme(0.03, 0.0, 0.0, 1.0, 0.10),
}  # fmt: skip

LIPS_SHUT = frozenset("mbp")
LIPS_MEET = LIPS_SHUT | {"f", "v", "pau"}
CLEAR_SECONDS = 0.05
"""So far from a closure the lips are surely open."""


def curves(phones: Sequence[Phone], states: int) -> Floats:
    """Aperture, width and jaw at the times k / 50 s, float32 (states, 3)."""
    time = np.arange(states) / STATE_RATE + LEAD_SECONDS
    start = np.array([phone.start for phone in phones])
    end = np.array([phone.end for phone in phones])
    visemes = [VISEMES[phone.name] for phone in phones]
    targets = np.array([(v.aperture, v.width, v.jaw) for v in visemes])
    strength = np.array([v.strength for v in visemes])
    reach = np.array([v.reach for v in visemes])
    # Distance to the phone's middle half: within it, it is in full force.
    quarter = (end - start) / 4
    outside = np.maximum(start + quarter - time[:, None], time[:, None] - (end - quarter))
    dominance = strength * np.exp(-np.maximum(outside, 0.0) / reach)
    blended = dominance @ targets / dominance.sum(axis=1, keepdims=True)
    return np.asarray(blended, np.float32)


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
