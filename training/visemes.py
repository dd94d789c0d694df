"""The mouth's targets for each phone (in the alphabet of the IPA), and how phones blend.

The targets were chosen for this project from what phonetics textbooks say about lips and jaw. The
blend uses dominance functions (M. Cohen, D. Massaro, 'Modeling coarticulation in synthetic visual
speech', 1993): every phone pulls towards its target with a strength that fades on either side of
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE
from training.phones import PAUSE, Phone

Floats = NDArray[np.float32]

LEAD_SECONDS = 0.01
"""How far the lips are ahead of the audio's phone limits: with this value, the targets of
synthesized sentences agree best with the predictions of a head that was trained on real speech
only."""


@dataclass(frozen=True, slots=True)
class Viseme:
    """The mouth's target for a phone."""

    aperture: float
    """0 (closed) to 1."""
    width: float
    """-1 (rounded) to 1 (spread)."""
    jaw: float
    """0 to 1."""
    strength: float = 1.0
    """Weight against the neighbours."""
    reach: float = 0.07
    """Seconds until the strength has faded to 1/e."""


def vowel(aperture: float, width: float) -> Viseme:
    """Return a vowel's viseme: the jaw opens with the lips."""
    return Viseme(aperture, width, aperture, 1.0, 0.08)


def tongue(aperture: float, width: float, jaw: float) -> Viseme:
    """Return the viseme of a consonant made by the tongue: its lips follow the vowels around it."""
    return Viseme(aperture, width, jaw, 0.5, 0.06)


CLOSED = Viseme(0.0, 0.0, 0.2, 6.0, 0.045)
LIP_ON_TEETH = Viseme(0.08, 0.1, 0.15, 3.0, 0.05)
NARROW = Viseme(0.1, -0.5, 0.2, 2.5, 0.06)
ROUNDED = Viseme(0.15, -1.0, 0.2, 2.0, 0.08)
HISS = Viseme(0.22, 0.3, 0.05, 1.0, 0.06)
HUSH = Viseme(0.28, -0.6, 0.1, 1.2, 0.07)
TIP = tongue(0.28, 0.2, 0.2)
BACK = tongue(0.37, 0.1, 0.35)

VISEMES = {
    "a": vowel(0.95, 0.2), "ɑ": vowel(1.0, 0.1), "ɒ": vowel(0.85, -0.5), "æ": vowel(0.9, 0.5),
    "ɐ": vowel(0.6, 0.1), "ʌ": vowel(0.65, 0.1), "ə": vowel(0.4, 0.0), "ɜ": vowel(0.4, -0.2),
    "ɝ": vowel(0.35, -0.4), "ɚ": vowel(0.35, -0.4), "ɔ": vowel(0.75, -0.5), "o": vowel(0.5, -0.8),
    "ɛ": vowel(0.65, 0.35), "e": vowel(0.5, 0.6), "ɪ": vowel(0.4, 0.4), "i": vowel(0.3, 0.8),
    "ɨ": vowel(0.3, 0.3), "ᵻ": vowel(0.35, 0.3), "ɯ": vowel(0.3, 0.1), "ɤ": vowel(0.45, 0.0),
    "ʊ": vowel(0.4, -0.6), "ɵ": vowel(0.4, -0.6), "œ": vowel(0.5, -0.6), "ø": vowel(0.35, -0.8),
    "u": Viseme(0.2, -1.0, 0.2, 1.5, 0.08), "y": Viseme(0.2, -0.9, 0.2, 1.5, 0.08),
    "ʏ": Viseme(0.25, -0.7, 0.25, 1.3, 0.08), "ʉ": Viseme(0.2, -0.9, 0.2, 1.5, 0.08),
    "w": ROUNDED, "ʍ": ROUNDED, "ɥ": ROUNDED, "m": CLOSED, "b": CLOSED, "p": CLOSED, "ɓ": CLOSED,
    "f": LIP_ON_TEETH, "v": LIP_ON_TEETH, "ɱ": LIP_ON_TEETH, "ʋ": LIP_ON_TEETH,
    "ɸ": NARROW, "β": NARROW, "s": HISS, "z": HISS, "ɕ": HISS, "ʑ": HISS,
    "ʃ": HUSH, "ʒ": HUSH, "ʂ": HUSH, "ʐ": HUSH, "d": tongue(0.3, 0.2, 0.2), "t": TIP,
    "n": tongue(0.3, 0.2, 0.25), "l": tongue(0.4, 0.1, 0.35), "ɫ": tongue(0.4, 0.0, 0.35),
    "ð": tongue(0.25, 0.1, 0.2), "θ": tongue(0.25, 0.1, 0.2), "ɹ": tongue(0.3, -0.5, 0.3),
    "r": TIP, "ɾ": TIP, "j": tongue(0.3, 0.5, 0.25), "ɲ": tongue(0.3, 0.4, 0.25),
    "h": tongue(0.4, 0.1, 0.4), "k": BACK, "ɡ": BACK, "g": BACK, "ŋ": BACK, "x": BACK, "χ": BACK,
    "ʁ": BACK, "ɣ": BACK, "q": BACK, "ħ": BACK, "ʔ": BACK, "ɦ": BACK,
    "ç": BACK, "c": BACK, "ɟ": BACK, "ɴ": BACK, "ʎ": TIP, "ɭ": TIP, "ɽ": TIP, "ɳ": TIP,
    PAUSE: Viseme(0.03, 0.0, 0.0, 1.0, 0.10),
}  # fmt: skip
UNKNOWN = TIP


def curves(phones: Sequence[Phone], states: int) -> Floats:
    """Return aperture, width and jaw at the times k / 50 s, float32 (states, 3)."""
    visemes = [VISEMES.get(phone.name, UNKNOWN) for phone in phones]
    targets = np.array([(v.aperture, v.width, v.jaw) for v in visemes], np.float32)
    return dominance(phones, states) @ targets


def dominance(phones: Sequence[Phone], states: int) -> Floats:
    """Return each phone's share in the mouth at the times k / 50 s, float32 (states, phones)."""
    time = np.arange(states) / STATE_RATE + LEAD_SECONDS
    start = np.array([phone.start for phone in phones])
    end = np.array([phone.end for phone in phones])
    visemes = [VISEMES.get(phone.name, UNKNOWN) for phone in phones]
    strength = np.array([v.strength for v in visemes])
    reach = np.array([v.reach for v in visemes])
    # Distance to the phone's middle half, within which it has its full strength.
    quarter = (end - start) / 4
    outside = np.maximum(start + quarter - time[:, None], time[:, None] - (end - quarter))
    pull = strength * np.exp(-np.maximum(outside, 0.0) / reach)
    return np.asarray(pull / pull.sum(axis=1, keepdims=True), np.float32)
