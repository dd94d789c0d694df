"""Keep the features of the last sounds, so that one sound for many videos is analysed once."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from heygem_daemon.engines.base import Engine
from heygem_daemon.speech.activity import Curve, LevelMeter
from heygem_daemon.speech.features import Samples

MAX_ENTRIES = 4
MAX_BYTES = 64 << 20
"""Most that is kept. An hour of sound takes about a third of it with the built-in engine."""


@dataclass(frozen=True, slots=True)
class CachedSpeech:
    """What is kept of a sound."""

    speech: Any
    """The engine's features."""
    level: Curve
    """Float32 (N,): dB of full scale of each 20 ms."""

    @property
    def size_bytes(self) -> int:
        """Size of its arrays and tensors."""
        return array_bytes(self.speech) + array_bytes(self.level)


class SpeechCache:
    """The least recently used sounds leave it first. One for each worker."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str, str], CachedSpeech] = OrderedDict()

    def get_or_extract(
        self,
        engine: Engine[Any],
        sha256: str,
        waveform: Iterable[Samples],
        is_proven: Callable[[], bool] = lambda: True,
    ) -> CachedSpeech:
        """Return the sound whose file has this hash, from the cache or analysed now.

        ``waveform``: blocks of float32, mono, 16 kHz, read only if the sound is not cached. Entries
        are separate for each engine and its weights. What is analysed now is kept only if
        ``is_proven()`` then says that the file is still what was hashed: a program that opened it
        before it was claimed may still write into it.
        """
        key = (engine.name, engine.weights_sha256, sha256)
        entry = self._entries.pop(key, None)
        if entry is None:
            meter = LevelMeter()
            speech = engine.extract_features(meter.measure(waveform))
            entry = CachedSpeech(speech, meter.level)
            if not is_proven():
                return entry
        self._entries[key] = entry
        self._evict()
        return entry

    def _evict(self) -> None:
        while len(self._entries) > MAX_ENTRIES or self._total_bytes() > self._max_bytes:
            self._entries.popitem(last=False)

    def _total_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self._entries.values())


def array_bytes(value: object) -> int:
    """Return the bytes of the arrays and tensors in a value, also in dataclasses and lists."""
    if isinstance(size := getattr(value, "nbytes", None), int):
        return size
    if is_dataclass(value) and not isinstance(value, type):
        return sum(array_bytes(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, list | tuple):
        return sum(map(array_bytes, value))
    return 0
