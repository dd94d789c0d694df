import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.targets.speaking_style import (
    SpeakingStyle,
    average_deviations,
    has_speech_motion,
    measure_speaking_style,
    measure_speaking_styles,
)
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.face.tracking.mouth import JAW, WIDTH
from tests.engines.builtin.speaker import mouth_of, speech_of

Floats = NDArray[np.float32]


def still(width: float = 0.587) -> Floats:
    return np.tile(np.array([0.08, width, 0.8, 0.18], np.float32), (200, 1))


def test_a_speaker_keeps_the_own_range_and_deviations(shape: MouthShape) -> None:
    _, mouth = mouth_of(speech_of(20.0, seed=1).scores)
    style = measure_speaking_style(mouth, 25.0, shape, speaks=True)
    low, high = np.quantile(mouth[:, 0], [0.05, 0.95])
    assert abs(np.ptp(style.aperture_range) / (high - low) - 1) < 0.35
    assert abs(style.deviations[WIDTH] / mouth[:, WIDTH].std() - 1) < 0.2
    assert abs(style.deviations[JAW] / mouth[:, JAW].std() - 1) < 0.2
    assert not style.expression_scores.any()


def test_a_still_face_gets_an_average_speakers_style(shape: MouthShape) -> None:
    style = measure_speaking_style(still(), 25.0, shape)
    assert np.allclose(style.deviations, average_deviations(shape))
    assert 0.1 < style.aperture_range[1] < 0.2
    assert style.closed_aperture < 0.02
    assert style.expression_scores[JAW] < 0


def test_a_small_mouth_moves_less(shape: MouthShape) -> None:
    small, large = (measure_speaking_style(still(width), 25.0, shape) for width in (0.48, 0.68))
    assert large.aperture_range[1] > 1.3 * small.aperture_range[1]
    assert (large.deviations > 1.3 * small.deviations).all()


def test_one_picture_is_enough(shape: MouthShape) -> None:
    style = measure_speaking_style(still()[:1], 25.0, shape)
    assert np.isfinite(style.aperture_range).all()
    assert np.isfinite(style.deviations).all()


def test_without_known_speech_the_own_style_counts_half(shape: MouthShape) -> None:
    _, mouth = mouth_of(speech_of(20.0, seed=1).scores)
    own, half = (measure_speaking_style(mouth, 25.0, shape, speaks) for speaks in (True, False))
    average = average_deviations(shape)
    assert np.allclose(half.deviations, (own.deviations + average) / 2)


def test_speech_motion_is_distinguished_from_rest() -> None:
    assert has_speech_motion(mouth_of(speech_of(10.0, seed=1).scores)[1])
    assert not has_speech_motion(still())
    assert not has_speech_motion(still()[:0])


def two_people(second: int) -> tuple[Floats, NDArray[np.int16]]:
    """Return a person who speaks for 10 s, and ``second`` pictures of one who only smiles."""
    _, mouth = mouth_of(speech_of(10.0, seed=1).scores)
    parameters = np.concatenate([mouth, still()[:second]])
    return parameters, np.repeat(np.array([0, 1], np.int16), [len(mouth), second])


def styles_of(
    second: int, speaking: slice, shape: MouthShape
) -> tuple[dict[int, SpeakingStyle], Floats]:
    parameters, person = two_people(second)
    is_speaking = np.zeros(len(person), np.bool_)
    is_speaking[speaking] = True
    usable = np.ones(len(person), np.bool_)
    return measure_speaking_styles(parameters, person, is_speaking, usable, 25.0, shape), parameters


def same(one: SpeakingStyle, other: SpeakingStyle) -> bool:
    return (one.closed_aperture, one.aperture_range) == (
        other.closed_aperture,
        other.aperture_range,
    )


@pytest.mark.parametrize("speaking", [slice(0), slice(200)], ids=["unknown", "known"])
def test_each_person_has_the_own_style(shape: MouthShape, speaking: slice) -> None:
    styles, parameters = styles_of(200, speaking, shape)
    speaks = speaking.stop > 0
    spoken = parameters[speaking] if speaks else parameters[:250]
    assert same(styles[0], measure_speaking_style(spoken, 25.0, shape, speaks))
    assert same(styles[1], measure_speaking_style(parameters[250:], 25.0, shape))


def test_a_person_shown_too_briefly_gets_everybodys_style(shape: MouthShape) -> None:
    styles, parameters = styles_of(50, slice(0), shape)
    assert same(styles[0], measure_speaking_style(parameters[:250], 25.0, shape))
    assert same(styles[1], measure_speaking_style(parameters, 25.0, shape))


def test_a_single_persons_style_is_that_of_known_speech_however_short(shape: MouthShape) -> None:
    styles, parameters = styles_of(0, slice(60), shape)
    assert same(styles[0], measure_speaking_style(parameters[:60], 25.0, shape, speaks=True))
