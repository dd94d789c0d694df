"""How far a person's mouth moves in speech: measured in the video, or an average speaker's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.targets.temporal_filters import low_pass
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.face.tracking.mouth import APERTURE, PUCKER, WIDTH

Flags = NDArray[np.bool_]

CLOSED_APERTURE = 0.012
"""A mouth with a measured aperture below this is closed, IOD."""
WIDEST_APERTURE = 0.26
"""Largest target aperture, IOD."""
SPEAKING_RANGE = 0.06
"""An aperture with at least this range (5th to 95th percentile, IOD) varies as in speech."""
SPEECH_TOP = 0.14
"""95th percentile of the aperture above closed, of an average speaker, IOD."""
TOP_APERTURE_BOUNDS = (0.10, 0.22)
"""Bounds of the same for a person who grimaces or hardly moves the lips, IOD. A person who is known
to speak may open wider."""
AVERAGE_WIDTH = 0.587
"""Median width of a speaking mouth to which the average style applies, IOD (GRID's speaker 1)."""
SIZE_BOUNDS = (0.8, 1.2)
"""Bounds of the factor for a narrower or a wider mouth."""
WIDTH_STEP = 0.035
"""Standard deviation of the width in speech, IOD: more than in the read sentences of the training
speaker, who hardly spreads his lips."""
PUCKER_SHARE = 0.35
"""The pucker is hardly audible: it moves by this share of its standard deviation."""
DEVIATION_BOUNDS = (0.6, 1.8)
"""Bounds of a person's own deviations, as multiples of the average speaker's."""
EXPRESSION_SECONDS = 2.0
"""Expression (a smile, a hanging jaw) is what remains of a mouth after this much smoothing; speech
is what is removed."""
REST_SCORES = (0.0, 0.0, -0.7, 0.0)
"""Where a silent mouth rests, in standard deviations from its mean in speech (GRID's speaker 1
before and after his sentences): only the jaw differs."""


LEAST_SECONDS = 5.0
"""A person who is shown for less time gets the style that is measured over everybody."""


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """How a person's mouth moves in speech."""

    aperture_range: tuple[float, float]
    """5th and 95th percentile of the aperture in speech, IOD."""
    closed_aperture: float
    """The aperture with closed lips, IOD."""
    deviations: Floats
    """(4,), standard deviations of the mouth parameters, IOD."""
    expression_scores: Floats
    """(4,), the z-scores that the video's expression stands for: 0 if the person speaks in the
    video, else ``REST_SCORES``."""


def measure_speaking_style(
    parameters: Floats, fps: float, shape: MouthShape, speaks: bool = False
) -> SpeakingStyle:
    """Return the style of a person with the mouth parameters (T, 4) in the video's pictures.

    ``speaks``: the pictures are known to show speech, and the person's own distribution is used.
    Otherwise, if the mouth moves as in speech, the result lies half way between it and an average
    speaker, because a video may also show a listening or a laughing mouth. For a mouth that does
    not move, the result is an average speaker's style in the mouth's own size.
    """
    apertures = parameters[:, APERTURE]
    low, high = _aperture_range(parameters)
    closed = min(float(np.quantile(apertures, 0.02)), CLOSED_APERTURE)
    average = average_deviations(shape)
    average_range = np.quantile(shape.quantiles, [0.05, 0.95])
    size = float(np.clip(np.median(parameters[:, WIDTH]) / AVERAGE_WIDTH, *SIZE_BOUNDS))
    if not has_speech_motion(parameters):
        aperture_range = _above(closed, size * SPEECH_TOP * average_range)
        return SpeakingStyle(
            aperture_range, closed, size * average, np.array(REST_SCORES, np.float32)
        )
    top = float(
        np.clip(
            high - closed,
            TOP_APERTURE_BOUNDS[0],
            WIDEST_APERTURE if speaks else TOP_APERTURE_BOUNDS[1],
        )
    )
    floor = min(low, 3 * CLOSED_APERTURE)
    own_range = np.array([(low - floor) / (high - floor), 1.0])
    trust = 1.0 if speaks else 0.5
    deviations_in_speech = (parameters - low_pass(parameters, EXPRESSION_SECONDS * fps)).std(axis=0)
    bounded = np.clip(
        deviations_in_speech, DEVIATION_BOUNDS[0] * average, DEVIATION_BOUNDS[1] * average
    )
    deviations = trust * bounded + (1 - trust) * average
    return SpeakingStyle(
        _above(closed, top * (trust * own_range + (1 - trust) * average_range)),
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
    """Return the style of each ``person``, (T,) numbers, by number.

    ``parameters``: (T, 4). A person's style is measured in the pictures in which that person is
    known to be ``speaking`` (T,), else in all ``usable`` ones (T,). If there are too few of them,
    it is measured over everybody.
    """
    speaks = bool(speaking.any())
    common = measure_speaking_style(parameters[speaking if speaks else usable], fps, shape, speaks)
    numbers = np.unique(person[usable]).tolist()
    styles = dict.fromkeys(np.unique(person).tolist(), common)
    if len(numbers) < 2:
        return styles
    for number in numbers:
        for shown, speaks_here in ((usable, False), (speaking, True)):
            own_parameters = parameters[shown & (person == number)]
            if len(own_parameters) >= LEAST_SECONDS * fps:
                styles[number] = measure_speaking_style(own_parameters, fps, shape, speaks_here)
    return styles


def _above(closed: float, opened: NDArray[np.floating]) -> tuple[float, float]:
    """Return the apertures of two openings (2,) above closed lips, IOD."""
    least, most = (closed + opened).tolist()
    return least, most


def has_speech_motion(parameters: Floats) -> bool:
    """Return whether a mouth with the parameters (T, 4) moves as in speech."""
    if not len(parameters):
        return False
    low, high = _aperture_range(parameters)
    return high - low >= SPEAKING_RANGE


def _aperture_range(parameters: Floats) -> tuple[float, float]:
    """Return the 5th and the 95th percentile of the aperture."""
    low, high = np.quantile(parameters[:, APERTURE], [0.05, 0.95]).tolist()
    return low, high


def average_deviations(shape: MouthShape) -> Floats:
    """Return the standard deviations (4,) of an average speaker's mouth parameters, IOD."""
    deviations = shape.deviations.copy()
    deviations[WIDTH] = WIDTH_STEP
    deviations[PUCKER] *= PUCKER_SHARE
    return deviations
