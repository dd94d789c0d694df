"""Resample the sound of a file to another rate and channel count, with its exact length."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from heygem_daemon.media.audio_decoder import decode_audio, with_mixable_layout
from heygem_daemon.media.info import choose_audio_stream
from heygem_daemon.media.source import open_media

ChannelLayout = Literal["mono", "stereo"]
Samples = NDArray[np.float32]

MIXING = {"rematrix_maxval": "1.0"}
"""libswresample: mix channels so that full scale in all of them is full scale in the mix."""


def resample(path: Path, rate: int, layout: ChannelLayout) -> Iterator[Samples]:
    """Yield blocks of float32 (channels, n), -1 … 1, with any n ≥ 0.

    Together they have round(duration · rate) samples. Packets that cannot be decoded are silence.
    Raises BadInput or EnvironmentFault.
    """
    channels = 1 if layout == "mono" else 2
    seconds, yielded = Fraction(0), 0
    resampler = _Resampler(rate, layout)
    with open_media(path) as container:
        for piece in decode_audio(container, choose_audio_stream(container, path)):
            if isinstance(piece, Fraction):
                seconds += piece
                samples = resampler.flush()
                missing = round(seconds * rate) - yielded - samples.shape[1]
                samples = np.concatenate([samples, _silence(channels, missing)], axis=1)
            else:
                seconds += Fraction(piece.samples, piece.sample_rate)
                samples = resampler.feed(with_mixable_layout(piece))
            yielded += samples.shape[1]
            yield samples
    rest = round(seconds * rate) - yielded
    tail = resampler.flush()[:, : max(0, rest)]
    yield np.concatenate([tail, _silence(channels, rest - tail.shape[1])], axis=1)


class _Resampler:
    """PyAV's resampler, restarted where the format of the frames changes."""

    def __init__(self, rate: int, layout: ChannelLayout) -> None:
        self._rate = rate
        self._layout = layout
        self._empty = _silence(1 if layout == "mono" else 2, 0)
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None

    def feed(self, frame: AudioFrame) -> Samples:
        """Return what the resampler puts out for ``frame``, float32 (channels, n)."""
        source = frame.format.name, frame.layout.name, frame.sample_rate
        before = self.flush() if source != self._source else self._empty
        self._source = source
        if self._resampler is None:
            self._resampler = AudioResampler(
                format="fltp", layout=self._layout, rate=self._rate, options=MIXING
            )
        frame.pts = None
        return self._joined(before, self._resampler.resample(frame))

    def flush(self) -> Samples:
        """Return what the resampler still holds, and end it."""
        if self._resampler is None:
            return self._empty
        rest = self._resampler.resample(None)
        self._resampler = None
        return self._joined(self._empty, rest)

    def _joined(self, before: Samples, frames: list[AudioFrame]) -> Samples:
        # A resampler with nothing to do returns the None that flushes it.
        pieces = [frame.to_ndarray().astype(np.float32) for frame in frames if frame]
        joined: Samples = np.concatenate([before, *pieces], axis=1)
        return joined.clip(-1, 1)


def _silence(channels: int, samples: int) -> Samples:
    return np.zeros((channels, max(0, samples)), dtype=np.float32)
