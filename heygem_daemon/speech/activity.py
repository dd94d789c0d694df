"""Detect speech and silence in a sound.

Speech is detected from the level over time and from the probability of a voice; silence from the
level alone, so that it does not depend on an engine.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import STATE_RATE, STATE_SAMPLES, Samples

Curve = NDArray[np.float32]

SILENCE_DB = -65.0
"""A sound whose loud parts stay below this (dB of full scale) counts as silent."""
SPREAD_DB = 40.0
"""Levels further than this below the peak are pauses, and do not count for the loudness."""
DROP_DB = 30.0
"""Speech continues where the level is at most this far below that of loud speech."""
DILATION_SECONDS = 0.25
"""How far loud parts are extended to both sides."""
SMOOTHING_SECONDS = 0.06
"""Standard deviation of the smoothing of loud parts."""
VOICE_SECONDS = 0.4
"""Time constant (standard deviation) over which the voice probability is averaged."""
MIN_SILENCE_SECONDS = 0.3
"""Shorter silences belong to speech: the closure of a 'p', the gap between two words."""
SILENCE_MARGIN_SECONDS = 0.1
"""Left out at both ends of a silence, where lips still close or already open."""


def levels(samples: Samples) -> Curve:
    """Return the level of each 20 ms in dB of full scale (a square wave of ±1 is 0), at least -120.

    ``samples``: float32 (n x STATE_SAMPLES,), -1 … 1. Returns float32 (n,).
    """
    power = np.square(samples.reshape(-1, STATE_SAMPLES), dtype=np.float64).mean(axis=1)
    decibels: Curve = (10.0 * np.log10(np.maximum(power, 1e-12))).astype(np.float32)
    return decibels


def loudness(level: Curve) -> float:
    """Return the level of the loud parts in dB: the 95th percentile without the pauses.

    -120 for an empty sound.
    """
    if not len(level):
        return -120.0
    return float(np.percentile(level[level >= level.max() - SPREAD_DB], 95))


def is_silent(level: Curve) -> bool:
    """Whether a sound with these levels (N,) is inaudible."""
    return loudness(level) < SILENCE_DB


def speech_activity(level: Curve, voice: Curve) -> Curve:
    """Return how much the mouth should move, 0 (closed) … 1 (speaking); float32 (N,).

    ``level``: dB (N,) as from ``levels``; ``voice``: probability (N,) that a state is speech
    rather than music or noise. A pause shorter than twice the dilation does not interrupt.
    """
    if is_silent(level):
        return np.zeros(len(level), np.float32)
    loud = level > max(loudness(level) - DROP_DB, SILENCE_DB)
    reach = round(DILATION_SECONDS * STATE_RATE)
    sounding = smoothed(dilated(loud, reach).astype(np.float32), SMOOTHING_SECONDS)
    # Below 0.35 a smoothed probability is noise or music; from 0.65 on it is speech.
    spoken = np.clip((smoothed(voice, VOICE_SECONDS) - 0.35) / 0.3, 0.0, 1.0)
    active: Curve = (sounding * spoken).astype(np.float32)
    return active


def dilated(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return bool (N,): whether any state at most ``reach`` states away is set."""
    counts = np.convolve(mask, np.ones(2 * reach + 1, np.float32), mode="full")
    result: NDArray[np.bool_] = counts[reach : reach + len(mask)] > 0.5
    return result


def smoothed(curve: Curve, seconds: float) -> Curve:
    """Return ``curve`` (N,) smoothed by a Gaussian with this standard deviation.

    The curve is continued by its first and last value.
    """
    if not len(curve):
        return curve
    deviation = seconds * STATE_RATE
    reach = int(np.ceil(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    held = np.pad(curve, reach, mode="edge")
    return np.convolve(held, kernel / kernel.sum(), mode="valid").astype(np.float32)


class LevelMeter:
    """Passes the blocks of a sound on and keeps the level of every 20 ms: 4 bytes each."""

    def __init__(self) -> None:
        self._levels: list[Curve] = []
        self._rest: Samples = np.zeros(0, np.float32)

    def measure(self, waveform: Iterable[Samples]) -> Iterator[Samples]:
        """Yield the blocks of ``waveform``, mono at 16 kHz, unchanged, and measure them."""
        for block in waveform:
            samples = np.concatenate([self._rest, block])
            whole = len(samples) // STATE_SAMPLES * STATE_SAMPLES
            self._levels.append(levels(samples[:whole]))
            self._rest = samples[whole:]
            yield block

    @property
    def level(self) -> Curve:
        """Level in dB of full scale of each complete 20 ms so far, float32 (N,)."""
        return np.concatenate([np.zeros(0, np.float32), *self._levels])


def silent_states(level: Curve) -> NDArray[np.bool_]:
    """Return bool (N,): which 20 ms lie in a silence of more than 0.3 s, without its margins.

    Silent is what is 30 dB below loud speech. The margins are the first and the last 0.1 s, except
    at the beginning and the end of the sound.
    """
    quiet = np.ones(len(level), np.bool_)
    if not is_silent(level):
        quiet = level <= max(loudness(level) - DROP_DB, SILENCE_DB)
    margin = round(SILENCE_MARGIN_SECONDS * STATE_RATE)
    result = np.zeros(len(level), np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2).tolist():
        if stop - start > MIN_SILENCE_SECONDS * STATE_RATE:
            first = start + margin if start > 0 else start
            last = stop - margin if stop < len(level) else stop
            result[first:last] = True
    return result


def silent_frames(level: Curve, frames: int, fps: float) -> NDArray[np.bool_]:
    """Return ``silent_states`` at the times i / ``fps`` of output frames; False after the sound.

    Shape (frames,).
    """
    states = silent_states(level)
    state_indices = np.floor(np.arange(frames) * (STATE_RATE / fps) + 1e-6).astype(np.int64)
    inside = state_indices < len(states)
    result = np.zeros(frames, np.bool_)
    result[inside] = states[state_indices[inside]]
    return result
