"""From what the audio model heard to what this person's mouth does in every output frame."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.audio.listening import FrameSpeech
from heygem_daemon.engines.builtin.targets.speaking_style import (
    EXPRESSION_SECONDS,
    REST_SCORES,
    WIDEST_APERTURE,
    SpeakingStyle,
)
from heygem_daemon.engines.builtin.targets.temporal_filters import low_pass
from heygem_daemon.face.tracking.mouth import APERTURE, JAW, WIDTH

PRIOR_FRAMES = 50
"""Weight of the normal distribution in the rank of a score, in frames."""
SCORE_LIMIT = 2.5
RANGE_QUANTILES = (0.05, 0.95)
"""Quantiles between which an aperture's range is taken."""
TRACKER_SIGMA_FRAMES = 1.0
"""Frames (deviation of a Gaussian) over which drawing and tracking a mouth smooth it."""
APERTURE_SIGMA_SECONDS = 0.028
"""Deviation of the Gaussian that calms an aperture after its score became a rank: where a person's
openings are mostly small and seldom large, ranks make much of little. Without it the worst of ten
faces trembles 1.27 times as much as real speakers do."""
GAIN_LIMIT = 1.3
FREE_WIDTH, MOST_WIDTH = 0.08, 0.13
"""Change of a picture's own width that is drawn as wanted, and one that is never reached, IOD:
beyond it mouths look torn. What is cut off of a change is the picture's own width, which stays in
the result: a mouth that in its own speech goes from a grin to a kiss needs changes of 0.15."""
FREE_DROP, MOST_DROP = 0.02, 0.04
"""The same for the jaw below where it is in the picture, beside what the lips open more: a mouth
that is shut while its jaw hangs is drawn with a swollen lip."""
HALF_TRUST_FRAMES = 20
"""From so many frames of speech, half of the missing range is made up for."""
OPEN_BELOW, SHUT_ABOVE = 0.05, 0.25
"""Probability of closed lips below which they stay open, and above which they meet. A closure
that is missed is seen at once, one too many hardly: lips that pass through it were nearly there."""
HOLD_STATES = 2
"""A closure begins so many states of 20 ms early and ends as late: frames are 40 ms apart, and the
middle of one must not fall between two of them."""
CLOSING_STATES = 2.0
"""Standard deviation of the Gaussian that makes lips take their time to meet, in states."""


def lip_closure(closed: Floats) -> Floats:
    """How far the lips are shut, 0 … 1, at each state (N,), from the probability of it."""
    if not len(closed):
        return closed
    held = np.pad(closed, HOLD_STATES, mode="edge")
    likely = np.lib.stride_tricks.sliding_window_view(held, 2 * HOLD_STATES + 1).max(axis=1)
    share = np.clip((likely - OPEN_BELOW) / (SHUT_ABOVE - OPEN_BELOW), 0, 1)
    eased = share * share * (3 - 2 * share)
    return low_pass(eased[:, None].astype(np.float32), CLOSING_STATES)[:, 0]


def extract_expression(source: Floats, shot: NDArray[np.integer], fps: float) -> Floats:
    """What remains of the mouth parameters ``source`` (N, 4) in the output frames when its words
    are gone: a smile, a hanging jaw. It ends where the number of the ``shot`` (N,) changes."""
    cuts = np.flatnonzero(np.diff(shot)) + 1
    parts = np.split(source, cuts)
    return np.concatenate([low_pass(part, EXPRESSION_SECONDS * fps) for part in parts])


def mouth_targets(
    speech: FrameSpeech, expression: Floats, style: SpeakingStyle, fps: float
) -> Floats:
    """Mouth parameters (N, 4) to be shown in each output frame.

    ``heard``: the speech at the output frames, with ``closed`` as from ``closure``; ``base``:
    (N, 4), as from ``expression``.
    """
    active = speech.activity[:, None]
    calm = np.array(REST_SCORES, np.float32)
    score = np.clip(_restore_deviation(speech), -SCORE_LIMIT, SCORE_LIMIT) * active + calm * (
        1 - active
    )
    targets = expression + style.deviations * (score - style.expression_scores)
    targets[:, APERTURE] = match_apertures(speech, style, fps)
    return targets.astype(np.float32)


def limit_to_drawable(targets: Floats, source: Floats) -> Floats:
    """``targets`` (N, 4) as far as pictures with the mouth ``source`` (N, 4) can be moved there.

    Small changes stay what they are; a grin is not pulled together to a kiss, which would take
    the cheeks along, and no jaw falls under lips that close.
    """
    within = targets.copy()
    change = targets - source
    width = _limited(np.abs(change[:, WIDTH]), FREE_WIDTH, MOST_WIDTH)
    within[:, WIDTH] = source[:, WIDTH] + np.copysign(width, change[:, WIDTH])
    opened = np.maximum(change[:, APERTURE], 0)
    within[:, JAW] = (
        source[:, JAW] + opened + _limited(change[:, JAW] - opened, FREE_DROP, MOST_DROP)
    )
    return within


def _limited(change: Floats, free: float, most: float) -> Floats:
    """``change`` (N,) as it is up to ``free``, ever slower beyond, and never ``most``."""
    beyond = np.maximum(change - free, 0)
    limited: Floats = np.minimum(change, free) + (most - free) * np.tanh(beyond / (most - free))
    return limited


def match_apertures(speech: FrameSpeech, style: SpeakingStyle, fps: float) -> Floats:
    """Aperture (N,) in each output frame, by quantile matching: a score's rank in this sound
    becomes the aperture of that rank. Nobody's lips are open where they are shut or silent."""
    score = speech.scores[:, APERTURE]
    speaking = speech.activity > 0.5
    if not speaking.any():
        return np.full_like(score, style.closed_aperture)
    known = np.sort(score[speaking])
    rank = np.searchsorted(known, score) / len(known)
    rank = (rank * len(known) + _normal_rank(score) * PRIOR_FRAMES) / (len(known) + PRIOR_FRAMES)
    places = np.linspace(0, 1, len(style.quantiles))
    wanted = np.minimum(np.interp(rank, places, style.quantiles), WIDEST_APERTURE)
    wanted = _smooth_apertures(wanted, APERTURE_SIGMA_SECONDS * fps)
    share = speech.activity * (1 - speech.closed)
    opened: Floats = (share * (wanted - style.closed_aperture)).astype(np.float32)
    opened *= np.float32(_stretch(opened[speaking], style))
    widest = np.float32(WIDEST_APERTURE - style.closed_aperture)
    apertures: Floats = np.float32(style.closed_aperture) + np.minimum(opened, widest)
    return apertures


def _smooth_apertures(apertures: Floats, sigma: float) -> Floats:
    """``apertures`` (N,) smoothed with ``sigma`` frames, by half where lips come nearer: a mouth
    that does not quite close is seen sooner than one that does not quite open."""
    calm = low_pass(apertures[:, None], sigma)[:, 0]
    return np.where(apertures > calm, calm, (apertures + calm) / 2)


def _stretch(opened: Floats, habits: SpeakingStyle) -> float:
    """By how much openings (T,) above closed must grow to be seen with the person's own range.

    Closures take away from the openings beside them, and whoever measures a mouth over time, as
    the habits were, smooths its peaks. Little speech says little of its own range.
    """
    shown = np.quantile(low_pass(opened[:, None], TRACKER_SIGMA_FRAMES)[:, 0], RANGE_QUANTILES)
    own = np.quantile(habits.quantiles, RANGE_QUANTILES)
    missing = np.array([np.ptp(own) / max(float(np.ptp(shown)), 1e-3)], np.float32)
    return float(_shrink_gain(missing, len(opened))[0])


def _restore_deviation(heard: FrameSpeech) -> Floats:
    """The scores (N, 4) with deviation 1 while somebody speaks: at the frames they are smoother
    than they were heard, and would move the mouth less than its own deviations."""
    speaking = heard.scores[heard.activity > 0.5]
    if not len(speaking):
        return heard.scores
    missing = 1 / np.maximum(speaking.std(axis=0), 1e-3)
    full: Floats = (heard.scores * _shrink_gain(missing, len(speaking))).astype(np.float32)
    return full


def _shrink_gain(missing: Floats, frames: int) -> Floats:
    """The factor ``missing``, between 1 and ``MOST_STRETCH``, as far as so many frames of speech
    tell it."""
    trust = frames / (frames + HALF_TRUST_FRAMES)
    factor: Floats = 1 + trust * (np.clip(missing, 1, GAIN_LIMIT) - 1)
    return factor


def _normal_rank(z: Floats) -> Floats:
    """The normal distribution's rank of z by the logistic approximation (error below 0.01)."""
    rank: Floats = 1 / (1 + np.exp(-1.702 * z))
    return rank
