from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.wav2lip.mel import MelSpectrogram, cut_windows, window_starts
from tests.engines.wav2lip.mel_reference import REFERENCE, compute_mels, read_speech

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def mels() -> MelSpectrogram:
    return MelSpectrogram()


def noise(samples: int) -> Floats:
    return np.random.default_rng(4).normal(0, 0.1, samples).astype(np.float32)


def test_equals_the_published_definition_on_real_speech(mels: MelSpectrogram) -> None:
    sound = read_speech()
    expected = compute_mels(sound)
    assert expected.std() > 1
    computed = mels([sound]).numpy()
    assert computed.shape == expected.shape
    assert np.abs(computed - expected).max() < 1e-4


def test_equals_the_stored_reference(mels: MelSpectrogram) -> None:
    computed, exact = mels([read_speech()]).numpy(), compute_mels(read_speech())
    with np.load(REFERENCE) as stored:
        assert computed.shape == exact.shape == (80, int(stored["count"]))
        frames, expected = stored["frames"], stored["mels"]
    assert len(frames) > 100
    assert np.abs(computed[:, frames] - expected).max() < 1e-4
    assert np.abs(exact[:, frames] - expected).max() < 1e-6


@pytest.mark.parametrize("samples", [401, 799, 1600, 79_987, 80_000, 81_200, 81_201, 240_000])
def test_does_not_depend_on_the_size_of_the_blocks(mels: MelSpectrogram, samples: int) -> None:
    sound = noise(samples)
    whole = mels([sound])
    assert whole.shape == (80, 1 + samples // 200)
    for size in (777, 80_000):
        blocks = [sound[start : start + size] for start in range(0, samples, size)]
        assert (mels(blocks) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("samples", [0, 1, 5, 400])
def test_very_short_sounds_have_three_frames(mels: MelSpectrogram, samples: int) -> None:
    spectrogram = mels([noise(samples)])
    assert spectrogram.shape == (80, 3)
    assert bool(spectrogram.isfinite().all())
    assert cut_windows(spectrogram, window_starts(3, Fraction(25), 3)).shape == (3, 1, 80, 16)


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
    spectrogram = mels([noise(16_000)])
    starts = np.array([0, 7, 65])
    picked = cut_windows(spectrogram, starts)
    assert torch.equal(picked[1, 0], spectrogram[:, 7:23])
    assert picked.shape == (3, 1, 80, 16)
