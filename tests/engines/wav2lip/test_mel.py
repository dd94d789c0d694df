from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, cut_windows, window_starts
from heygem_daemon.media.waveform import read_waveform

Floats = NDArray[np.float32]
SPEECH = Path(__file__).resolve().parents[3] / "demo"


@pytest.fixture(scope="module")
def mels() -> MelSpectrogram:
    return MelSpectrogram()


def noise(samples: int) -> Floats:
    return np.random.default_rng(4).normal(0, 0.1, samples).astype(np.float32)


def by_librosa(sound: Floats) -> Floats:
    """The contract, computed with the library that the published code uses."""
    librosa = pytest.importorskip("librosa")
    emphasized = np.append(sound[:1], sound[1:] - np.float32(0.97) * sound[:-1])
    spectrum = librosa.stft(
        emphasized.astype(np.float32), n_fft=800, hop_length=200, win_length=800, pad_mode="reflect"
    )
    filters = librosa.filters.mel(sr=16000, n_fft=800, n_mels=80, fmin=55, fmax=7600)
    decibels = 20 * np.log10(np.maximum(1e-5, filters @ np.abs(spectrum))) - 20
    scaled: Floats = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)
    return scaled


def real_speech() -> Floats:
    sound = next(SPEECH.glob("**/*.wav"), None)
    if sound is None:
        pytest.skip("the demo's speech is not here")
    return np.concatenate(list(read_waveform(sound)))


def test_equals_librosa_on_real_speech(mels: MelSpectrogram) -> None:
    sound = real_speech()
    expected = by_librosa(sound)
    assert expected.std() > 1
    ours = mels([sound]).numpy()
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() < 1e-4


@pytest.mark.parametrize("samples", [401, 799, 1600, 79_987, 80_000, 81_200, 81_201, 240_000])
def test_does_not_depend_on_how_the_sound_comes(mels: MelSpectrogram, samples: int) -> None:
    sound = noise(samples)
    whole = mels([sound])
    assert whole.shape == (80, 1 + samples // 200)
    for size in (777, 80_000):
        blocks = [sound[start : start + size] for start in range(0, samples, size)]
        assert (mels(blocks) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("samples", [0, 1, 5, 400])
def test_very_short_sounds_are_heard(mels: MelSpectrogram, samples: int) -> None:
    heard = mels([noise(samples)])
    assert heard.shape == (80, 3)
    assert bool(heard.isfinite().all())
    assert cut_windows(heard, window_starts(3, Fraction(25), 3)).shape == (3, 1, 80, 16)


def test_silence_is_the_least_value(mels: MelSpectrogram) -> None:
    assert (mels([np.zeros(4000, np.float32)]) == -4).all()


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_windows_follow_the_frames_to_the_last(fps: Fraction) -> None:
    frames, steps = round(3600 * fps), 3600 * 80
    starts = window_starts(frames, fps, steps)
    assert starts[0] == 0
    assert all(before <= after for before, after in pairwise(starts[:500].tolist()))
    middle = frames // 2
    assert starts[middle] == int(middle * 80 / fps)
    assert starts.max() == steps - 16
    assert len(starts) == frames


def test_a_window_is_a_part_of_the_spectrogram(mels: MelSpectrogram) -> None:
    heard = mels([noise(16_000)])
    starts = np.array([0, 7, 65])
    picked = cut_windows(heard, starts)
    assert torch.equal(picked[1, 0], heard[:, 7:23])
    assert picked.shape == (3, 1, 80, 16)
