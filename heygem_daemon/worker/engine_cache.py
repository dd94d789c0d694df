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
    """Engines by name, each loaded when a job first needs it, and again when its files change."""

    def __init__(self, load: LoadEngine, stamp: ReadStamp) -> None:
        self._load = load
        self._stamp = stamp
        self._engines: dict[str, CachedEngine] = {}

    def get(self, load: Load) -> "Engine[Any] | None":
        """Return the engine if it is loaded from its files as they are now, else None."""
        stamp = self._stamp(load)
        for name, cached in self._engines.items():
            if load.engine in (name, cached.engine.name) and cached.stamp == stamp:
                return cached.engine
        return None

    def load(self, load: Load) -> "Engine[Any]":
        """Load the engine and replace an earlier one of its name. Raises what loading raises."""
        self._engines.pop(load.engine, None)
        stamp = self._stamp(load)
        engine = self._load(load)
        self._engines[load.engine] = CachedEngine(engine, stamp)
        return engine
