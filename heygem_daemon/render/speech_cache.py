"""What a worker has lately listened to: one sound for many videos is listened to once."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from heygem_daemon.engines.base import Engine
from heygem_daemon.speech.activity import Curve, LevelMeter
from heygem_daemon.speech.features import Samples

KEPT_SOUNDS = 4
KEPT_BYTES = 64 << 20
"""At most so much is kept; an hour of sound takes about a third of it with the built-in engine."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A whole sound: what the engine made of it, and its level in dB of each 20 ms."""

    speech: Any
    level: Curve

    @property
    def bytes(self) -> int:
        """The size of its arrays and tensors."""
        return size_of(self.speech) + size_of(self.level)


class Hearing:
    """Listens for the engines of one worker; keeps the sounds that were asked for last."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._known: OrderedDict[tuple[str, str, str], Heard] = OrderedDict()

    def listen(self, engine: Engine[Any], sha256: str, waveform: Iterable[Samples]) -> Heard:
        """The sound whose file has that hash; ``waveform`` (mono, 16 kHz) is only read where it is
        not known. Another engine, or one of other weights, hears it anew."""
        key = (engine.name, engine.weights_sha256, sha256)
        heard = self._known.pop(key, None)
        if heard is None:
            meter = LevelMeter()
            speech = engine.listen(meter.heard(waveform))
            heard = Heard(speech, meter.level)
        self._known[key] = heard
        self._forget()
        return heard

    def _forget(self) -> None:
        while len(self._known) > KEPT_SOUNDS or self._bytes() > self._most_bytes:
            self._known.popitem(last=False)

    def _bytes(self) -> int:
        return sum(heard.bytes for heard in self._known.values())


def size_of(value: object) -> int:
    """Bytes of the arrays and tensors in a value, which may be a dataclass or a sequence."""
    if isinstance(size := getattr(value, "nbytes", None), int):
        return size
    if is_dataclass(value) and not isinstance(value, type):
        return sum(size_of(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, list | tuple):
        return sum(map(size_of, value))
    return 0
