"""Loads an engine by its name, or the one that suits the checkpoints that are there."""

import gc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from heygem_daemon.config.engines import AUTO, ENGINES, FALLBACK_ENGINE, checkpoint_programs
from heygem_daemon.engines import checkpoints
from heygem_daemon.engines.base import Device, Engine, LoadOptions
from heygem_daemon.errors import WeightsUnavailable


def load_engine(
    name: str,
    weights: Path,
    device: Device,
    cache: Path,
    threads: int = 0,
    own_checkpoints: Path | None = None,
) -> Engine[Any]:
    """Load the engine ``name`` ('auto' or a key of ``ENGINES``) onto ``device``.

    'auto' takes the first checkpoint, by file name, that an engine can use, else the built-in
    engine; what is wrong with the other files is among the engine's warnings. ``weights``,
    ``cache`` and ``threads``: as in ``LoadOptions``; ``own_checkpoints``: the folder of the user's
    checkpoints, None: ``weights``. Raises WeightsUnavailable where there is no such engine or its
    files cannot be used.
    """
    if name != AUTO and name not in ENGINES:
        raise WeightsUnavailable(f"there is no engine '{name}'; known: {', '.join(ENGINES)}")
    is_first = not gc.get_freeze_count()
    gc.unfreeze()
    engine = _load(name, LoadOptions(weights, device, cache, threads, checkpoints=own_checkpoints))
    # Loaded objects stay: walking all of them made each release of closed codecs cost 0.2 s. The
    # imports of the first engine leave no garbage; later there may be an engine that was replaced.
    if not is_first:
        gc.collect()
    gc.freeze()
    return engine


def _load(name: str, options: LoadOptions) -> Engine[Any]:
    if name != AUTO and name not in checkpoint_programs():
        return _call_loader(name, options)
    names = list(checkpoint_programs()) if name == AUTO else [name]
    candidates = checkpoints.find_checkpoints(options.checkpoint_folder)
    problems = [
        checkpoints.describe_unsupported_file(path)
        for path in checkpoints.find_unsupported_files(options.checkpoint_folder)
    ]
    for number, checkpoint in enumerate(candidates):
        try:
            engine = _load_checkpoint(names, replace(options, checkpoint=checkpoint))
        except WeightsUnavailable as error:
            problems.append(str(error))
        else:
            engine.warnings = (*problems, *_unused(checkpoint, candidates[number + 1 :]))
            return engine
    if name != AUTO:
        raise WeightsUnavailable(" ".join(problems) or _no_checkpoint_message(name, options))
    engine = _call_loader(FALLBACK_ENGINE, options)
    title = ENGINES[FALLBACK_ENGINE].title
    engine.warnings = tuple(f"{problem} The {title} engine is used." for problem in problems)
    return engine


def _load_checkpoint(names: Iterable[str], options: LoadOptions) -> Engine[Any]:
    """The first of the engines ``names`` that can use ``options.checkpoint``.

    Raises WeightsUnavailable, with what each of them found, where none can.
    """
    problems = []
    for name in names:
        try:
            return _call_loader(name, options)
        except WeightsUnavailable as error:
            problems.append(str(error))
    raise WeightsUnavailable(" ".join(problems))


def _call_loader(name: str, options: LoadOptions) -> Engine[Any]:
    """Import the engine's loader and call it. The import comes this late because an engine's
    modules take seconds to import, which only its users should pay."""
    engine: Engine[Any] = resolve_name(ENGINES[name].loader)(options)
    return engine


def _unused(used: Path, others: list[Path]) -> tuple[str, ...]:
    if not others:
        return ()
    names = ", ".join(path.name for path in others)
    return (f"Of several checkpoints {used.name} is used, the first by name; not used: {names}.",)


def _no_checkpoint_message(name: str, options: LoadOptions) -> str:
    return (
        f"There is no checkpoint in {options.checkpoint_folder}: put a {ENGINES[name].title} "
        f"checkpoint there (.pth or .safetensors), or choose the engine '{FALLBACK_ENGINE}'."
    )
