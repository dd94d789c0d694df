import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.calibration import (
    CLOSED,
    WIDEST,
    Habits,
    habits_of,
    mouth_targets,
)
from heygem_daemon.engines.builtin.shape import MouthShape

Floats = NDArray[np.float32]
FRAMES = 200


def speaker(spread: float, base: float = 0.0) -> Floats:
    """Parameters of somebody whose aperture runs evenly over ``spread`` above ``base``."""
    parameters = np.tile(np.array([0, 0.6, 0.8, 0.18], np.float32), (FRAMES, 1))
    parameters[:, 0] = base + spread * np.linspace(0, 1, FRAMES)
    return parameters


def targets(
    habits: Habits, shape: MouthShape, activity: float, source: Floats | None = None
) -> Floats:
    score = np.random.default_rng(1).normal(size=(FRAMES, 4)).astype(np.float32)
    active = np.full(FRAMES, activity, np.float32)
    source = speaker(0.0) if source is None else source
    return mouth_targets(score, active, source, 25.0, habits, shape)


def test_a_speaking_person_keeps_the_own_range(shape: MouthShape) -> None:
    habits = habits_of(speaker(0.2), shape)
    apertures = targets(habits, shape, 1.0)[:, 0]
    assert 0.15 < np.quantile(apertures, 0.95) - np.quantile(apertures, 0.05) < 0.25


def test_a_still_smile_gets_an_average_speakers_range(shape: MouthShape) -> None:
    habits = habits_of(speaker(0.01, base=0.08), shape)
    apertures = targets(habits, shape, 1.0)[:, 0]
    assert 0.08 < np.quantile(apertures, 0.95) < 0.2
    assert apertures.min() < 0.03


def test_nobody_is_made_to_gape(shape: MouthShape) -> None:
    habits = habits_of(speaker(0.5), shape)
    assert targets(habits, shape, 1.0)[:, 0].max() <= WIDEST


def test_silence_closes_even_a_mouth_that_is_open_in_the_source(shape: MouthShape) -> None:
    gaping = speaker(0.1, base=0.1)
    apertures = targets(habits_of(gaping, shape), shape, 0.0, gaping)[:, 0]
    assert apertures.max() <= CLOSED + 1e-6


def test_a_higher_score_never_opens_less(shape: MouthShape) -> None:
    score = np.zeros((FRAMES, 4), np.float32)
    score[:, 0] = np.linspace(-3, 3, FRAMES)
    habits = habits_of(speaker(0.2), shape)
    wanted = mouth_targets(score, np.ones(FRAMES, np.float32), speaker(0), 25.0, habits, shape)
    assert (np.diff(wanted[:, 0]) >= -1e-6).all()


def test_the_jaw_sinks_as_the_mouth_opens(shape: MouthShape) -> None:
    wanted = targets(habits_of(speaker(0.2), shape), shape, 1.0)
    assert np.corrcoef(wanted[:, 0], wanted[:, 2])[0, 1] > 0.6
