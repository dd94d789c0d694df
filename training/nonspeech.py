"""Synthetic audio to which no mouth may move, free of licences: noise, hum and music."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.speech.features import SAMPLE_RATE
from training.augment import coloured_noise

Floats = NDArray[np.float32]
SCALE = np.array([0, 2, 3, 5, 7, 9, 10, 12])
"""Semitones of a scale."""


def nonspeech(seconds: float, rng: np.random.Generator) -> Floats:
    """Return random audio of unit peak without any voice, float32 (n,) at 16 kHz."""
    samples = round(seconds * SAMPLE_RATE)
    kinds = (noise, gusts, hum, clatter, beeps, music, music, music, melody)
    sound = kinds[rng.integers(len(kinds))](samples, rng)
    if rng.random() < 0.3:
        sound = sound + rng.uniform(0.02, 0.5) * noise(samples, rng) * np.abs(sound).max()
    unit: Floats = (sound / (np.abs(sound).max() + 1e-9)).astype(np.float32)
    return unit


def noise(samples: int, rng: np.random.Generator) -> Floats:
    """Return steady noise, from white to brown."""
    sound = coloured_noise(samples, rng.uniform(-0.3, 2.2), rng)
    return sound / np.float32(np.abs(sound).max())


def gusts(samples: int, rng: np.random.Generator) -> Floats:
    """Return noise that swells: wind, traffic, applause, breath."""
    rate = rng.uniform(0.3, 6)
    points = rng.uniform(0, 1, max(4, round(samples / SAMPLE_RATE * rate) + 3)) ** 2
    swell = np.interp(np.linspace(0, len(points) - 1, samples), np.arange(len(points)), points)
    return noise(samples, rng) * (0.05 + swell).astype(np.float32)


def hum(samples: int, rng: np.random.Generator) -> Floats:
    """Return steady harmonics, as of mains or a machine."""
    time = np.arange(samples) / SAMPLE_RATE
    base = rng.choice([50.0, 60.0, rng.uniform(30, 400)])
    sound = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * k * base * time) for k in range(1, 12))
    return np.asarray(sound, np.float32)


def clatter(samples: int, rng: np.random.Generator) -> Floats:
    """Return clicks, knocks and keys: short bursts at random times."""
    sound = np.zeros(samples, np.float32)
    for _ in range(rng.integers(2, max(3, samples // 3000))):
        size = int(rng.integers(80, 4000))
        at = int(rng.integers(0, max(1, samples - size)))
        fall = np.exp(-np.arange(size) / rng.uniform(20, 900))
        burst = coloured_noise(size, rng.uniform(0, 2), rng) * fall
        sound[at : at + size] += (rng.uniform(0.1, 1) * burst)[: samples - at].astype(np.float32)
    return sound


def beeps(samples: int, rng: np.random.Generator) -> Floats:
    """Return signals: tones that are switched on and off."""
    time = np.arange(samples) / SAMPLE_RATE
    on = np.sin(2 * np.pi * rng.uniform(0.5, 5) * time) > rng.uniform(-0.5, 0.7)
    return (np.sin(2 * np.pi * rng.uniform(200, 3500) * time) * on).astype(np.float32)


def note(frequency: float, samples: int, rng: np.random.Generator, fall: float) -> Floats:
    """Return a tone with harmonics, vibrato and attack; it falls to 1/e in ``fall`` seconds."""
    time = np.arange(samples) / SAMPLE_RATE
    vibrato = 1 + 0.006 * rng.random() * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(frequency * vibrato) / SAMPLE_RATE
    brightness = rng.uniform(0.8, 2.5)
    count = max(1, min(14, int(7500 / frequency)))
    tone = sum(k**-brightness * np.sin(k * phase + rng.uniform(0, 6)) for k in range(1, count + 1))
    envelope = np.minimum(time / rng.uniform(0.004, 0.06), 1) * np.exp(-time / fall)
    return np.asarray(tone * envelope, np.float32)


def melody(samples: int, rng: np.random.Generator) -> Floats:
    """Return one instrument that plays one note after another."""
    sound = np.zeros(samples, np.float32)
    root = rng.uniform(110, 440)
    at = 0
    while at < samples:
        size = int(rng.choice([0.12, 0.2, 0.3, 0.5, 0.9]) * SAMPLE_RATE)
        size = min(size, samples - at)
        if rng.random() < 0.9:
            pitch = root * 2 ** (rng.choice(SCALE) / 12)
            sound[at : at + size] += note(float(pitch), size, rng, rng.uniform(0.2, 2))
        at += size
    return sound


def drums(samples: int, beat: int, rng: np.random.Generator) -> Floats:
    """Return a kick on the beats, a snare between, and noise cymbals."""
    sound = np.zeros(samples, np.float32)
    for number, at in enumerate(range(0, samples, beat // 2)):
        size = min(5000, samples - at)
        time = np.arange(size) / SAMPLE_RATE
        kick = np.sin(2 * np.pi * 55 * time * (1 + 2 * np.exp(-time * 40))) * np.exp(-time * 14)
        hit = coloured_noise(size, 0.3, rng) * np.exp(-time * 22)
        cymbal = coloured_noise(size, -1.0, rng) * np.exp(-time * 60)
        played = (kick, 0.2 * cymbal, 0.4 * hit, 0.2 * cymbal)[number % 4]
        sound[at : at + size] += played.astype(np.float32)
    return sound


def music(samples: int, rng: np.random.Generator) -> Floats:
    """Return chords and bass, often with a tune and drums."""
    beat = int(rng.uniform(0.35, 0.8) * SAMPLE_RATE)
    root = rng.uniform(110, 220)
    sound = np.zeros(samples, np.float32)
    for at in range(0, samples, 2 * beat):
        size = min(2 * beat, samples - at)
        degree = rng.choice(SCALE)
        for step, gain in ((-12, 1.0), (0, 0.5), (rng.choice([3, 4]), 0.5), (7, 0.5)):
            pitch = float(root * 2 ** ((degree + step) / 12))
            sound[at : at + size] += np.float32(gain) * note(pitch, size, rng, rng.uniform(0.3, 3))
    if rng.random() < 0.6:
        sound += np.float32(rng.uniform(0.3, 1.2)) * melody(samples, rng)
    if rng.random() < 0.7:
        sound += np.float32(rng.uniform(0.3, 1.5)) * drums(samples, beat, rng)
    return sound
