"""The engines that one worker keeps loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heygem_daemon.protocol import Load

if TYPE_CHECKING:
    from heygem_daemon.engines.base import Engine

LoadEngine = Callable[[Load], "Engine[Any]"]
ReadStamp = Callable[[Load], object]


@dataclass(frozen=True, slots=True)
class CachedEngine:
    """A loaded engine, and the state that its files were in when it was loaded."""

    engine: "Engine[Any]"
    stamp: object


class EngineCache:
    """Each engine is loaded when a job first wants it, and again once its files have changed."""

    def __init__(self, load: LoadEngine, stamp: ReadStamp) -> None:
        self._load = load
        self._stamp = stamp
        self._engines: dict[str, CachedEngine] = {}

    def get(self, wanted: Load) -> "Engine[Any] | None":
        """The engine if it is loaded as its files are now; else None."""
        stamp = self._stamp(wanted)
        for name, resident in self._engines.items():
            if wanted.engine in (name, resident.engine.name) and resident.stamp == stamp:
                return resident.engine
        return None

    def load(self, wanted: Load) -> "Engine[Any]":
        """Load the engine, in place of what was loaded under its name; raises as loading does."""
        self._engines.pop(wanted.engine, None)
        stamp = self._stamp(wanted)
        engine = self._load(wanted)
        self._engines[wanted.engine] = CachedEngine(engine, stamp)
        return engine
