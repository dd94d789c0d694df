"""The output's rate comes from the usual distance between pictures, and no picture is lost."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heygem_daemon.media.frame_rate import choose_rate
from heygem_daemon.media.timeline import constant_rate_indices

NTSC_FILM, NTSC, NTSC_DOUBLE = (Fraction(n * 1000, 1001) for n in (24, 30, 60))
STANDARD = [NTSC_FILM, *map(Fraction, (24, 25)), NTSC, *map(Fraction, (30, 48, 50))]
STANDARD += [NTSC_DOUBLE, Fraction(60)]


def times_of(steps: list[float]) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.concatenate([[0.0], np.cumsum(steps)])


@pytest.mark.parametrize("rate", STANDARD)
@pytest.mark.parametrize("digits", [3, 6])
@pytest.mark.parametrize("seconds", [2, 600])
@pytest.mark.parametrize("stated", [True, False])
def test_a_constant_rate_is_found_through_rounded_times(
    rate: Fraction, digits: int, seconds: int, stated: bool
) -> None:
    count = round(seconds * rate)
    times = np.array([round(float(number / rate), digits) for number in range(count)])
    if not stated and seconds == 2:
        found = choose_rate(times, None)
        assert abs(found - rate) < rate / 500
    else:
        assert choose_rate(times, rate if stated else None) == rate
    assert constant_rate_indices(times, choose_rate(times, rate)).tolist() == list(range(count))


@pytest.mark.parametrize("rate", STANDARD)
@pytest.mark.parametrize("gap", [0.2, 5.0, 17.0])
@pytest.mark.parametrize("place", [0, 20, 49])
def test_a_held_picture_does_not_change_the_rate(rate: Fraction, gap: float, place: int) -> None:
    steps = [1 / float(rate)] * 50
    steps[place] += gap
    times = times_of(steps)
    mean = Fraction(50 / float(times[-1])).limit_denominator(1000)
    assert choose_rate(times, mean) == rate
    shown = constant_rate_indices(times, rate)
    assert set(shown.tolist()) == set(range(51))
    assert abs(len(shown) - 1 - float(times[-1] * rate)) < 1


@given(
    st.lists(st.floats(-0.4, 0.4), min_size=40, max_size=300),
    st.sampled_from(STANDARD[:5]),
    st.lists(st.floats(0, 3), min_size=1, max_size=5),
)
def test_jitter_and_pauses_lose_no_picture(
    jitter: list[float], rate: Fraction, pauses: list[float]
) -> None:
    times = (np.arange(len(jitter)) + np.array(jitter)) / float(rate)
    for number, pause in enumerate(pauses):
        times[(number + 1) * len(jitter) // (len(pauses) + 2) :] += pause
    times -= times[0]
    fps = choose_rate(times, None)
    assert fps <= 60
    shown = constant_rate_indices(times, fps)
    apart = np.flatnonzero(np.diff(times) < 1 / 60)
    assert set(range(len(times))) - set(shown.tolist()) <= set(apart.tolist()) | set(
        (apart + 1).tolist()
    )


def test_a_recorder_that_speeds_up_gets_the_rate_that_shows_all() -> None:
    slow, fast = [1 / 30] * 200, [1 / 60] * 100
    times = times_of(slow + fast + slow)
    assert choose_rate(times, Fraction(35)) == 60
    assert set(constant_rate_indices(times, Fraction(60)).tolist()) == set(range(501))


def test_a_burst_of_late_pictures_does_not_double_the_rate() -> None:
    """A webcam that stalls delivers pictures at once, less than 1/60 s apart."""
    steps = [1 / 30] * 300
    steps[100:105] = [0.16, 0.002, 0.002, 0.002, 0.001]
    times = times_of(steps)
    assert choose_rate(times, Fraction(30)) == 30


@given(st.integers(300, 5900))
@example(5733)
def test_an_odd_mean_is_never_the_rate_of_a_variable_video(hundredths: int) -> None:
    random = np.random.default_rng(hundredths)
    times = times_of((random.uniform(0.5, 1.5, 300) * 100 / hundredths).tolist())
    assert choose_rate(times, Fraction(hundredths, 100)).denominator in (1, 1001)


def test_a_near_rate_becomes_the_standard_one_unless_pictures_are_lost_by_it() -> None:
    assert choose_rate(np.arange(50) / 25.2, Fraction(252, 10)) == 25
    long = np.arange(15_120) / 25.2
    assert choose_rate(long, Fraction(252, 10)) == Fraction(252, 10)


@pytest.mark.parametrize("rate", [NTSC_FILM, NTSC, NTSC_DOUBLE])
def test_no_drift_in_ten_minutes_with_gaps(rate: Fraction) -> None:
    steps = np.full(round(600 * rate), 1 / float(rate))
    steps[::700] += 0.1
    times = np.round(times_of(steps.tolist()), 3)
    fps = choose_rate(times, None)
    assert fps == rate
    shown = constant_rate_indices(times, fps)
    late = np.arange(len(shown)) / float(fps) - times[shown]
    first = np.flatnonzero(np.diff(shown, prepend=-1))
    assert set(shown.tolist()) == set(range(len(times)))
    assert np.abs(late[first]).max() <= 1 / float(fps)
    assert abs(late[first][-200:].mean()) < 0.6 / float(fps)


@pytest.mark.parametrize("rate", [Fraction(90), Fraction(100), Fraction(120), Fraction(240)])
def test_fast_cameras_keep_or_halve_their_rate(rate: Fraction) -> None:
    times = np.arange(480) / float(rate)
    assert choose_rate(times, rate) == (60 if rate > 120 else rate)


def test_few_pictures_have_a_rate() -> None:
    assert choose_rate(np.zeros(1), Fraction(1, 20)) == 25
    assert choose_rate(np.array([0.0, 0.04, 20.0]), Fraction(3, 20)) == 25
    assert choose_rate(np.zeros(3), Fraction(30)) == 30
