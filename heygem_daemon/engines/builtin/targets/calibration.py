"""From predicted scores to the target parameters of this person's mouth in every output frame."""

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
"""Weight of the normal distribution in the range of the scores, in frames."""
SCORE_LIMIT = 2.5
"""Largest absolute score, standard deviations."""
RANGE_QUANTILES = (0.05, 0.95)
"""Quantiles between which a range is measured."""
NORMAL_RANGE = (-1.645, 1.645)
"""The same quantiles of the normal distribution."""
SHUT_POSITION = 0.25
"""Scores in this lowest part of their range are closed lips: 19 clips of eleven speakers have them
shut in 15 to 65 % of the frames. With ``CLOSURE_SHARE`` it was chosen among 0.1 to 0.35: lips that
are shut where the speaker's are, against openings that follow his (`docs/quality.md`)."""
TRACKER_SIGMA_FRAMES = 1.0
"""Standard deviation of the Gaussian by which drawing and tracking smooth a mouth, in frames."""
APERTURE_SIGMA_SECONDS = 0.036
"""Standard deviation of the Gaussian that smooths an aperture, so that it does not tremble."""
GAIN_LIMIT = 1.5
"""Largest factor that restores a missing range."""
FREE_WIDTH, MOST_WIDTH = 0.08, 0.13
"""A change of a picture's width up to the first is drawn in full; the second is never reached, IOD.
Beyond it mouths look torn. The part of a change that is cut off remains in the result as the
picture's own width: a mouth that goes from a grin to a kiss in its own speech needs changes of
0.15."""
FREE_DROP, MOST_DROP = 0.02, 0.04
"""The same for the jaw below its place in the picture, in addition to how far the lips open: a
mouth that is shut while its jaw hangs is drawn with a swollen lip."""
HALF_TRUST_FRAMES = 20
"""With this many frames of speech, half of the missing range is restored."""
CLOSURE_POINTS = (0.3, 0.6, 0.98, 1.0)
"""Probabilities of closed lips between which the next is interpolated."""
CLOSURE_SHARE = 0.9
CLOSURE_SHARES = (0.0, CLOSURE_SHARE, CLOSURE_SHARE, 1.0)
"""How far lips meet at each of these probabilities. A missed closure is noticed at once, but of
unknown voices the probability may be too high: whether the lips meet in full is then for the score
to say. Lips that are certain to be closed, as in a pause, meet whatever the score."""
HOLD_STATES = 1
"""A closure begins this many states of 20 ms early and ends as many late: frames are 40 ms apart,
and the middle of a closure must not fall between two of them."""
CLOSING_STATES = 1.0
"""Standard deviation of the Gaussian that makes lips meet gradually, in states."""


def lip_closure(closed: Floats) -> Floats:
    """Return how far the lips are shut, 0-1, from the probability ``closed`` of it, (N,)."""
    if not len(closed):
        return closed
    held = np.pad(closed, HOLD_STATES, mode="edge")
    probability = np.lib.stride_tricks.sliding_window_view(held, 2 * HOLD_STATES + 1).max(axis=1)
    share = np.interp(probability, CLOSURE_POINTS, CLOSURE_SHARES)
    return low_pass(share[:, None].astype(np.float32), CLOSING_STATES)[:, 0]


def extract_expression(source: Floats, shot: NDArray[np.integer], fps: float) -> Floats:
    """Return the mouth parameters ``source`` (N, 4) without speech: a smile, a hanging jaw.

    The smoothing does not cross a change of the ``shot`` number (N,).
    """
    cuts = np.flatnonzero(np.diff(shot)) + 1
    parts = np.split(source, cuts)
    return np.concatenate([low_pass(part, EXPRESSION_SECONDS * fps) for part in parts])


def mouth_targets(
    speech: FrameSpeech, expression: Floats, style: SpeakingStyle, fps: float
) -> Floats:
    """Return the target mouth parameters (N, 4) of each output frame, IOD.

    ``speech``: at the output frames, with ``closed`` as ``lip_closure`` returns it; ``expression``:
    (N, 4), as ``extract_expression`` returns it.
    """
    active = speech.activity[:, None]
    rest = np.array(REST_SCORES, np.float32)
    score = np.clip(_restore_deviation(speech), -SCORE_LIMIT, SCORE_LIMIT) * active + rest * (
        1 - active
    )
    targets = expression + style.deviations * (score - style.expression_scores)
    targets[:, APERTURE] = scale_apertures(speech, style, fps)
    return targets.astype(np.float32)


def limit_to_drawable(targets: Floats, source: Floats) -> Floats:
    """Return ``targets`` (N, 4), limited to what the source pictures allow.

    ``source``: (N, 4), their mouth parameters. Small changes stay as they are. A grin is not pulled
    together to a kiss, which would move the cheeks, and no jaw drops under lips that close.
    """
    limited = targets.copy()
    change = targets - source
    width = _limited(np.abs(change[:, WIDTH]), FREE_WIDTH, MOST_WIDTH)
    limited[:, WIDTH] = source[:, WIDTH] + np.copysign(width, change[:, WIDTH])
    opened = np.maximum(change[:, APERTURE], 0)
    limited[:, JAW] = (
        source[:, JAW] + opened + _limited(change[:, JAW] - opened, FREE_DROP, MOST_DROP)
    )
    return limited


def _limited(change: Floats, free: float, most: float) -> Floats:
    """Return ``change`` (N,): unchanged up to ``free``, compressed beyond, and below ``most``."""
    beyond = np.maximum(change - free, 0)
    limited: Floats = np.minimum(change, free) + (most - free) * np.tanh(beyond / (most - free))
    return limited


def scale_apertures(speech: FrameSpeech, style: SpeakingStyle, fps: float) -> Floats:
    """Return the aperture (N,) of each output frame, IOD: linear in the score.

    The range of the scores in this audio becomes the person's own range. A curve would fit the
    person's own distribution better, but it loses what was heard: where it is flat, an open vowel
    does not open. Lips are closed where they are shut in the speech or where nobody speaks.
    """
    score = speech.scores[:, APERTURE]
    speaking = speech.activity > 0.5
    closed = np.float32(style.closed_aperture)
    if not speaking.any():
        return np.full_like(score, closed)
    low, high = _score_range(score[speaking])
    position = (score - low) / (high - low)
    position = (position - SHUT_POSITION) / (1 - SHUT_POSITION)
    least, most = style.aperture_range
    scaled = np.clip(least + position * (most - least), closed, WIDEST_APERTURE)
    scaled = _smooth_apertures(scaled.astype(np.float32), APERTURE_SIGMA_SECONDS * fps)
    opened: Floats = (speech.activity * (1 - speech.closed) * (scaled - closed)).astype(np.float32)
    opened *= np.float32(_stretch(opened[speaking], style))
    apertures: Floats = closed + np.minimum(opened, np.float32(WIDEST_APERTURE) - closed)
    return apertures


def _score_range(scores: Floats) -> Floats:
    """Return the range (2,) of scores (T,): the fewer, the nearer to that of a normal
    distribution."""
    trust = len(scores) / (len(scores) + PRIOR_FRAMES)
    measured = np.quantile(scores, RANGE_QUANTILES)
    found: Floats = (trust * measured + (1 - trust) * np.array(NORMAL_RANGE)).astype(np.float32)
    return found


def _smooth_apertures(apertures: Floats, sigma: float) -> Floats:
    """Return ``apertures`` (N,) smoothed with ``sigma`` frames, by half where lips come closer.

    A mouth that does not quite close is noticed sooner than one that does not quite open.
    """
    smooth = low_pass(apertures[:, None], sigma)[:, 0]
    return np.where(apertures > smooth, smooth, (apertures + smooth) / 2)


def _stretch(opened: Floats, style: SpeakingStyle) -> float:
    """Return the factor by which openings (T,) above closed must grow to show the person's range.

    Closures reduce the openings beside them, and measuring a mouth over time, as for the speaking
    style, smooths its peaks. Little speech says little about its own range.
    """
    shown_range = np.quantile(
        low_pass(opened[:, None], TRACKER_SIGMA_FRAMES)[:, 0], RANGE_QUANTILES
    )
    own_range = np.ptp(style.aperture_range)
    missing = np.array([own_range / max(float(np.ptp(shown_range)), 1e-3)], np.float32)
    return float(_shrink_gain(missing, len(opened))[0])


def _restore_deviation(speech: FrameSpeech) -> Floats:
    """Return the scores (N, 4) with deviation 1 while somebody speaks.

    At the frames they are smoother than at the states, and would move the mouth by less than its
    own deviations.
    """
    speaking = speech.scores[speech.activity > 0.5]
    if not len(speaking):
        return speech.scores
    missing = 1 / np.maximum(speaking.std(axis=0), 1e-3)
    restored: Floats = (speech.scores * _shrink_gain(missing, len(speaking))).astype(np.float32)
    return restored


def _shrink_gain(missing: Floats, frames: int) -> Floats:
    """Return ``missing``, limited to 1 … ``GAIN_LIMIT`` and closer to 1 for few frames."""
    trust = frames / (frames + HALF_TRUST_FRAMES)
    factor: Floats = 1 + trust * (np.clip(missing, 1, GAIN_LIMIT) - 1)
    return factor
