"""Make ``data/mel.npz``: mel spectrograms of the demo's speech, computed in float64 with numpy.

Run ``python -m tests.engines.wav2lip.mel_reference`` from the root of the repository. The formulas
come from the sources named below and from nowhere in the package, so that the test compares two
independent computations. Float64, because a computation in float32 has rounding errors as large as
the differences that the test looks for. When this was written, ``compute_mels`` agreed with librosa
0.11 in float64 to 2e-13; librosa itself is not needed.

Sources: Rudrabha/Wav2Lip, ``audio.py`` and ``hparams.py`` (all constants; pre-emphasis, decibels,
scaling); librosa, ``core/spectrum.py`` and ``filters.py``, whose functions ``audio.py`` calls (the
centred transform with a periodic Hann window and mirrored ends; the triangular bands); M. Slaney,
"Auditory Toolbox", 1998, ``mfcc.m`` (the mel scale and the area normalization).
"""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

SPEECH = Path(__file__).resolve().parents[3] / "demo" / "speech.wav"
REFERENCE = Path(__file__).resolve().parent / "data" / "mel.npz"
STORED_STEP = 8
"""Every eighth mel frame is stored, and the first and last ``STORED_ENDS``, whose windows reach
into the mirrored ends."""
STORED_ENDS = 4

SAMPLE_RATE = 16_000
WINDOW, HOP = 800, 200
"""Samples."""
BANDS, LOWEST_HZ, HIGHEST_HZ = 80, 55.0, 7600.0

LINEAR_HZ_PER_MEL = 200 / 3
"""Below ``BREAK_HZ`` Slaney's scale is linear, above it logarithmic: 27 mels for a factor 6.4."""
BREAK_HZ, MELS_PER_E = 1000.0, 27 / np.log(6.4)


def read_speech() -> NDArray[np.float32]:
    """Return the demo's speech (N,), -1 … 1."""
    with wave.open(str(SPEECH)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / np.float32(32768)


def compute_mels(sound: NDArray[np.float32]) -> Doubles:
    """Return the mel spectrogram (80, 1 + N // 200), -4 … 4, of ``sound`` (N,)."""
    samples = sound.astype(np.float64)
    emphasized = samples - 0.97 * np.concatenate([[0.0], samples[:-1]])
    padded = np.pad(emphasized, WINDOW // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    magnitudes = np.abs(np.fft.rfft(windows * hann, axis=1))
    mels = mel_filters() @ magnitudes.T
    decibels = 20 * np.log10(np.maximum(1e-5, mels)) - 20
    scaled: Doubles = np.clip(8 * (decibels + 100) / 100 - 4, -4, 4)
    return scaled


def mel_filters() -> Doubles:
    """Return the bands (80, 401): triangles between neighbours on the mel scale, each of area 1
    over frequency in Hz, apart from the step between bins."""
    lowest, highest = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = mel_to_hz(np.linspace(lowest, highest, BANDS + 2))[:, None]
    bins = np.arange(WINDOW // 2 + 1) * SAMPLE_RATE / WINDOW
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    normalized: Doubles = triangles * 2 / (edges[2:] - edges[:-2])
    return normalized


def hz_to_mel(hz: Doubles) -> Doubles:
    """Slaney's mel scale."""
    above = BREAK_HZ / LINEAR_HZ_PER_MEL + MELS_PER_E * np.log(hz / BREAK_HZ)
    return np.where(hz < BREAK_HZ, hz / LINEAR_HZ_PER_MEL, above)


def mel_to_hz(mel: Doubles) -> Doubles:
    """The inverse of ``hz_to_mel``."""
    break_mel = BREAK_HZ / LINEAR_HZ_PER_MEL
    above = BREAK_HZ * np.exp((mel - break_mel) / MELS_PER_E)
    return np.where(mel < break_mel, mel * LINEAR_HZ_PER_MEL, above)


def stored_frames(count: int) -> NDArray[np.int64]:
    """Return the indices of the mel frames that are stored, of ``count``."""
    ends = np.arange(STORED_ENDS)
    return np.unique(np.concatenate([ends, np.arange(0, count, STORED_STEP), count - 1 - ends]))


def main() -> None:
    """Compute and write the reference."""
    mels = compute_mels(read_speech())
    frames = stored_frames(mels.shape[1])
    REFERENCE.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        REFERENCE,
        count=np.int64(mels.shape[1]),
        frames=frames.astype(np.int32),
        mels=mels[:, frames].astype(np.float32),
    )


if __name__ == "__main__":
    main()
