"""Which engines there are, and how each is loaded."""

from pathlib import Path
from typing import Any

import torch

from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.errors import WeightsUnavailable

ENGINES = ("builtin",)

USUAL_THREADS = 1
"""Compute threads unless configured. The networks are small: measured on two cores, a second
thread spends its time waiting for the first, and on a busy machine both wait for others.
Decoder and encoder use the other cores."""


def load_engine(name: str, weights: Path, device: Device, threads: int = 0) -> Engine[Any]:
    """Load ``name`` ('auto' or one of ``ENGINES``) from the folder ``weights`` onto ``device``.

    ``threads`` sets torch's compute threads on the CPU; 0 takes ``USUAL_THREADS``.
    Raises WeightsUnavailable where the engine is unknown or its files cannot be used.
    """
    torch.set_num_threads(threads or USUAL_THREADS)
    if name not in ("auto", *ENGINES):
        raise WeightsUnavailable(f"there is no engine '{name}'; known: {', '.join(ENGINES)}")
    # Imported on use: an engine's modules cost seconds that only its users should pay.
    from heygem_daemon.engines.builtin.engine import BuiltinEngine  # noqa: PLC0415

    return BuiltinEngine.load(weights, device)
