import pytest
import torch

from heygem_daemon.speech.features import (
    STATE_SAMPLES,
    LogMelSpectrogram,
    mel_filters,
)


def test_mel_filters_are_slaneys() -> None:
    filters = mel_filters()
    assert filters.shape == (80, 201)
    # By hand: centres 37.2 Hz and 7698 Hz; 2 over the first width of 74.5 Hz, at 40 Hz.
    assert filters[0].argmax() == 1
    assert filters[79].argmax() == 192
    assert float(filters[0].max()) == pytest.approx(0.02486, abs=1e-4)


def test_the_spectrogram_has_two_frames_a_state_and_whispers_range() -> None:
    generator = torch.Generator().manual_seed(1)
    noise = 0.1 * torch.randn(50 * STATE_SAMPLES, generator=generator)
    mels = LogMelSpectrogram(mel_filters())(noise)
    assert mels.shape == (80, 100)
    assert float(mels.max()) <= 2.0
    assert float(mels.max() - mels.min()) <= 2.0 + 1e-6


def test_a_silent_window_after_a_loud_one_is_flat() -> None:
    spectrogram = LogMelSpectrogram(mel_filters())
    generator = torch.Generator().manual_seed(1)
    spectrogram(torch.randn(3200, generator=generator))
    faint = spectrogram(1e-6 * torch.randn(3200, generator=generator))
    assert float(faint.max() - faint.min()) == 0.0


def test_a_sound_of_one_state_is_long_enough() -> None:
    assert LogMelSpectrogram(mel_filters())(torch.zeros(STATE_SAMPLES)).shape == (80, 2)
