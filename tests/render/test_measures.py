import numpy as np
import pytest

from heygem_daemon.device.arrays import Floats
from heygem_daemon.render.measures import (
    closed_threshold,
    correlation,
    jitter,
    lag,
    robust_range,
    share_closed,
    sharpness,
    unexplained,
)

FRAMES = 100


def syllables(late: float = 0.0) -> Floats:
    """A mouth that opens to about 0.2 IOD four times a second, at 25 frames per second."""
    phase = (np.arange(FRAMES) - late) * 2 * np.pi * 4 / 25
    slow = 1 + 0.3 * np.sin((np.arange(FRAMES) - late) * 0.11)
    return np.asarray(0.1 * (1 - np.cos(phase)) * slow, np.float32)


def test_a_scaled_copy_correlates_fully_and_its_opposite_inversely() -> None:
    assert correlation(0.5 * syllables() + 0.02, syllables()) == pytest.approx(1)
    assert correlation(-syllables(), syllables()) == pytest.approx(-1)


def test_what_a_multiple_of_the_target_does_not_explain_is_the_error() -> None:
    noise = np.random.default_rng(1).normal(0, 0.02, FRAMES).astype(np.float32)
    assert unexplained(0.5 * syllables() + 0.02, syllables()) == pytest.approx(0, abs=1e-4)
    assert unexplained(2 * syllables() + noise, syllables()) == pytest.approx(
        float(noise.std()), rel=0.03
    )
    assert unexplained(syllables()[:10], syllables()[:10]) is None


def test_frames_with_nan_are_not_counted() -> None:
    measured = syllables()
    measured[10:30] = np.nan
    assert correlation(measured, syllables()) == pytest.approx(1)


def test_too_few_frames_or_a_still_mouth_give_no_figure() -> None:
    assert correlation(syllables()[:10], syllables()[:10]) is None
    assert correlation(syllables(), np.full(FRAMES, 0.1, np.float32)) is None
    assert lag(np.full(FRAMES, np.nan, np.float32), syllables(), 5) is None


@pytest.mark.parametrize("frames", [0, 1, 3, 12])
def test_a_few_frames_have_no_lag(frames: int) -> None:
    assert lag(syllables()[:frames], syllables()[:frames], 5) is None


@pytest.mark.parametrize("late", [-2.0, 0.0, 0.5, 3.0])
def test_a_lag_is_found_to_a_part_of_a_frame(late: float) -> None:
    found = lag(syllables(late), syllables(), 5)
    assert found == pytest.approx(late, abs=0.1)


def test_the_range_leaves_extremes_out() -> None:
    apertures = np.linspace(0, 0.2, 101).astype(np.float32)
    assert robust_range(apertures) == pytest.approx(0.18)


def test_closed_is_the_lowest_part_of_the_range() -> None:
    threshold = closed_threshold(np.linspace(0, 0.2, 101).astype(np.float32))
    assert threshold == pytest.approx(0.01 + 0.15 * 0.18)


def test_a_mouth_that_stays_open_is_not_closed_at_its_narrowest() -> None:
    apertures = np.linspace(0.08, 0.2, 101).astype(np.float32)
    everywhere = np.ones(101, np.bool_)
    assert share_closed(apertures, closed_threshold(apertures), everywhere) == 0


def test_without_frames_there_is_no_share() -> None:
    assert share_closed(syllables(), 0.03, np.zeros(FRAMES, np.bool_)) is None


def test_a_trembling_mouth_has_more_jitter() -> None:
    calm = jitter(syllables())
    restless = syllables() + np.float32(0.02) * (-1) ** np.arange(FRAMES)
    trembling = jitter(restless.astype(np.float32))
    assert calm is not None
    assert trembling is not None
    assert trembling > 1.2 * calm


def test_blur_lowers_sharpness() -> None:
    sharp = np.random.default_rng(1).integers(0, 255, (40, 60), dtype=np.uint8)
    blurred = ((sharp[1:].astype(int) + sharp[:-1]) // 2).astype(np.uint8)
    assert sharpness(blurred) < 0.6 * sharpness(sharp)
    assert sharpness(sharp[:1]) == 0
