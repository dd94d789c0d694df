"""Measure the power of a sound by frequency. What is held does not grow with the sound's length."""

import math

import numpy as np

from heygem_daemon.media.samples import Samples

WINDOW = 2048
"""Samples that are usually measured at once."""
LEAST_KEPT = 0.5
"""Part of the power at a frequency below which it counts as left out, rather than rounded."""


class PowerSpectrum:
    """The power of one channel at each frequency. It takes the samples in order."""

    def __init__(self, size: int = WINDOW, skip: int = 0) -> None:
        """``size``: samples measured at once. ``skip``: those at the start that are not counted."""
        self.power = np.zeros(size // 2 + 1)
        """Of each multiple of rate / ``size``."""
        self._shape = np.hanning(size).astype(np.float32)
        self._skip = skip
        self._rest = np.zeros(0, np.float32)

    def add(self, channel: Samples) -> None:
        """Take the next (n,) samples."""
        skipped = min(self._skip, channel.size)
        self._skip -= skipped
        joined = np.concatenate([self._rest, channel[skipped:]])
        size = self._shape.size
        whole = joined.size - joined.size % size
        self._rest = joined[whole:]
        if whole:
            bins = np.fft.rfft(joined[:whole].reshape(-1, size) * self._shape)
            self.power += np.square(np.abs(bins)).sum(axis=0)

    def part_above(self, hertz: float, rate: int) -> float:
        """Return the part of the power above ``hertz``; 0 where there was no sound."""
        first = math.ceil(hertz * self._shape.size / rate)
        total = float(self.power.sum())
        return float(self.power[first:].sum()) / total if total > 0 else 0.0


def level_kept(before: PowerSpectrum, after: PowerSpectrum) -> float:
    """Return the part of the power that is left at the frequencies that are not left out.

    1 where there was no sound.
    """
    kept = after.power >= before.power * LEAST_KEPT
    was = float(before.power[kept].sum())
    return float(after.power[kept].sum()) / was if was > 0 else 1.0
