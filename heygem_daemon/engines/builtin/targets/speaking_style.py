"""How far a person's mouth moves in speech: seen in the video, or as people do on the mean."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.targets.temporal_filters import low_pass
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.face.tracking.mouth import APERTURE, PUCKER, WIDTH

Flags = NDArray[np.bool_]

CLOSED_APERTURE = 0.012
"""A mouth that the tracker measures below this is closed, IOD."""
WIDEST_APERTURE = 0.26
"""Largest aperture ever asked for, IOD."""
SPEAKING_RANGE = 0.06
"""An aperture that varies by at least this (5th to 95th percentile) varies as in speech."""
SPEECH_TOP = 0.14
TOP_APERTURE_BOUNDS = (0.10, 0.22)
"""95th percentile of the aperture above closed: of an average speaker, and its bounds for one who
grimaces or hardly moves the lips, IOD. Who is known to speak may open wider."""
AVERAGE_WIDTH = 0.587
SIZE_BOUNDS = (0.8, 1.2)
"""Median width of a speaking mouth for which the average holds, IOD (GRID's speaker 1), and the
bounds of what a narrower or a wider mouth makes of it."""
WIDTH_STEP = 0.035
"""Standard deviation of the width in speech, IOD: more than in the read sentences of the training
speaker, who hardly spreads his lips."""
PUCKER_SHARE = 0.35
"""The pucker is hardly heard: it moves by this part of its standard deviation."""
DEVIATION_BOUNDS = (0.6, 1.8)
"""Bounds of a person's own deviations, in the average speaker's."""
EXPRESSION_SECONDS = 2.0
"""Expression (a smile, a hanging jaw) is what remains of a mouth after this much smoothing;
speech is what goes."""
REST_SCORES = (0.0, 0.0, -0.7, 0.0)
"""Where a mouth rests that does not speak, in standard deviations from its mean in speech
(GRID's speaker 1 before and after his sentences): only the jaw is elsewhere."""


LEAST_SECONDS = 5.0
"""A person who is shown for less tells less of the own habits than everybody's tell."""


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """How a person's mouth moves in speech.

    ``quantiles``: (Q,) of the aperture at equally spaced ranks, and ``closed``, its value with
    closed lips; ``deviations``: (4,) of the mouth parameters, IOD. ``level``: (4,) which z-score
    the expression of the video stands for: 0 where it speaks, ``CALM`` where it does not.
    """

    quantiles: Floats
    closed_aperture: float
    deviations: Floats
    expression_scores: Floats


def measure_speaking_style(
    parameters: Floats, fps: float, shape: MouthShape, speaks: bool = False
) -> SpeakingStyle:
    """The habits of a person with the mouth parameters (T, 4) in the pictures of the video.

    ``speaks``: the pictures are known to show speech; its distribution is the person's own.
    Without, where the mouth moves as in speech, half way between that and an average speaker:
    a video may also show a listening or a laughing mouth. A mouth that does not move gets an
    average speaker's habits in its own size.
    """
    apertures = parameters[:, APERTURE]
    low, high = _aperture_range(parameters)
    closed = min(float(np.quantile(apertures, 0.02)), CLOSED_APERTURE)
    usual = average_deviations(shape)
    size = float(np.clip(np.median(parameters[:, WIDTH]) / AVERAGE_WIDTH, *SIZE_BOUNDS))
    if not has_speech_motion(parameters):
        quantiles = closed + size * SPEECH_TOP * shape.quantiles
        return SpeakingStyle(quantiles, closed, size * usual, np.array(REST_SCORES, np.float32))
    top = float(
        np.clip(
            high - closed,
            TOP_APERTURE_BOUNDS[0],
            WIDEST_APERTURE if speaks else TOP_APERTURE_BOUNDS[1],
        )
    )
    floor = min(low, 3 * CLOSED_APERTURE)
    own = np.quantile(apertures, np.linspace(0, 1, len(shape.quantiles)))
    shares = (own - floor).clip(0) / (high - floor)
    trust = 1.0 if speaks else 0.5
    quantiles = closed + top * (trust * shares + (1 - trust) * shape.quantiles)
    spoken = (parameters - low_pass(parameters, EXPRESSION_SECONDS * fps)).std(axis=0)
    bounded = np.clip(spoken, DEVIATION_BOUNDS[0] * usual, DEVIATION_BOUNDS[1] * usual)
    deviations = trust * bounded + (1 - trust) * usual
    return SpeakingStyle(
        quantiles.astype(np.float32),
        closed,
        deviations.astype(np.float32),
        np.zeros(len(REST_SCORES), np.float32),
    )


def measure_speaking_styles(
    parameters: Floats,
    person: NDArray[np.integer],
    speaking: Flags,
    usable: Flags,
    fps: float,
    shape: MouthShape,
) -> dict[int, SpeakingStyle]:
    """The habits of each ``person``, (T,) numbers, with the mouth ``parameters`` (T, 4).

    From the pictures (T,) in which that person is known to be ``speaking``, or else from all
    ``usable`` ones; where either are too few, everybody's.
    """
    speaks = bool(speaking.any())
    common = measure_speaking_style(parameters[speaking if speaks else usable], fps, shape, speaks)
    numbers = np.unique(person[usable]).tolist()
    each = dict.fromkeys(np.unique(person).tolist(), common)
    if len(numbers) < 2:
        return each
    for number in numbers:
        for shown, known in ((usable, False), (speaking, True)):
            own = parameters[shown & (person == number)]
            if len(own) >= LEAST_SECONDS * fps:
                each[number] = measure_speaking_style(own, fps, shape, known)
    return each


def has_speech_motion(parameters: Floats) -> bool:
    """Whether a mouth with the parameters (T, 4) moves as in speech."""
    if not len(parameters):
        return False
    low, high = _aperture_range(parameters)
    return high - low >= SPEAKING_RANGE


def _aperture_range(parameters: Floats) -> tuple[float, float]:
    """5th and 95th percentile of the aperture."""
    low, high = np.quantile(parameters[:, APERTURE], [0.05, 0.95]).tolist()
    return low, high


def average_deviations(shape: MouthShape) -> Floats:
    """Standard deviations (4,) of the mouth parameters of an average speaker, IOD."""
    usual = shape.deviations.copy()
    usual[WIDTH] = WIDTH_STEP
    usual[PUCKER] *= PUCKER_SHARE
    return usual
