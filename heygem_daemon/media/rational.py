"""Exact ratios from PyAV: rates, time bases and aspect ratios as fractions.

PyAV 18 gives a ``Fraction`` or None, PyAV 19 an ``AVRational`` that is false where FFmpeg knows no
value. The product of two ``AVRational`` is rounded to 32 bits, so that sums over long files would
drift; fractions are exact.
"""

from fractions import Fraction
from typing import Protocol


class Ratio(Protocol):
    """A ratio of two integers, as PyAV 18 and 19 give it."""

    @property
    def numerator(self) -> int:
        """The dividend."""

    @property
    def denominator(self) -> int:
        """The divisor, 0 where FFmpeg knows no value."""


def as_fraction(ratio: Ratio | None, default: Fraction) -> Fraction:
    """Return ``ratio`` as a fraction, or ``default`` where FFmpeg knows no value."""
    if ratio is None or not ratio.numerator or not ratio.denominator:
        return default
    return Fraction(ratio.numerator, ratio.denominator)
