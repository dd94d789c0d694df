"""Loads the built-in engine for the registry, with the compute threads that suit it."""

import torch

from heygem_daemon.engines.base import LoadOptions
from heygem_daemon.engines.builtin.engine import BuiltinEngine

THREADS = 1
"""Compute threads on the CPU unless configured. The networks are small: measured on two cores, a
second thread spends its time waiting for the first, and on a busy machine both wait for others.
Decoder and encoder use the other cores."""


def load(options: LoadOptions) -> BuiltinEngine:
    """Load the engine. Raises WeightsUnavailable where a file of its weights cannot be used."""
    threads = options.threads or THREADS
    torch.set_num_threads(threads)
    engine = BuiltinEngine.load(options.weights, options.device)
    engine.threads = threads
    return engine
