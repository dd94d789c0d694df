"""Sound that is not speech does not move the mouth: synthetic music, noise, hum and silence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.media.waveform import read_waveform

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 6
TIME = np.arange(SECONDS * 16_000) / 16_000
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def listener() -> AudioModel:
    return AudioModel.load(ROOT / "weights" / "builtin")


@pytest.fixture(scope="module")
def spoken() -> Samples:
    return np.concatenate(list(read_waveform(ROOT / "demo" / "speech.wav")))


def white() -> Samples:
    return np.random.default_rng(0).uniform(-0.3, 0.3, len(TIME)).astype(np.float32)


def brown() -> Samples:
    walk = np.cumsum(np.random.default_rng(1).standard_normal(len(TIME)))
    walk -= np.convolve(walk, np.ones(1600) / 1600, mode="same")
    return np.asarray(0.5 * walk / np.abs(walk).max(), np.float32)


def hum() -> Samples:
    return sum_of([50, 100, 150, 300, 450], [0.3, 0.2, 0.1, 0.05, 0.02])


def tone() -> Samples:
    return sum_of([440], [0.4])


def chords() -> Samples:
    """Four chords of organ tones, one after another, with a beat."""
    sound = np.zeros(len(TIME), np.float32)
    for number, root in enumerate((130.8, 174.6, 196.0, 130.8)):
        part = slice(number * len(TIME) // 4, (number + 1) * len(TIME) // 4)
        pitches = [root * step * k for step in (1, 1.26, 1.5) for k in (1, 2, 3, 4)]
        sound[part] = sum_of(pitches, [0.1 / k for _ in range(3) for k in (1, 2, 3, 4)])[part]
    return sound * (0.6 + 0.4 * (np.sin(2 * np.pi * 2 * TIME) > 0)).astype(np.float32)


def bells() -> Samples:
    """Struck notes of a scale that die away."""
    sound = np.zeros(len(TIME), np.float32)
    for number, pitch in enumerate((523, 587, 659, 784, 880, 784, 659, 587, 523, 392, 440, 523)):
        since = TIME - number * 0.5
        struck = np.where(since > 0, np.exp(-4 * np.maximum(since, 0)), 0)
        sound += (0.2 * struck * sum_of([pitch, 2.76 * pitch], [1, 0.3])).astype(np.float32)
    return sound


def drums() -> Samples:
    """Bursts of noise and a thump, twice a second."""
    since = TIME % 0.5
    thump = np.sin(2 * np.pi * 60 * since) * np.exp(-12 * since)
    return (0.5 * thump + white() * np.exp(-30 * ((TIME + 0.25) % 0.5))).astype(np.float32)


def sum_of(pitches: list[float], gains: list[float]) -> Samples:
    parts = zip(pitches, gains, strict=True)
    total = sum(gain * np.sin(2 * np.pi * pitch * TIME) for pitch, gain in parts)
    return np.asarray(total, np.float32)


@pytest.mark.parametrize("sound", [white, brown, hum, tone, chords, bells, drums])
def test_music_noise_and_hum_leave_the_mouth_calm(
    listener: AudioModel, sound: Callable[[], Samples]
) -> None:
    speech = listener.listen([sound()])
    assert float(speech.activity.mean()) < 0.05
    assert float((speech.activity > 0.5).mean()) < 0.05


def test_speech_moves_the_mouth(listener: AudioModel, spoken: Samples) -> None:
    speech = listener.listen([spoken])
    assert float(speech.activity.mean()) > 0.6


def test_speech_over_soft_music_still_moves_the_mouth(
    listener: AudioModel, spoken: Samples
) -> None:
    music = np.resize(0.1 * chords(), len(spoken)).astype(np.float32)
    speech = listener.listen([spoken + music])
    assert float(speech.activity.mean()) > 0.5


def test_the_mouth_rests_in_a_pause(listener: AudioModel, spoken: Samples) -> None:
    piece = spoken[: 3 * 16_000]
    pause = np.zeros(2 * 16_000, np.float32)
    speech = listener.listen([piece, pause, piece])
    # A quarter of a second at either end belongs to the speech.
    assert not (speech.activity[round(3.5 * 50) : round(4.5 * 50)] > 0.05).any()


@pytest.mark.parametrize("level", [0.0, 1e-5])
def test_silence_and_what_nobody_can_hear_is_silent(listener: AudioModel, level: float) -> None:
    noise = level * np.random.default_rng(2).standard_normal(3 * 16_000)
    speech = listener.listen([noise.astype(np.float32)])
    assert speech.silent
    assert not speech.activity.any()
