"""Resample the sound of a file to another rate, with its exact length. Channels are not mixed."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av import AudioFrame, AudioResampler

from heygem_daemon.media.audio_decoder import Gap, ReadErrors
from heygem_daemon.media.channel_layout import resolve_layout
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.samples import Samples, packed_frame, silence
from heygem_daemon.media.sound_blocks import SoundBlock, read_blocks

SelectChannels = Callable[[Samples], Samples]
"""Makes the channels of the output, (K, n), of those of a block, (C, n)."""


def resample(
    path: Path,
    rate: int,
    channels: int,
    select: SelectChannels,
    guard: MediaGuard = NO_LIMITS,
) -> Iterator[Samples]:
    """Yield blocks of float32 (``channels``, n) with any n ≥ 0; full scale is -1 … 1.

    ``select`` returns ``channels`` channels. The blocks together have round(duration · rate)
    samples. What is missing or cannot be decoded is silence. Raises BadInput, TooLarge or
    EnvironmentFault.
    """
    seconds, yielded = Fraction(0), 0
    resampler = Resampler(rate, channels)
    for piece in read_blocks(path, guard):
        match piece:
            case Gap():
                seconds += piece.seconds
                samples = resampler.flush()
                yield samples
                yielded += samples.shape[1]
                missing = round(seconds * rate) - yielded
                yield from _silences(channels, missing, rate)
                yielded += max(0, missing)
            case SoundBlock():
                seconds += Fraction(piece.samples.shape[1], piece.format.rate)
                samples = resampler.feed(select(piece.samples), piece.format.rate)
                yielded += samples.shape[1]
                yield samples
            case ReadErrors():
                pass
    rest = round(seconds * rate) - yielded
    tail = resampler.flush()[:, : max(0, rest)]
    yield np.concatenate([tail, silence(channels, rest - tail.shape[1])], axis=1)


def keep_channels(count: int) -> SelectChannels:
    """Return a selection of ``count`` channels: all that there are, then silence.

    A file may have fewer at times. A single channel is then heard from the first two.
    """

    def select(samples: Samples) -> Samples:
        if len(samples) == 1 and count > 1:
            samples = np.repeat(samples, 2, axis=0)
        kept = samples[:count]
        return np.concatenate([kept, silence(count - len(kept), kept.shape[1])])

    return select


def mean_or_channel(channel: int | None) -> SelectChannels:
    """Return a selection of one channel: the one with that index, or the mean of all (None)."""

    def select(samples: Samples) -> Samples:
        if channel is None or channel >= len(samples):
            mean: Samples = samples.mean(axis=0, keepdims=True)
            return mean
        return samples[channel : channel + 1]

    return select


class Resampler:
    """PyAV's resampler, restarted where the rate changes. It treats each channel alone."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._layout = resolve_layout("channels", channels)
        self._resampler: AudioResampler | None = None
        self._source_rate = 0

    def feed(self, samples: Samples, rate: int) -> Samples:
        """Return what the resampler puts out for (channels, n) samples."""
        before = self.flush() if rate != self._source_rate else silence(self._channels, 0)
        self._source_rate = rate
        if rate == self._rate:
            return np.concatenate([before, samples], axis=1)
        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout=self._layout, rate=self._rate)
        frames = self._resampler.resample(packed_frame(samples, rate, self._layout))
        return self._joined(before, frames)

    def flush(self) -> Samples:
        """Return what the resampler still holds, and end it."""
        if self._resampler is None:
            return silence(self._channels, 0)
        rest = self._resampler.resample(None)
        self._resampler = None
        return self._joined(silence(self._channels, 0), rest)

    def _joined(self, before: Samples, frames: list[AudioFrame]) -> Samples:
        # A resampler with nothing to do returns the None that flushes it.
        pieces = [frame.to_ndarray().reshape(-1, self._channels).T for frame in frames if frame]
        return np.concatenate([before, *pieces], axis=1)


def _silences(channels: int, count: int, rate: int) -> Iterator[Samples]:
    """Yield ``count`` samples of silence, at most a second at once."""
    while count > 0:
        yield silence(channels, min(count, rate))
        count -= rate
