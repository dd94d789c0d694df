from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.audio.listening import FrameSpeech
from heygem_daemon.engines.builtin.targets.calibration import (
    MOST_DROP,
    MOST_WIDTH,
    extract_expression,
    limit_to_drawable,
    lip_closure,
    mouth_targets,
)
from heygem_daemon.engines.builtin.targets.speaking_style import (
    CLOSED_APERTURE,
    WIDEST_APERTURE,
    SpeakingStyle,
    measure_speaking_style,
)
from heygem_daemon.engines.builtin.targets.temporal_filters import low_pass
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.face.tracking.mouth import APERTURE, JAW, WIDTH

Floats = NDArray[np.float32]
FRAMES = 200


def speaker(spread: float, base: float = 0.0) -> Floats:
    """Return the parameters of a person whose aperture runs from ``base`` to ``base + spread``."""
    parameters = np.tile(np.array([0, 0.6, 0.8, 0.18], np.float32), (FRAMES, 1))
    parameters[:, 0] = base + spread * np.linspace(0, 1, FRAMES)
    return parameters


def speech_with(activity: float = 1.0, closed: float = 0.0) -> FrameSpeech:
    score = np.random.default_rng(1).normal(size=(FRAMES, 4)).astype(np.float32)
    return FrameSpeech(
        score, np.full(FRAMES, activity, np.float32), np.full(FRAMES, closed, np.float32)
    )


def slow_speech() -> FrameSpeech:
    """Return speech whose scores change as slowly as a mouth does."""
    speech = speech_with()
    scores = low_pass(speech.scores, 2.0)
    return replace(speech, scores=scores / scores.std(axis=0))


def targets(style: SpeakingStyle, speech: FrameSpeech, source: Floats | None = None) -> Floats:
    source = speaker(0.0) if source is None else source
    expression = extract_expression(source, np.zeros(FRAMES, np.int16), 25.0)
    return mouth_targets(speech, expression, style, 25.0)


@pytest.fixture
def speaking(shape: MouthShape) -> SpeakingStyle:
    return measure_speaking_style(speaker(0.2), 25.0, shape)


def test_a_speaking_person_keeps_the_own_range(speaking: SpeakingStyle) -> None:
    apertures = targets(speaking, speech_with())[:, APERTURE]
    assert 0.15 < np.quantile(apertures, 0.95) - np.quantile(apertures, 0.05) < 0.25


def test_a_still_smile_gets_an_average_speakers_range(shape: MouthShape) -> None:
    style = measure_speaking_style(speaker(0.01, base=0.08), 25.0, shape)
    apertures = targets(style, speech_with())[:, APERTURE]
    assert 0.08 < np.quantile(apertures, 0.95) < 0.2
    assert apertures.min() < 0.03


def test_no_mouth_opens_wider_than_the_limit(shape: MouthShape) -> None:
    style = measure_speaking_style(speaker(0.5), 25.0, shape)
    assert targets(style, speech_with())[:, APERTURE].max() <= WIDEST_APERTURE


def test_silence_closes_even_a_mouth_that_is_open_in_the_source(shape: MouthShape) -> None:
    gaping = speaker(0.1, base=0.1)
    result = targets(measure_speaking_style(gaping, 25.0, shape), speech_with(activity=0.0), gaping)
    assert result[:, APERTURE].max() <= CLOSED_APERTURE + 1e-6
    assert result[:, WIDTH] == pytest.approx(0.6, abs=1e-3)


def test_in_silence_a_speakers_jaw_rises_and_a_silent_ones_rests(shape: MouthShape) -> None:
    calm = speech_with(activity=0.0)
    talking = targets(measure_speaking_style(speaker(0.2), 25.0, shape), calm)
    assert (talking[:, JAW] < 0.8).all()
    resting = targets(measure_speaking_style(speaker(0.01), 25.0, shape), calm)
    assert resting[:, JAW] == pytest.approx(0.8, abs=1e-3)


def test_lips_that_are_shut_close_whatever_the_score(speaking: SpeakingStyle) -> None:
    result = targets(speaking, speech_with(closed=1.0))
    assert result[:, APERTURE].max() <= CLOSED_APERTURE + 1e-6
    assert result[:, JAW].std() > 0.01


def test_a_higher_score_never_opens_less(speaking: SpeakingStyle) -> None:
    rising = np.zeros((FRAMES, 4), np.float32)
    rising[:, APERTURE] = np.linspace(-3, 3, FRAMES)
    result = targets(speaking, replace(speech_with(), scores=rising))
    assert (np.diff(result[:, APERTURE]) >= -1e-6).all()


def test_an_aperture_is_linear_in_what_is_heard_whatever_the_person_s_habit(
    shape: MouthShape,
) -> None:
    rarely_open = speaker(0.2)
    rarely_open[:, APERTURE] = 0.2 * (np.arange(FRAMES) > 0.9 * FRAMES)
    style = measure_speaking_style(rarely_open, 25.0, shape, speaks=True)
    speech = slow_speech()
    result, score = targets(style, speech)[:, APERTURE], speech.scores[:, APERTURE]
    opened = result > CLOSED_APERTURE
    assert 0.5 < opened.mean() < 0.8
    assert np.corrcoef(result[opened], score[opened])[0, 1] > 0.98


def test_a_voice_that_often_sounds_closed_still_opens_the_mouth(speaking: SpeakingStyle) -> None:
    speech, doubtful = slow_speech(), lip_closure(np.full(FRAMES, 0.9, np.float32))
    result = targets(speaking, replace(speech, closed=doubtful))[:, APERTURE]
    score = speech.scores[:, APERTURE]
    assert result[score > 1].min() > CLOSED_APERTURE
    assert result[score < 0].max() < result[score > 1].min()


def test_width_and_jaw_follow_their_own_scores(speaking: SpeakingStyle) -> None:
    speech = speech_with()
    result = targets(speaking, speech)
    for parameter in (WIDTH, JAW):
        followed = np.corrcoef(result[:, parameter], speech.scores[:, parameter])[0, 1]
        assert followed > 0.95
        spread = result[:, parameter].std() / speaking.deviations[parameter]
        assert 0.8 < spread < 1.2


def test_scores_that_were_smoothed_move_the_mouth_as_far_as_it_goes(
    speaking: SpeakingStyle,
) -> None:
    speech = speech_with()
    result = targets(speaking, replace(speech, scores=0.8 * speech.scores))
    for parameter in (WIDTH, JAW):
        assert 0.9 < result[:, parameter].std() / speaking.deviations[parameter] < 1.1


def test_a_short_closure_reaches_the_frame_next_to_its_middle() -> None:
    for middle in range(40, 60):
        closed = np.zeros(100, np.float32)
        closed[middle : middle + 2] = 0.5
        shut = lip_closure(closed)
        lasting = lip_closure(np.full(100, 0.5, np.float32))
        nearest = 2 * round((middle + 0.5) / 2)
        assert shut[nearest] > 0.85 * lasting[nearest]
        assert shut[:30].max() == shut[70:].max() == 0.0


def test_closures_do_not_take_the_own_range_away(speaking: SpeakingStyle) -> None:
    closed = (np.arange(FRAMES) % 12 < 4).astype(np.float32)
    without = np.ptp(speaking.aperture_range)
    result = targets(speaking, replace(speech_with(), closed=closed))[:, APERTURE]
    assert 0.8 < np.ptp(np.quantile(result, [0.05, 0.95])) / without < 1.3
    assert result[closed == 1].max() <= CLOSED_APERTURE + 1e-6


def test_the_expression_of_one_shot_does_not_reach_into_the_next() -> None:
    source = np.zeros((100, 4), np.float32)
    source[40:] = 1.0
    shot = np.repeat([0, 1], [40, 60])
    assert np.array_equal(extract_expression(source, shot, 25.0), source)
    assert 0.2 < extract_expression(source, np.zeros(100, np.int16), 25.0)[39, 0] < 0.8


def test_doubt_does_not_close_the_lips() -> None:
    assert lip_closure(np.full(50, 0.03, np.float32)).max() == 0.0
    assert lip_closure(np.zeros(0, np.float32)).size == 0


def test_a_grin_is_not_pulled_together_to_a_kiss() -> None:
    source = np.tile(np.array([0.1, 0.7, 0.8, 0.1], np.float32), (3, 1))
    result = source.copy()
    result[:, WIDTH] += (0.02, -0.26, 0.26)
    change = limit_to_drawable(result, source)[:, WIDTH] - source[:, WIDTH]
    assert change[0] == pytest.approx(0.02, abs=0.001)
    assert change[1] == pytest.approx(-change[2])
    assert 0.8 * MOST_WIDTH < change[2] < MOST_WIDTH
    assert np.array_equal(limit_to_drawable(result, source)[:, APERTURE], source[:, APERTURE])


def test_no_jaw_falls_under_lips_that_close() -> None:
    source = np.tile(np.array([0.1, 0.7, 0.8, 0.1], np.float32), (4, 1))
    change = np.array([[-0.1, 0.05], [0.1, 0.1], [-0.1, -0.1], [0, 0.01]], np.float32)
    result = source.copy()
    result[:, [APERTURE, JAW]] += change
    drawn = (limit_to_drawable(result, source) - source)[:, JAW]
    assert 0.8 * MOST_DROP < drawn[0] < MOST_DROP
    assert drawn[1:] == pytest.approx(change[1:, 1])
