"""Sentences in many languages and voices, spoken by the library espeak-ng, with their phones.

Interface: ``speak_lib.h`` of espeak-ng 1.51. The library keeps one voice for the whole process.
"""

import ctypes
import unicodedata
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.speech import torchaudio_pure
from heygem_daemon.speech.features import SAMPLE_RATE
from training.phones import PAUSE, Phone, Spoken, single
from training.texts import WORDS, sentence_in
from training.visemes import VISEMES

Floats = NDArray[np.float32]

LIBRARY = "libespeak-ng.so.1"
RATE = 22_050
VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m7", "+Alicia",
    "+Andrea", "+Annie", "+Denis", "+Henrique", "+Hugo", "+Mario", "+Michael", "+Lee",
    "+belinda", "+linda", "+steph", "+antonio", "+grandma", "+max", "+quincy", "+zac")  # fmt: skip

_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _DONT_EXIT = 2, 0x1, 0x2, 0x8000
_CHARACTERS, _UTF8 = 1, 1
_SPEED, _PITCH, _PITCH_RANGE = 1, 3, 4
_LAST, _PHONEME = 0, 7

STOPS = frozenset(("p", "t", "k", "q", "c", "ʈ", "ʔ"))
"""Phones before whose burst nothing is heard; espeak-ng counts that silence to the phone before."""
SILENT = 10.0
"""Root mean square of 10 ms, in steps of 16 bits, below which nothing is heard."""
SHORTEST_PAUSE = 0.04
STEP = RATE / 100


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("text_position", ctypes.c_int),
        ("length", ctypes.c_int), ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p), ("id", _Id),
    )  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library, ready to speak."""

    def __init__(self) -> None:
        """Raises OSError where the library is not installed."""
        self._library = ctypes.CDLL(LIBRARY)
        options = _PHONEME_EVENTS | _IPA | _DONT_EXIT
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, options) != RATE:
            raise OSError(f"{LIBRARY} cannot be used: its voices are missing, or of another rate")

    def sentences(self, count: int, rng: np.random.Generator) -> Iterator[Spoken]:
        """``count`` sentences, all languages in turn, in random voices, speeds and pitches."""
        languages = list(WORDS)
        for number in range(count):
            language = languages[number % len(languages)]
            voice = language + str(rng.choice(VARIANTS))
            text = sentence_in(language, rng)
            yield self.speak(text, voice, int(rng.integers(130, 210)), int(rng.integers(25, 75)))

    def speak(self, text: str, voice: str, speed: int = 170, pitch: int = 50) -> Spoken:
        """Have ``voice`` say ``text``; ``speed`` in words a minute, ``pitch`` 0 … 99.

        Raises ValueError for an unknown voice.
        """
        parts: list[NDArray[np.int16]] = []
        events: list[tuple[str, float]] = []

        def take(
            sound: "ctypes._Pointer[ctypes.c_short]", count: int, event: "ctypes._Pointer[_Event]"
        ) -> int:
            if count > 0:
                parts.append(np.ctypeslib.as_array(sound, (count,)).copy())
            for number in range(1 << 16):
                if event[number].type == _LAST:
                    break
                if event[number].type == _PHONEME:
                    name = event[number].id.string.decode("utf-8", "ignore")
                    events.append((name, event[number].audio_ms / 1000))
            return 0

        callback = _Callback(take)
        self._library.espeak_SetSynthCallback(callback)
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice '{voice}'")
        for parameter, value in ((_SPEED, speed), (_PITCH, pitch), (_PITCH_RANGE, 50)):
            self._library.espeak_SetParameter(parameter, value, 0)
        said = text.encode()
        self._library.espeak_Synth(said, len(said) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        samples = np.concatenate(parts)
        return Spoken(_at_16_khz(samples), tuple(single(phones(events, samples), VISEMES)))


def phones(events: list[tuple[str, float]], samples: NDArray[np.int16]) -> Iterator[Phone]:
    """Phones from the events' names and starts; silence goes to a stop after it, or is a pause."""
    steps = np.arange(0, len(samples), STEP).astype(np.intp)
    heard = np.add.reduceat(np.square(samples, dtype=np.float64), steps) > STEP * SILENT**2
    starts = [begins for _, begins in events]
    begins = starts[0]
    for number, (name, ends) in enumerate(
        zip([name for name, _ in events], [*starts[1:], len(samples) / RATE], strict=True)
    ):
        follower = events[number + 1][0] if number + 1 < len(events) else ""
        end = _sounding_until(heard, begins, ends)
        if follower[:1] not in STOPS and ends - end < SHORTEST_PAUSE:
            end = ends
        if end > begins:
            yield Phone(unicodedata.normalize("NFD", name) or PAUSE, begins, end)
        if end < ends and follower[:1] not in STOPS:
            yield Phone(PAUSE, end, ends)
            end = ends
        begins = end


def _sounding_until(heard: NDArray[np.bool_], start: float, end: float) -> float:
    """The end of what is heard from ``start`` to ``end``, in seconds; ``start`` if nothing is."""
    first, last = round(start * 100), round(end * 100)
    sounding = np.flatnonzero(heard[first:last])
    return min(end, (first + int(sounding[-1]) + 1) / 100) if len(sounding) else start


def _at_16_khz(samples: NDArray[np.int16]) -> Floats:
    sound = torch.from_numpy(samples.astype(np.float32) / np.float32(32_768))
    resampled: torch.Tensor = torchaudio_pure.import_functional().resample(sound, RATE, SAMPLE_RATE)
    return resampled.numpy()
