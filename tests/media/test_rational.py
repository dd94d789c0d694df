"""Rates and time bases of either PyAV become exact fractions."""

from dataclasses import dataclass
from fractions import Fraction

import pytest

from heygem_daemon.media.rational import as_fraction


@dataclass(frozen=True)
class Pair:
    """A ratio of another library, with nothing of a fraction but its two numbers."""

    numerator: int
    denominator: int


@pytest.mark.parametrize("unknown", [None, Pair(0, 1), Pair(0, 0), Pair(1, 0), Fraction(0)])
def test_an_unknown_ratio_is_the_default(unknown: Pair | Fraction | None) -> None:
    assert as_fraction(unknown, Fraction(25)) == 25


def test_a_known_ratio_is_an_exact_fraction() -> None:
    rate = as_fraction(Pair(30_000, 1001), Fraction(25))
    assert type(rate) is Fraction
    # Ten hours of pictures: 32 bits cannot hold the product.
    assert 1_078_921 / rate == Fraction(1_078_921 * 1001, 30_000)
