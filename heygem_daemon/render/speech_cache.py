"""What a worker has lately listened to: one sound for many videos is listened to once."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from heygem_daemon.engines.base import Engine
from heygem_daemon.speech.activity import Curve, LevelMeter
from heygem_daemon.speech.features import Samples

MAX_ENTRIES = 4
MAX_BYTES = 64 << 20
"""At most so much is kept; an hour of sound takes about a third of it with the built-in engine."""


@dataclass(frozen=True, slots=True)
class CachedSpeech:
    """A whole sound: what the engine made of it, and its level in dB of each 20 ms."""

    speech: Any
    level: Curve

    @property
    def size_bytes(self) -> int:
        """The size of its arrays and tensors."""
        return array_bytes(self.speech) + array_bytes(self.level)


class SpeechCache:
    """Listens for the engines of one worker; keeps the sounds that were asked for last."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str, str], CachedSpeech] = OrderedDict()

    def get_or_extract(
        self, engine: Engine[Any], sha256: str, waveform: Iterable[Samples]
    ) -> CachedSpeech:
        """The sound whose file has that hash; ``waveform`` (mono, 16 kHz) is only read where it is
        not known. Another engine, or one of other weights, hears it anew."""
        key = (engine.name, engine.weights_sha256, sha256)
        heard = self._entries.pop(key, None)
        if heard is None:
            meter = LevelMeter()
            speech = engine.extract_features(meter.measure(waveform))
            heard = CachedSpeech(speech, meter.level)
        self._entries[key] = heard
        self._evict()
        return heard

    def _evict(self) -> None:
        while len(self._entries) > MAX_ENTRIES or self._total_bytes() > self._most_bytes:
            self._entries.popitem(last=False)

    def _total_bytes(self) -> int:
        return sum(heard.size_bytes for heard in self._entries.values())


def array_bytes(value: object) -> int:
    """Bytes of the arrays and tensors in a value, which may be a dataclass or a sequence."""
    if isinstance(size := getattr(value, "nbytes", None), int):
        return size
    if is_dataclass(value) and not isinstance(value, type):
        return sum(array_bytes(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, list | tuple):
        return sum(map(array_bytes, value))
    return 0
