"""Degrades audio as it is degraded in practice. All functions are pure functions of a seed."""

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.speech import torchaudio_pure
from heygem_daemon.speech.features import SAMPLE_RATE

Samples = NDArray[np.float32]
SPEEDS = tuple(range(17, 25))
"""Playback speeds in twentieths of the original (0.85 to 1.2)."""


def coloured_noise(samples: int, slope: float, rng: np.random.Generator) -> Samples:
    """Return noise of unit power whose power falls with frequency to the power of ``slope``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 20.0)
    noise = np.fft.irfft(spectrum * frequency ** (-slope / 2), samples)
    unit: Samples = (noise / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)
    return unit


def add_noise(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return the audio with coloured noise 3 to 35 dB below its power."""
    power = float(np.sqrt(np.mean(sound**2)))
    noise = coloured_noise(len(sound), rng.uniform(0, 2), rng)
    return sound + np.float32(power * 10 ** (-rng.uniform(3, 35) / 20)) * noise


def limit_band(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return the audio as over a telephone, a cheap microphone, or a narrow codec."""
    low, high = rng.uniform(20, 300), rng.uniform(3000, 8000)
    frequency = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    gain = 1 / np.sqrt(1 + (low / np.maximum(frequency, 1)) ** 4 + (frequency / high) ** 8)
    tilt = (np.maximum(frequency, 100) / 1000) ** rng.uniform(-0.4, 0.4)
    return np.fft.irfft(np.fft.rfft(sound) * gain * tilt, len(sound)).astype(np.float32)


def add_reverb(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return the audio with a room's reverberation: exponentially fading noise after the direct
    sound.
    """
    seconds = rng.uniform(0.1, 0.6)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail *= rng.uniform(0.1, 0.6) / (np.sqrt(np.sum(tail**2)) + 1e-9)
    tail[0] = 1.0
    size = len(sound) + len(tail)
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return wet[: len(sound)].astype(np.float32)


def degrade(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return the audio after a random choice of the above, at a random level."""
    for change, probability in ((add_reverb, 0.4), (limit_band, 0.6), (add_noise, 0.6)):
        if rng.random() < probability:
            sound = change(sound, rng)
    peak = float(np.abs(sound).max()) + 1e-6
    return sound * np.float32(10 ** (-rng.uniform(1, 25) / 20) / peak)


def change_speed(sound: Samples, twentieths: int) -> Samples:
    """Return the audio played at ``twentieths`` / 20 of its speed; pitch and formants change."""
    functional = torchaudio_pure.import_functional()
    changed: torch.Tensor = functional.resample(torch.from_numpy(sound), twentieths, 20)
    return changed.numpy()
