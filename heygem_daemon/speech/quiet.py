"""Where a sound is silent, told from its level alone, whatever an engine makes of it."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.activity import DROP_DB, SILENCE_DB, Curve, is_silent, levels, loudness
from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES, Samples

LEAST_SECONDS = 0.3
"""Shorter silences belong to speech: the closure of a 'p', the gap between two words."""
MARGIN_SECONDS = 0.1
"""At either end of a silence lips still close, or open already for the next word."""


class LevelMeter:
    """Passes the blocks of a sound on and keeps the level of every 20 ms: 4 bytes each."""

    def __init__(self) -> None:
        self._levels: list[Curve] = []
        self._rest: Samples = np.zeros(0, np.float32)

    def heard(self, waveform: Iterable[Samples]) -> Iterator[Samples]:
        """The blocks of ``waveform``, mono at 16 kHz, as they are."""
        for block in waveform:
            samples = np.concatenate([self._rest, block])
            whole = len(samples) // STATE_SAMPLES * STATE_SAMPLES
            self._levels.append(levels(samples[:whole]))
            self._rest = samples[whole:]
            yield block

    @property
    def level(self) -> Curve:
        """Level in dB of full scale of each whole 20 ms heard so far, float32 (N,)."""
        return np.concatenate([np.zeros(0, np.float32), *self._levels])


def silent_states(level: Curve) -> NDArray[np.bool_]:
    """Which 20 ms lie in a silence of more than 0.3 s, its first and last 0.1 s left out; (N,).

    Silent is what lies 30 dB below loud speech. The beginning and the end of the sound need no
    margin there.
    """
    quiet = np.ones(len(level), np.bool_)
    if not is_silent(level):
        quiet = level <= max(loudness(level) - DROP_DB, SILENCE_DB)
    margin = round(MARGIN_SECONDS * STATE_RATE)
    result = np.zeros(len(level), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start > LEAST_SECONDS * STATE_RATE:
            first = start + margin if start > 0 else start
            last = stop - margin if stop < len(level) else stop
            result[first:last] = True
    return result


def silent_frames(level: Curve, frames: int, fps: float) -> NDArray[np.bool_]:
    """``silent_states`` at the times i / ``fps`` of output frames; False beyond the sound."""
    states = silent_states(level)
    places = np.floor(np.arange(frames) * (STATE_RATE / fps) + 1e-6).astype(np.int64)
    known = places < len(states)
    result = np.zeros(frames, np.bool_)
    result[known] = states[places[known]]
    return result
