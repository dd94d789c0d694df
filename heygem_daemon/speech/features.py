"""Compute Whisper's log-mel spectrograms, and process a long sound in overlapping windows.

Spectrogram: OpenAI Whisper, ``whisper/audio.py`` (80 Slaney mels, 0-8 kHz, 25 ms Hann windows every
10 ms, log10, clipped 8 below the maximum, (x + 4) / 4).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.speech import torchaudio_pure

SAMPLE_RATE = 16_000
STATE_SAMPLES = 320
"""Samples from one encoder state to the next. State k belongs to the time k / 50 s."""
STATE_RATE = SAMPLE_RATE // STATE_SAMPLES
"""Encoder states per second."""
N_MELS = 80
N_FFT = 400
HOP_LENGTH = 160
DYNAMIC_RANGE = 8.0
"""Decades of power below the loudest value that are kept."""

Samples = NDArray[np.float32]
Curves = NDArray[np.float32]


class LogMelSpectrogram:
    """Log-mel spectrograms of consecutive windows of one sound.

    The floor is relative to the loudest value so far (in Whisper: of its only window), so that a
    silent window after a loud one does not look like faint speech.
    """

    def __init__(self, filters: Tensor) -> None:
        """``filters``: as from ``mel_filters``, on the device that computes."""
        self._taper = torch.hann_window(N_FFT, device=filters.device)
        self._filters = filters
        self._peak = -torch.inf

    def __call__(self, samples: Tensor) -> Tensor:
        """float32 (n,), n a multiple of STATE_SAMPLES → float32 (80, n / HOP_LENGTH), -1 … 2."""
        # stft mirrors half a window at both ends: shorter sounds are padded, and cut afterwards.
        padding = max(0, N_FFT - len(samples))
        padded = torch.nn.functional.pad(samples, (0, padding))
        spectrum = torch.stft(padded, N_FFT, HOP_LENGTH, window=self._taper, return_complex=True)
        power = spectrum[:, : len(samples) // HOP_LENGTH].abs() ** 2
        levels = (self._filters @ power).clamp(min=1e-10).log10()
        self._peak = max(self._peak, float(levels.max()))
        return (levels.clamp(min=self._peak - DYNAMIC_RANGE) + 4.0) / 4.0


def mel_filters() -> Tensor:
    """Return float32 (80, 201): Slaney's triangles with Slaney's normalization, as in librosa.

    Raises EnvironmentFault where torchaudio cannot be imported.
    """
    filters: Tensor = torchaudio_pure.import_functional().melscale_fbanks(
        N_FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, N_MELS, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
    )
    return filters.T.contiguous()


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """How a sound is split. Windows of 10 s matched real mouths slightly better than 15 or 30 s."""

    states: int = 10 * STATE_RATE
    """Encoder states of a window."""
    overlap: int = 3 * STATE_RATE
    """States that two neighbours share, at most half of ``states``. They are cross-faded in the
    middle half of these, where both have context on both sides."""

    def __post_init__(self) -> None:
        if not 0 < 2 * self.overlap <= self.states:
            raise ValueError("windows must overlap by no more than half of their length")

    @property
    def step(self) -> int:
        """States from the start of one window to that of the next."""
        return self.states - self.overlap


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a sound."""

    samples: Samples
    """Float32 (n,), n a multiple of STATE_SAMPLES: the end of the sound is padded with silence."""
    overlap_states: int
    """States at its start that also lie in the previous window."""


def split_windows(blocks: Iterable[Samples], plan: WindowPlan) -> Iterator[Window]:
    """Split a sound into windows, which do not depend on the sizes of the blocks.

    Holds one window and one block in memory. A sound without samples has no window.
    """
    size, step = plan.states * STATE_SAMPLES, plan.step * STATE_SAMPLES
    held = np.zeros(0, np.float32)
    shared = 0
    for block in blocks:
        held = np.concatenate([held, np.asarray(block, np.float32)])
        # Strictly more, since a window that ends with the sound is the last one.
        while len(held) > size:
            yield Window(held[:size], shared)
            held, shared = held[step:], plan.overlap
    states = -(-len(held) // STATE_SAMPLES)
    if states:
        yield Window(np.pad(held, (0, states * STATE_SAMPLES - len(held))), shared)


def crossfade_windows(
    window_curves: Iterable[tuple[Curves, int]], columns: int
) -> Iterator[Curves]:
    """Join the curves of windows to those of the whole sound, and yield them part by part.

    ``window_curves``: for each window its curves (n, columns), one row per state, and its
    ``overlap_states``. The parts have ceil(samples / STATE_SAMPLES) rows in all. There is at least
    one part, which may be empty.
    """
    tail = np.zeros((0, columns), np.float32)
    for curves, shared in window_curves:
        weight = crossfade_weights(shared)[:, None]
        free = len(tail) - shared
        yield tail[:free]
        yield (1 - weight) * tail[free:] + weight * curves[:shared]
        tail = curves[shared:]
    yield tail


def crossfade_weights(states: int) -> Curves:
    """Return the weights (states,) of the later window: 0 in the first quarter, 1 in the last."""
    position = (np.arange(states, dtype=np.float32) + 0.5) / states
    weights: Curves = np.clip(2 * position - 0.5, 0, 1).astype(np.float32)
    return weights
