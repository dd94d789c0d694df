"""Random sentences without meaning, spoken by flite, with the times of their phones."""

import subprocess
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.phones import PAUSE, Phone, Spoken, split_phones
from training.visemes import VISEMES

Floats = NDArray[np.float32]

VOICES = ("slt", "rms", "awb", "kal16")

OPENINGS = (
    "the", "my", "every", "some", "our", "this", "that old", "a very", "no other", "both of the",
)  # fmt: skip
THINGS = (
    "boy", "mother", "papa", "puppy", "baby", "map", "pump", "moon", "window", "flower", "thumb",
    "village", "shadow", "measure", "church", "judge", "yellow house", "owl", "oil lamp", "apple",
    "elephant", "bubble", "problem", "morning", "farmer", "voice", "beach", "fish", "garage", "jam",
    "wheel", "question", "woman", "king", "song", "finger", "hammer", "coffee", "sofa", "umbrella",
    "boot", "book", "ship", "sheep", "bird", "nurse", "father", "water", "weather", "bath", "youth",
    "ocean", "idea", "area", "video", "computer", "number", "five pounds", "photograph", "mouth",
    "vision", "treasure", "picture", "bridge", "fabric", "museum", "problem", "opinion", "memory",
)  # fmt: skip
DEEDS = (
    "moved", "opened", "makes", "beats", "finds", "will buy", "wants", "pushed", "pulled",
    "gave up", "washes", "chose", "enjoys", "was above", "fell below", "stopped by",
    "may have seen", "thought of", "laughed about", "showed", "remembers", "would have missed",
    "often improves", "simply became", "keeps", "heard", "wrote about", "played with", "looks for",
    "might break", "believes in",
)  # fmt: skip
ENDINGS = (
    "", "", "before breakfast", "at home", "in June", "very early", "for a while",
    "again and again", "by the river", "because of you", "at half past five", "with both hands",
    "maybe tomorrow", "on the roof", "as usual", "from Rome to Vienna", "without a sound",
    "for my family",
)  # fmt: skip


IPA = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ",
    "eh": "ɛ", "er": "ɝ", "ey": "eɪ", "ih": "ɪ", "iy": "i", "ow": "oʊ", "oy": "ɔɪ", "uh": "ʊ",
    "uw": "u", "sh": "ʃ", "zh": "ʒ", "ch": "tʃ", "jh": "dʒ", "dh": "ð", "th": "θ", "r": "ɹ",
    "y": "j", "hh": "h", "ng": "ŋ", "pau": PAUSE,
}  # fmt: skip
"""flite's names of phones that differ from the IPA."""


def sentence(rng: np.random.Generator) -> str:
    """Return a roughly grammatical sentence without meaning that has many lip sounds."""
    words = [rng.choice(part) for part in (OPENINGS, THINGS, DEEDS, OPENINGS, THINGS, ENDINGS)]
    return " ".join(str(word) for word in words if word) + "."


def sentences(count: int, rng: np.random.Generator) -> Iterator[Spoken]:
    """Yield ``count`` sentences by all voices in turn, at varying speed."""
    for number in range(count):
        stretch = round(float(rng.uniform(0.85, 1.2)), 2)
        yield speak(sentence(rng), VOICES[number % len(VOICES)], stretch)


def speak(text: str, voice: str, stretch: float) -> Spoken:
    """Return ``text`` spoken by flite; ``stretch`` above 1 is slower. Needs the program flite."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "spoken.wav"
        command = [
            "flite", "-voice", voice, "--setf", f"duration_stretch={stretch}",
            "-t", text, "-psdur", "-o", str(target),
        ]  # fmt: skip
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        with wave.open(str(target)) as sound:
            if sound.getframerate() != 16_000:
                raise ValueError(f"flite's voice {voice} does not speak at 16 kHz")
            samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    return Spoken(
        samples.astype(np.float32) / np.float32(32_768),
        tuple(split_phones(phones(output), VISEMES)),
    )


def phones(output: str) -> Iterator[Phone]:
    """Yield the phones of flite's ``-psdur`` output: words of the form name:end."""
    start = 0.0
    for word in output.split():
        name, _, end = word.partition(":")
        yield Phone(IPA.get(name, name), start, float(end))
        start = float(end)
