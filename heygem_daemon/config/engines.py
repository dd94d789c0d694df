"""The engines there are, as data: settings, the engine registry and the commands read this table.

The supervisor imports it, so it names an engine's code and does not import it.
"""

from dataclasses import dataclass

AUTO = "auto"
"""The choice of the first checkpoint that an engine can use, else of ``FALLBACK_ENGINE``."""
FALLBACK_ENGINE = "builtin"


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What the program knows of an engine before it loads it."""

    title: str
    """The engine's name in sentences: 'the built-in engine', 'a Wav2Lip checkpoint'."""
    loader: str
    """``module:function``, imported by a worker when it loads the engine. The function takes
    ``engines.base.LoadOptions`` and returns an ``engines.base.Engine``; it raises
    WeightsUnavailable where the weights cannot be used."""
    shipped_folder: str | None = None
    """The folder inside the weights folder with the engine's shipped ``*.safetensors``; None: it
    ships none of its own."""
    checkpoint_program: str | None = None
    """The module that examines a user's checkpoint; None: the engine uses no checkpoints of users.

    ``python -m MODULE [--convert TARGET] -- FILE`` prints one JSON object: ``layout`` (the name of
    the network's layout) and ``values`` (how many weights), or ``problem`` (a sentence). With
    ``--convert`` it also writes the weights to ``TARGET`` as safetensors."""


ENGINES: dict[str, EngineSpec] = {
    "builtin": EngineSpec(
        "built-in", "heygem_daemon.engines.builtin.loader:load", shipped_folder="builtin"
    ),
    "wav2lip": EngineSpec(
        "Wav2Lip",
        "heygem_daemon.engines.wav2lip.loader:load",
        checkpoint_program="heygem_daemon.engines.wav2lip.checkpoint_process",
    ),
}
"""Every engine by the name that settings, sidecars and reports use."""


def engine_choices() -> tuple[str, ...]:
    """All values that the setting ``engine`` may have."""
    return (AUTO, *ENGINES)


def checkpoint_programs() -> dict[str, str]:
    """The engines that use checkpoints of users, each with its ``checkpoint_program``."""
    return {
        name: spec.checkpoint_program for name, spec in ENGINES.items() if spec.checkpoint_program
    }


def shipped_folders() -> tuple[str, ...]:
    """The folders inside the weights folder that ship with the program."""
    return tuple(spec.shipped_folder for spec in ENGINES.values() if spec.shipped_folder)


def list_in_words(words: tuple[str, ...]) -> str:
    """'a, b or c'."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
