"""Sentences in many languages and voices, spoken by the library espeak-ng, with their phones.

Interface: ``speak_lib.h`` of espeak-ng 1.51. The library holds one voice for the whole process.
"""

import ctypes
import unicodedata
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.speech import torchaudio_pure
from heygem_daemon.speech.features import SAMPLE_RATE
from training.phones import PAUSE, Phone, Spoken, split_phones
from training.texts import WORDS, sentence_in
from training.visemes import VISEMES

Floats = NDArray[np.float32]

LIBRARY = "libespeak-ng.so.1"
RATE = 22_050
"""Sample rate of the library, Hz."""
VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m7", "+Alicia",
    "+Andrea", "+Annie", "+Denis", "+Henrique", "+Hugo", "+Mario", "+Michael", "+Lee",
    "+belinda", "+linda", "+steph", "+antonio", "+grandma", "+max", "+quincy", "+zac")  # fmt: skip

_SYNCHRONOUS, _PHONEME_EVENTS, _IPA, _DONT_EXIT = 2, 0x1, 0x2, 0x8000
_CHARACTERS, _UTF8 = 1, 1
_SPEED, _PITCH, _PITCH_RANGE = 1, 3, 4
_LAST, _PHONEME = 0, 7

STOPS = frozenset(("p", "t", "k", "q", "c", "ʈ", "ʔ"))
"""Phones with silence before their burst, which espeak-ng assigns to the phone before."""
SILENT = 10.0
"""Root mean square of 10 ms, in 16-bit steps, below which nothing is audible."""
SHORTEST_PAUSE = 0.04
"""Shorter silence belongs to the phone before it, seconds."""
STEP = RATE / 100
"""Samples in 10 ms."""


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
    """The initialized library."""

    def __init__(self) -> None:
        """Raises OSError if the library is not installed."""
        self._library = ctypes.CDLL(LIBRARY)
        options = _PHONEME_EVENTS | _IPA | _DONT_EXIT
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, options) != RATE:
            raise OSError(f"{LIBRARY} cannot be used: its voices are missing, or of another rate")

    def sentences(self, count: int, rng: np.random.Generator) -> Iterator[Spoken]:
        """Yield ``count`` sentences: all languages in turn, in random voices and speeds."""
        languages = list(WORDS)
        for number in range(count):
            language = languages[number % len(languages)]
            voice = language + str(rng.choice(VARIANTS))
            text = sentence_in(language, rng)
            yield self.speak(text, voice, int(rng.integers(130, 210)), int(rng.integers(25, 75)))

    def speak(self, text: str, voice: str, speed: int = 170, pitch: int = 50) -> Spoken:
        """Return ``text``, spoken by ``voice``.

        ``speed``: words per minute; ``pitch``: 0 to 99. Raises ValueError for an unknown voice.
        """
        parts: list[NDArray[np.int16]] = []
        events: list[tuple[str, float]] = []

        def receive(
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

        callback = _Callback(receive)
        self._library.espeak_SetSynthCallback(callback)
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice '{voice}'")
        for parameter, value in ((_SPEED, speed), (_PITCH, pitch), (_PITCH_RANGE, 50)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
        samples = np.concatenate(parts)
        return Spoken(_at_16_khz(samples), tuple(split_phones(phones(events, samples), VISEMES)))


def phones(events: list[tuple[str, float]], samples: NDArray[np.int16]) -> Iterator[Phone]:
    """Yield phones from the events' names and starts.

    Silence before a stop belongs to the stop; other silence is a pause.
    """
    steps = np.arange(0, len(samples), STEP).astype(np.intp)
    audible = np.add.reduceat(np.square(samples, dtype=np.float64), steps) > STEP * SILENT**2
    starts = [begins for _, begins in events]
    begins = starts[0]
    for number, (name, ends) in enumerate(
        zip([name for name, _ in events], [*starts[1:], len(samples) / RATE], strict=True)
    ):
        follower = events[number + 1][0] if number + 1 < len(events) else ""
        end = _audible_until(audible, begins, ends)
        if follower[:1] not in STOPS and ends - end < SHORTEST_PAUSE:
            end = ends
        if end > begins:
            yield Phone(unicodedata.normalize("NFD", name) or PAUSE, begins, end)
        if end < ends and follower[:1] not in STOPS:
            yield Phone(PAUSE, end, ends)
            end = ends
        begins = end


def _audible_until(audible: NDArray[np.bool_], start: float, end: float) -> float:
    """Return when audible sound between ``start`` and ``end`` ends, in seconds.

    ``start`` if nothing is audible.
    """
    first, last = round(start * 100), round(end * 100)
    steps = np.flatnonzero(audible[first:last])
    return min(end, (first + int(steps[-1]) + 1) / 100) if len(steps) else start


def _at_16_khz(samples: NDArray[np.int16]) -> Floats:
    sound = torch.from_numpy(samples.astype(np.float32) / np.float32(32_768))
    resampled: torch.Tensor = torchaudio_pure.import_functional().resample(sound, RATE, SAMPLE_RATE)
    return resampled.numpy()
