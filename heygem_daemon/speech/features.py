"""Sound as Whisper sees it: log-mel spectrograms of consecutive windows.

Definition: OpenAI Whisper, ``whisper/audio.py`` (80 Slaney mels, 0-8 kHz,
25 ms Hann windows every 10 ms, log10, clipped 8 below the maximum, (x + 4) / 4).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.speech import torchaudio_pure

SAMPLE_RATE = 16_000
STATE_SAMPLES = 320
"""Samples from one encoder state to the next: state k belongs to the time k / 50 s."""
STATE_RATE = SAMPLE_RATE // STATE_SAMPLES
"""Encoder states a second."""
MELS = 80
N_FFT = 400
HOP = 160
DYNAMIC_RANGE = 8.0
"""Decades of power below the loudest value that are kept."""

Samples = NDArray[np.float32]


class LogMel:
    """Log-mel spectrograms of consecutive windows of one sound.

    The floor is relative to the loudest value so far (Whisper: of its one window), so that a
    silent window after a loud one is not taken for faint speech.
    """

    def __init__(self, filters: Tensor) -> None:
        """``filters``: as from ``mel_filters``, on the device that is to compute."""
        self._taper = torch.hann_window(N_FFT, device=filters.device)
        self._filters = filters
        self._peak = -torch.inf

    def __call__(self, samples: Tensor) -> Tensor:
        """float32 (n,), n a multiple of STATE_SAMPLES → float32 (80, n / HOP), about -1 … 2."""
        # Shorter than half a taper cannot be mirrored: silence is added and its frames cut.
        padding = max(0, N_FFT - len(samples))
        padded = torch.nn.functional.pad(samples, (0, padding))
        spectrum = torch.stft(padded, N_FFT, HOP, window=self._taper, return_complex=True)
        power = spectrum[:, : len(samples) // HOP].abs() ** 2
        levels = (self._filters @ power).clamp(min=1e-10).log10()
        self._peak = max(self._peak, float(levels.max()))
        return (levels.clamp(min=self._peak - DYNAMIC_RANGE) + 4.0) / 4.0


def mel_filters() -> Tensor:
    """Float32 (80, 201): Slaney's triangles with Slaney's normalization, as librosa makes them.

    Raises EnvironmentFault where torchaudio cannot be imported.
    """
    filters: Tensor = torchaudio_pure.functional().melscale_fbanks(
        N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )
    return filters.T.contiguous()
