"""Measure the channels of a sound: which of them carries the voice, how loud they are.

Listening takes one channel or the mean of all. The mean is right for most files, but it is silence
where two channels have opposite phase, and it buries a voice that shares a file with a tone or
with music.
"""

import math

import numpy as np

from heygem_daemon.media.samples import Samples
from heygem_daemon.media.spectrum import PowerSpectrum

WINDOW = 1 / 50
"""Seconds over which a level is measured."""
QUIETEST_DB = -60
"""Levels below count as silence."""
LEAST_CHANGE_DB = 0.5
"""Mean change from one window to the next from which a channel may carry a voice."""
MARGIN = 1.5
"""How much more a channel must change than the mean. Where one of several people speaks into each
channel, the mean changes more than each of them."""
LOW_HERTZ = 250
"""What an LFE channel holds lies below."""
CUT_HERTZ = 260
"""What AAC keeps of an LFE channel lies below: 12 of 1024 bands, 258 Hz at 44.1 kHz, 281 at 48."""
LOW_RESOLUTION = 25
"""Hertz between the frequencies at which an LFE channel is measured, at most."""


class ChannelMeter:
    """Takes the samples of a sound in order, in blocks. It does not grow with their number."""

    def __init__(self, channels: int, rate: int, low_channel: int | None = None) -> None:
        """``low_channel``: index of the LFE channel, if there is one."""
        self._rate = rate
        self._low_channel = low_channel
        self._low_spectrum = PowerSpectrum(1 << math.ceil(math.log2(rate / LOW_RESOLUTION)))
        self._peaks = np.zeros(channels, np.float32)
        """Largest absolute value of each channel."""
        self._window = max(1, round(rate * WINDOW))
        self._levels = np.full((channels + 1, 1), np.nan)
        """Level of the last window: of the mean, then of each channel."""
        self._changes = np.zeros(channels + 1)
        """Sums of what the levels changed by, in dB."""
        self._windows = 0
        self._rest = np.zeros((channels, 0), np.float32)
        self._squares = np.zeros(channels)
        self._difference_squares = np.zeros(channels)
        self._low = 2 * math.sin(math.pi * min(LOW_HERTZ / rate, 0.5))

    def measure(self, samples: Samples) -> None:
        """Take the next (channels, n) samples."""
        if not samples.size:
            return
        self._peaks = np.maximum(self._peaks, np.abs(samples).max(axis=1))
        if self._low_channel is not None:
            self._low_spectrum.add(samples[self._low_channel])
        self._squares += np.square(samples).sum(axis=1)
        self._difference_squares += np.square(np.diff(samples, axis=1)).sum(axis=1)
        joined = np.concatenate([self._rest, samples], axis=1)
        whole = joined.shape[1] - joined.shape[1] % self._window
        self._rest = joined[:, whole:]
        if whole:
            self._add_changes(joined[:, :whole])

    @property
    def peak(self) -> float:
        """The largest absolute value of all channels."""
        return float(self._peaks.max())

    def silent_channels(self) -> frozenset[int]:
        """Return the indices of the channels that hold nothing."""
        return frozenset(np.flatnonzero(self._peaks == 0).tolist())

    def voice_channel(self) -> int | None:
        """Return the channel that carries the voice; None: the mean of all is as good.

        The level of a voice changes with each sound and pause; a tone, noise or silence stays even.
        """
        changes = self._changes / max(1, self._windows)
        best = int(np.argmax(changes[1:]))
        least = max(LEAST_CHANGE_DB, float(changes[0]) * MARGIN)
        return best if changes[1 + best] > least else None

    def low_channel_is_full_range(self) -> bool:
        """Whether the mean frequency (of the squares) of the LFE channel is more than that of an
        LFE.

        The difference of neighbouring samples of a tone of f Hz is 2·sin(πf/rate) times the tone.
        """
        if (channel := self._low_channel) is None:
            return False
        limit = self._low**2 * self._squares[channel]
        return bool(self._difference_squares[channel] > limit)

    def low_channel_cut(self) -> float:
        """Return the part of the power of the LFE channel that AAC does not keep."""
        return self._low_spectrum.part_above(CUT_HERTZ, self._rate)

    def _add_changes(self, samples: Samples) -> None:
        tracks = np.concatenate([samples.mean(axis=0, keepdims=True), samples])
        powers = tracks.reshape(len(tracks), -1, self._window).var(axis=2)
        levels = 10 * np.log10(np.maximum(powers, 10 ** (QUIETEST_DB / 10)))
        steps = np.diff(np.concatenate([self._levels, levels], axis=1), axis=1)
        self._changes += np.nansum(np.abs(steps), axis=1)
        self._levels = levels[:, -1:]
        self._windows += levels.shape[1]
