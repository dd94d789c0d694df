"""A synthetic speaker: audio and a mouth whose relation is known."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.heads import COMPONENTS
from heygem_daemon.engines.builtin.audio.listening import Speech
from heygem_daemon.engines.builtin.targets.temporal_filters import interpolate_at, low_pass

Floats = NDArray[np.float32]

FPS = 25.0
REST = np.array([0.08, 0.58, 0.8, 0.18], np.float32)
SPREAD = np.array([0.05, 0.03, 0.025, 0.004], np.float32)


def syllables(count: int, columns: int, seed: int) -> Floats:
    """Return random curves (count, columns) of mean 0 and deviation 1, as fast as speech."""
    noise = np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)
    curves = low_pass(noise, 3.0)
    return np.asarray((curves - curves.mean(axis=0)) / curves.std(axis=0), np.float32)


def speech_of(seconds: float, seed: int) -> Speech:
    """Return speech without a pause; its hidden states are unrelated to its scores."""
    count = round(seconds * 50)
    return Speech(
        scores=syllables(count, 4, seed),
        activity=np.ones(count, np.float32),
        closed=np.zeros(count, np.float32),
        hidden=(3 * syllables(count, COMPONENTS, seed + 1)).astype(np.float16),
        seconds=Fraction(count, 50),
        silent=False,
    )


def mouth_of(curves: Floats, late: float = 0.0) -> tuple[Floats, Floats]:
    """Return the times (T,) of the pictures and the mouth (T, 4) that moves with ``curves``.

    The curves are those of audio that comes ``late`` seconds after the mouth.
    """
    seconds = np.arange(int(len(curves) / 50 * FPS), dtype=np.float32) / np.float32(FPS)
    return seconds, REST + SPREAD * interpolate_at(curves, seconds + late)
