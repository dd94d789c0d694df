"""From what the audio model heard to what this person's mouth does in every output frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.shape import MouthShape
from heygem_daemon.face.mouth import APERTURE, JAW, PUCKER, WIDTH

Floats = NDArray[np.float32]

WIDEST = 0.26
"""Largest aperture ever asked for, IOD."""
CLOSED = 0.012
"""A mouth that the tracker measures below this is closed, IOD."""
SPEAKING_RANGE = 0.06
"""An aperture that varies by at least this (5th to 95th percentile) varies as in speech."""
SPEECH_TOP = 0.14
TOPS = (0.10, 0.22)
"""95th percentile of the aperture above closed: of an average speaker, and its bounds for one who
grimaces or hardly moves the lips, IOD."""
PRIOR_FRAMES = 50
"""Weight of the normal distribution in the rank of a score, in frames."""
JAW_PER_APERTURE = 0.35
WIDTH_STEP = 0.035
"""Change of width for one standard deviation of its score, IOD."""
SCORE_LIMIT = 2.0
JAW_SHARE, PUCKER_SHARE = 0.8, 0.35
"""Part of an average speaker's variation that the jaw's and the pucker's own scores add."""
SLOW_SECONDS = 0.6
"""Expression (a smile, a hanging jaw) is what remains of the source after this much smoothing."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a person's mouth moves in speech: ``quantiles`` (Q,) of the aperture at equally spaced
    ranks, and its ``closed`` value; IOD."""

    quantiles: Floats
    closed: float


def habits_of(parameters: Floats, shape: MouthShape) -> Habits:
    """The habits of a person with the mouth parameters (T, 4) in the frames of the template.

    Where the video speaks, half way between the person's own distribution and an average
    speaker's of the same range: a video may also show a listening or a laughing mouth.
    """
    apertures = parameters[:, APERTURE]
    low, high = (float(rank) for rank in np.quantile(apertures, [0.05, 0.95]).tolist())
    closed = min(float(np.quantile(apertures, 0.02)), CLOSED)
    if high - low < SPEAKING_RANGE:
        return Habits(closed + SPEECH_TOP * shape.quantiles, closed)
    top = float(np.clip(high - closed, *TOPS))
    floor = min(low, 3 * CLOSED)
    own = np.quantile(apertures, np.linspace(0, 1, len(shape.quantiles)))
    shares = (own - floor).clip(0) / (high - floor)
    quantiles = closed + top * (shape.quantiles + shares) / 2
    return Habits(quantiles.astype(np.float32), closed)


def mouth_targets(
    score: Floats, activity: Floats, source: Floats, fps: float, habits: Habits, shape: MouthShape
) -> Floats:
    """Mouth parameters (N, 4) to be shown in each output frame.

    ``score``: (N, 4), the audio model's z-scores at the output frames; ``activity``: (N,), 0
    where nobody speaks, 1 where somebody does; ``source``: (N, 4), the mouth parameters of the
    source picture of each output frame, finite.
    """
    # Expression stays, the source's own words go.
    base = slow(source, SLOW_SECONDS * fps)
    heard = np.clip(score, -SCORE_LIMIT, SCORE_LIMIT) * activity[:, None]
    targets = np.empty_like(source)
    targets[:, APERTURE] = _apertures(score[:, APERTURE], activity, habits)
    targets[:, WIDTH] = base[:, WIDTH] + WIDTH_STEP * heard[:, WIDTH]
    opening = targets[:, APERTURE] - base[:, APERTURE]
    targets[:, JAW] = base[:, JAW] + JAW_PER_APERTURE * opening
    targets[:, JAW] += JAW_SHARE * shape.deviations[JAW] * heard[:, JAW]
    targets[:, PUCKER] = (
        base[:, PUCKER] + PUCKER_SHARE * shape.deviations[PUCKER] * heard[:, PUCKER]
    )
    return targets


def _apertures(score: Floats, activity: Floats, habits: Habits) -> Floats:
    """Quantile matching: a score's rank in this sound becomes the aperture of that rank."""
    speaking = activity > 0.5
    if not speaking.any():
        return np.full_like(score, habits.closed)
    heard = np.sort(score[speaking])
    rank = np.searchsorted(heard, score) / len(heard)
    prior = _normal_rank(score)
    rank = (rank * len(heard) + prior * PRIOR_FRAMES) / (len(heard) + PRIOR_FRAMES)
    places = np.linspace(0, 1, len(habits.quantiles))
    wanted = np.minimum(np.interp(rank, places, habits.quantiles), WIDEST)
    apertures: Floats = (habits.closed + activity * (wanted - habits.closed)).astype(np.float32)
    return apertures


def _normal_rank(z: Floats) -> Floats:
    """The normal distribution's rank of z by the logistic approximation (error below 0.01)."""
    rank: Floats = 1 / (1 + np.exp(-1.702 * z))
    return rank


def slow(values: Floats, sigma: float) -> Floats:
    """Gaussian smoothing of (N, P) along N with ``sigma`` frames; the ends see what is there."""
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    count = np.convolve(np.ones(len(values)), kernel)[reach : reach + len(values)]
    columns = [
        np.convolve(column, kernel)[reach : reach + len(values)] / count for column in values.T
    ]
    return np.stack(columns, axis=1).astype(np.float32)
