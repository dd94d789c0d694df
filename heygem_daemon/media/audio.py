"""Sound as a mono waveform at 16 kHz, streamed."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from heygem_daemon.media.sound import audio_stream, frames, measure, mono
from heygem_daemon.media.source import opened

RATE = 16_000
BLOCK = 1 << 16

Samples = NDArray[np.float32]


def sound_duration(path: Path) -> Fraction:
    """Seconds of the sound in ``path``, exact: decoded samples over their rate."""
    return measure(path).duration


def waveform(path: Path, block: int = BLOCK) -> Iterator[Samples]:
    """Consecutive blocks of ``block`` samples (the last shorter): float32, mono, 16 kHz, -1 … 1.

    All together they are round(duration · 16000) samples. Channels are mixed down; packets that
    cannot be decoded are silence. Raises BadInput or EnvironmentFault.
    """
    pending: list[Samples] = []
    held = 0
    for piece in _resampled(path):
        pending.append(piece)
        held += len(piece)
        if held < block:
            continue
        joined = np.concatenate(pending)
        whole = held - held % block
        for start in range(0, whole, block):
            yield joined[start : start + block]
        pending, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(pending)


def _resampled(path: Path) -> Iterator[Samples]:
    """Pieces of any length; the last is cut or padded so that the total is exact."""
    due, given = Fraction(0), 0
    resampler = _Resampler()
    with opened(path) as container:
        stream = audio_stream(container, path)
        for piece in frames(container, stream):
            if isinstance(piece, Fraction):
                due += piece
                samples = np.concatenate([resampler.flush(), _silence(round(due * RATE) - given)])
            else:
                due += Fraction(piece.samples, piece.sample_rate)
                samples = resampler.feed(mono(piece))
            given += len(samples)
            yield samples
    rest = round(due * RATE) - given
    tail = resampler.flush()[: max(0, rest)]
    yield np.concatenate([tail, _silence(rest - len(tail))])


class _Resampler:
    """PyAV's resampler, begun anew where the format of the frames changes."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def feed(self, frame: AudioFrame) -> Samples:
        source = frame.format.name, frame.layout.name, frame.sample_rate
        before = _silence(0)
        if source != self._source:
            before = self.flush()
            self._source = source
        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=RATE)
        frame.pts = None
        return np.concatenate([before, *_samples(self._resampler.resample(frame))])

    def flush(self) -> Samples:
        if self._resampler is None:
            return _silence(0)
        rest = self._resampler.resample(None)
        self._resampler = None
        return np.concatenate([_silence(0), *_samples(rest)])


def _samples(given: list[AudioFrame]) -> list[Samples]:
    # A resampler with nothing to do hands the flushing None back.
    return [frame.to_ndarray().reshape(-1).astype(np.float32) for frame in given if frame]


def _silence(samples: int) -> Samples:
    return np.zeros(max(0, samples), dtype=np.float32)
