"""A person who speaks, made up: sound and mouth of which everything is known."""

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
    """Random curves (count, columns) of mean 0 and deviation 1 that move as quickly as speech."""
    noise = np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)
    curves = low_pass(noise, 3.0)
    return np.asarray((curves - curves.mean(axis=0)) / curves.std(axis=0), np.float32)


def speech_of(seconds: float, seed: int) -> Speech:
    """Somebody speaks all the time; the hidden states know nothing of the scores."""
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
    """Times (T,) of the pictures, and the mouth (T, 4) that moves with the curves of a sound that
    comes ``late`` seconds after it."""
    seconds = np.arange(int(len(curves) / 50 * FPS), dtype=np.float32) / np.float32(FPS)
    return seconds, REST + SPREAD * interpolate_at(curves, seconds + late)
