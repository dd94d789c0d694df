"""Loads the Wav2Lip engine for the registry, with the compute threads that suit it."""

import os

import torch

from heygem_daemon.engines.base import LoadOptions
from heygem_daemon.engines.wav2lip.engine import Wav2LipEngine

NON_GENERATOR_THREADS = 1
"""Compute threads on the CPU of everything but the generator, which starts threads of its own and
keeps all cores busy. The other networks are small: measured on two cores, a second thread spends
its time waiting for the first."""


def load(options: LoadOptions) -> Wav2LipEngine:
    """Load the engine with ``options.checkpoint``.

    Raises WeightsUnavailable where the checkpoint or the shipped weights cannot be used.
    """
    assert options.checkpoint is not None
    # The generator takes over this number of threads when it is loaded.
    torch.set_num_threads(options.threads or len(os.sched_getaffinity(0)))
    engine = Wav2LipEngine.load(options.checkpoint, options.weights, options.device, options.cache)
    engine.threads = NON_GENERATOR_THREADS
    torch.set_num_threads(engine.threads)
    return engine
