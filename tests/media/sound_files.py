"""Make sound files of every kind with a known tone in each channel, and read them back."""

import struct
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SECONDS = 2.0
TONES = (300, 437, 593, 60, 811, 1009, 1213, 1423)
"""Hertz in each channel. The fourth is low, since it is the LFE of most layouts."""
AMPLITUDE = 0.25


def tones(channels: int, rate: int, seconds: float = SECONDS) -> Samples:
    """Return a tone in each channel, (channels, n)."""
    time = np.arange(round(rate * seconds)) / rate
    sines = [AMPLITUDE * np.sin(2 * np.pi * hertz * time) for hertz in TONES[:channels]]
    return np.stack(sines).astype(np.float32)


def write_sound(
    path: Path,
    codec: str,
    samples: Samples,
    rate: int,
    layout: str,
    **options: str,
) -> Path:
    """Encode (channels, n) ``samples``. ``options`` with 'format' go to that muxer."""
    with av.open(str(path), "w", format=options.pop("format", None), options=options) as container:
        # FFmpeg's own encoder of Vorbis counts as experimental, that of WMA has no default rate.
        special: dict[str, dict[str, Any]] = {
            "vorbis": {"options": {"strict": "-2"}},
            "wmav2": {"bit_rate": 128_000},
        }
        stream: Any = container.add_stream(
            codec, rate=rate, layout=layout, **special.get(codec, {})
        )
        for start in range(0, samples.shape[1], 1024):
            piece = np.ascontiguousarray(samples[:, start : start + 1024].T).reshape(1, -1)
            frame = AudioFrame.from_ndarray(piece, "flt", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_plain_wav(path: Path, samples: Samples, rate: int, width: int = 2) -> Path:
    """Write a WAV without a channel mask, of 1, 2, 3 or 4 bytes a sample, as most programs do."""
    scaled = np.rint(samples.T.astype(np.float64) * ((1 << 8 * width - 1) - 1)).astype("<i4")
    if width == 1:
        data = (scaled + 128).astype(np.uint8).tobytes()
    else:
        parts = scaled.reshape(-1, 1).view(np.uint8).reshape(-1, 4)
        data = np.ascontiguousarray(parts[:, :width]).tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def write_float_wav(path: Path, samples: Samples, rate: int, bits: int = 32) -> Path:
    """Write a WAV of floats (32 or 64 bits), without a channel mask."""
    data = np.ascontiguousarray(samples.T).astype("<f4" if bits == 32 else "<f8").tobytes()
    width = len(samples) * bits // 8
    head = struct.pack("<HHIIHH", 3, len(samples), rate, rate * width, width, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def set_wav_length(path: Path, announced: int) -> Path:
    """Write ``announced`` as the number of bytes into the header of a plain WAV."""
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", announced & 0xFFFFFFFF)
    content[4:8] = struct.pack("<I", (announced + 36) & 0xFFFFFFFF)
    path.write_bytes(content)
    return path


def read_channels(path: Path) -> tuple[Samples, int]:
    """Return all samples of ``path``, (channels, n), and their rate: by PyAV alone."""
    pieces, rate = [], 0
    resampler: AudioResampler | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            channels, rate = frame.layout.nb_channels, frame.sample_rate
            if resampler is None:
                resampler = AudioResampler(format="flt", layout=frame.layout, rate=rate)
            packed = resampler.resample(frame)
            pieces += [each.to_ndarray().reshape(-1, channels).T for each in packed]
    return np.concatenate(pieces, axis=1), rate


def decibels(samples: Samples) -> NDArray[np.float64]:
    """Return the level of each channel in dB of full scale, without the first and last 0.2 s."""
    edge = samples.shape[1] // 10
    inner = samples[:, edge:-edge].astype(np.float64)
    return np.asarray(10 * np.log10(np.square(inner).mean(axis=1) + 1e-12))


def tone_decibels(samples: Samples, rate: int, hertz: Sequence[int]) -> NDArray[np.float64]:
    """Return the level of each tone (column) in each channel (row), in dB of ``AMPLITUDE``."""
    count = samples.shape[1]
    edge = count // 10
    time = np.arange(count)[edge:-edge] / rate
    inner = samples[:, edge:-edge].astype(np.float64) * np.hanning(time.size) * 2
    waves = np.exp(-2j * np.pi * np.outer(hertz, time))
    amplitudes = 2 * np.abs(inner @ waves.T) / time.size
    return np.asarray(20 * np.log10(amplitudes / AMPLITUDE + 1e-9))
