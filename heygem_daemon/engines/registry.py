"""Which engines there are, and how each is loaded."""

import gc
import os
from pathlib import Path
from typing import Any

import torch

from heygem_daemon.engines import checkpoints
from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.errors import WeightsUnavailable

AUTO = "auto"
BUILTIN = "builtin"
WAV2LIP = "wav2lip"
ENGINE_NAMES = (BUILTIN, WAV2LIP)

BUILTIN_THREADS = NON_GENERATOR_THREADS = 1
"""Compute threads of the built-in engine unless configured, and of all that is around the other
one's generator. The networks are small: measured on two cores, a second thread spends its time
waiting for the first, and on a busy machine both wait for others. Decoder and encoder use the
other cores."""


def load_engine(
    name: str, weights: Path, device: Device, cache: Path, threads: int = 0
) -> Engine[Any]:
    """Load ``name`` ('auto' or one of ``ENGINES``) from the folder ``weights`` onto ``device``.

    'auto' takes the first checkpoint of a user's that is valid, by name, else the built-in engine;
    what was wrong with others is among the engine's warnings. ``cache``: a folder for what was
    measured about the device. ``threads`` sets torch's compute threads on the CPU; 0 takes what
    suits the engine. Raises WeightsUnavailable where the engine is unknown or its files cannot be
    used.
    """
    if name not in (AUTO, *ENGINE_NAMES):
        raise WeightsUnavailable(f"there is no engine '{name}'; known: {', '.join(ENGINE_NAMES)}")
    gc.unfreeze()
    engine = _loaded(name, weights, device, cache, threads)
    # What is resident stays: walking all of it made each release of closed codecs cost 0.2 s.
    gc.collect()
    gc.freeze()
    return engine


def _loaded(name: str, weights: Path, device: Device, cache: Path, threads: int) -> Engine[Any]:
    if name == BUILTIN:
        return _builtin(weights, device, threads)
    candidates = checkpoints.find_checkpoints(weights)
    problems = [
        checkpoints.describe_unsupported_file(path)
        for path in checkpoints.find_unsupported_files(weights)
    ]
    for number, checkpoint in enumerate(candidates):
        try:
            engine = _wav2lip(checkpoint, weights, device, cache, threads)
        except WeightsUnavailable as error:
            problems.append(str(error))
        else:
            engine.warnings = (*problems, *_unused(checkpoint, candidates[number + 1 :]))
            return engine
    if name == WAV2LIP:
        raise WeightsUnavailable(" ".join(problems) or _no_checkpoint_message(weights))
    engine = _builtin(weights, device, threads)
    engine.warnings = tuple(f"{problem} The built-in engine is used." for problem in problems)
    return engine


def _builtin(weights: Path, device: Device, threads: int) -> Engine[Any]:
    # Imported on use: an engine's modules cost seconds that only its users should pay.
    from heygem_daemon.engines.builtin.engine import BuiltinEngine  # noqa: PLC0415

    count = threads or BUILTIN_THREADS
    torch.set_num_threads(count)
    engine = BuiltinEngine.load(weights, device)
    engine.threads = count
    return engine


def _wav2lip(
    checkpoint: Path, weights: Path, device: Device, cache: Path, threads: int
) -> Engine[Any]:
    from heygem_daemon.engines.wav2lip.engine import Wav2LipEngine  # noqa: PLC0415

    # Its network keeps all cores busy, with threads of its own; what is around it is as small
    # as in the other engine.
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
    engine = Wav2LipEngine.load(checkpoint, weights, device, cache)
    engine.threads = NON_GENERATOR_THREADS
    torch.set_num_threads(engine.threads)
    return engine


def _unused(used: Path, others: list[Path]) -> tuple[str, ...]:
    if not others:
        return ()
    names = ", ".join(path.name for path in others)
    return (f"Of several checkpoints {used.name} is used, the first by name; not used: {names}.",)


def _no_checkpoint_message(weights: Path) -> str:
    return (
        f"There is no checkpoint in {weights}: put a Wav2Lip checkpoint there (.pth or "
        ".safetensors), or choose the engine 'builtin'."
    )
