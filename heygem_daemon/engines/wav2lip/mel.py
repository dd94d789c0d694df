"""Wav2Lip's input from sound: mel spectrograms, and the window of each output frame.

Definition: Rudrabha/Wav2Lip, ``audio.py`` and ``hparams.py``: pre-emphasis 0.97; Hann windows of
800 samples every 200 (80 a second at 16 kHz), centred, the sound mirrored at its ends;
magnitudes through 80 Slaney bands, 55 to 7600 Hz; in decibels from -100 to 0 (20 below full
scale), mapped to -4 … 4.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.wav2lip.network import MEL_BANDS, MEL_STEPS
from heygem_daemon.speech import torchaudio_pure

SAMPLE_RATE = 16_000
N_FFT = 800
HOP = 200
MEL_RATE = SAMPLE_RATE // HOP
"""Mel frames per second."""
LOWEST_HZ, HIGHEST_HZ = 55.0, 7600.0
"""Limits of the bands, Hz."""
PRE_EMPHASIS = 0.97
FLOOR_DB, REFERENCE_DB, MEL_LIMIT = -100.0, 20.0, 4.0
"""Decibels from ``FLOOR_DB`` to 0, after ``REFERENCE_DB`` is subtracted, are mapped to
-``MEL_LIMIT`` … ``MEL_LIMIT``."""

BLOCK_SAMPLES = 400 * HOP
"""Samples that are transformed at a time, so that only the spectrogram grows with the sound."""


class MelSpectrogram:
    """Computes mel spectrograms of whole sounds. Raises EnvironmentFault where torchaudio is
    missing."""

    def __init__(self) -> None:
        filters: Tensor = torchaudio_pure.import_functional().melscale_fbanks(
            N_FFT // 2 + 1,
            LOWEST_HZ,
            HIGHEST_HZ,
            MEL_BANDS,
            SAMPLE_RATE,
            norm="slaney",
            mel_scale="slaney",
        )
        self._filters = filters.T.contiguous()
        # In float64 first: torch's float32 window is off by 2.5e-7, which the decibels of a quiet
        # band beside a loud one turn into 1.4e-4.
        self._window = torch.hann_window(N_FFT, dtype=torch.float64).float()

    def __call__(self, waveform: Iterable[Floats]) -> Tensor:
        """Return float32 (80, 1 + samples // 200), -4 … 4, of consecutive blocks of mono samples.

        A sound shorter than one window is extended with silence.
        """
        parts = [self._mels(stretch) for stretch in _stretches(_pre_emphasize(waveform))]
        return torch.cat(parts, dim=1)

    def _mels(self, samples: Floats) -> Tensor:
        spectrum = torch.stft(
            torch.from_numpy(samples),
            N_FFT,
            HOP,
            window=self._window,
            center=False,
            return_complex=True,
        )
        mels = self._filters @ spectrum.abs()
        decibels = 20 * mels.clamp(min=10 ** (FLOOR_DB / 20)).log10() - REFERENCE_DB
        scaled = 2 * MEL_LIMIT * (decibels - FLOOR_DB) / -FLOOR_DB - MEL_LIMIT
        return scaled.clamp(-MEL_LIMIT, MEL_LIMIT)


def _pre_emphasize(waveform: Iterable[Floats]) -> Iterator[Floats]:
    """Subtract from each sample 0.97 of the one before it."""
    last = np.zeros(1, np.float32)
    for block in waveform:
        if len(block):
            before = np.concatenate([last, block[:-1]])
            last = block[-1:]
            yield (block - np.float32(PRE_EMPHASIS) * before).astype(np.float32)


def _stretches(blocks: Iterable[Floats]) -> Iterator[Floats]:
    """Yield the sound, with half a window mirrored at both ends, in stretches that overlap so that
    the windows of one follow those of the one before."""
    half = N_FFT // 2
    waiting = np.zeros(0, np.float32)
    begun = False
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        if not begun and len(waiting) > half:
            waiting = np.concatenate([waiting[half:0:-1], waiting])
            begun = True
        while begun and len(waiting) >= BLOCK_SAMPLES + N_FFT + half + 1:
            yield waiting[: BLOCK_SAMPLES + N_FFT - HOP]
            waiting = waiting[BLOCK_SAMPLES:]
    if not begun:
        waiting = np.pad(waiting, (0, half + 1 - len(waiting)))
        waiting = np.concatenate([waiting[half:0:-1], waiting])
    yield np.concatenate([waiting, waiting[-2 : -half - 2 : -1]])


def window_starts(frames: int, fps: Fraction, steps: int) -> NDArray[np.int64]:
    """Return (frames,): the mel frame at which each output frame's window begins.

    Windows that would reach beyond the end begin at the last 16 of ``steps`` mel frames.
    """
    starts = np.array([int(frame * MEL_RATE / fps) for frame in range(frames)], np.int64)
    return np.minimum(starts, max(0, steps - MEL_STEPS))


def cut_windows(mels: Tensor, starts: NDArray[np.int64]) -> Tensor:
    """Return float32 (len(starts), 1, 80, 16): the windows of ``mels`` that begin at ``starts``.

    A sound shorter than a window is extended with silence.
    """
    missing = max(0, MEL_STEPS - mels.shape[1])
    padded = torch.nn.functional.pad(mels, (0, missing), value=-MEL_LIMIT)
    return torch.stack([padded[:, start : start + MEL_STEPS] for start in starts.tolist()])[:, None]
