"""How one person's mouth differs from what the heads expect, learned from seconds of speech.

Ridge regression from the heads' hidden states to what their scores leave over of the seen mouth.
What does not help to predict seconds that it was not fitted to is dropped.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.head import COMPONENTS, PARAMETERS
from heygem_daemon.engines.builtin.listening import Speech, standardized
from heygem_daemon.engines.builtin.over_time import quick, slow

Floats = NDArray[np.float32]

RIDGE = 1000.0
"""Penalty on the weights, in squared units of the hidden states over all pictures: a few seconds
hardly count against it, a minute does."""
QUICK_SECONDS = 0.5
"""Only what is quicker than this is learned: the rest is expression and the head's movement."""
BLOCKS = 10
"""Stretches of time, each predicted from the others."""
APART_SECONDS = 0.2
"""Around a predicted stretch, so much is not learned from: the heads hear that far."""
TUNED = np.array([True, False, False, False])
"""Of the mouth parameters, the aperture alone is tuned. What is learned of width and jaw from a few
seconds holds for the person's own voice; with the words of others it made both worse."""
LEAST_GAIN = 0.02
"""Correlation that must be won on held-out seconds: less is chance."""
LEAST_AGREEMENT = 0.3
"""Where the heads agree less with a parameter, most of what is left over is not about speech."""
LARGEST = 0.5
"""Largest change of a score, in its standard deviations: another voice may be strange to the
weights, and must not be led astray."""


STATES_AT_ONCE = 4096
"""Hidden states that are widened to full precision at once."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """``weights``: (C, 4) from the hidden states to a change of the scores, 0 for a parameter that
    is left as it is; ``gain``: (4,) correlation won on held-out seconds."""

    weights: Floats
    gain: Floats

    @property
    def helps(self) -> bool:
        """Whether anything is changed at all."""
        return bool(self.weights.any())


def none() -> Adaptation:
    """The adaptation that changes nothing."""
    count = len(PARAMETERS)
    return Adaptation(np.zeros((COMPONENTS, count), np.float32), np.zeros(count, np.float32))


def fit(score: Floats, hidden: Floats, seen: Floats, fps: float) -> Adaptation:
    """The adaptation to a mouth ``seen`` (T, 4) in pictures at which ``score`` (T, 4) and
    ``hidden`` (T, C) were heard."""
    sigma = QUICK_SECONDS * fps
    heard, wanted = quick(score, sigma), quick(seen, sigma)
    inputs, rest = hidden - slow(hidden, sigma), wanted - heard
    change = _held_out(hidden, inputs, rest, round(APART_SECONDS * fps))
    gain = correlations(score + change, seen) - correlations(score, seen)
    kept = TUNED & (gain >= LEAST_GAIN) & ((heard * wanted).mean(axis=0) >= LEAST_AGREEMENT)
    return Adaptation(_ridge(inputs, rest) * kept, (gain * kept).astype(np.float32))


def adapted(speech: Speech, adaptation: Adaptation) -> Speech:
    """The speech as this person would say it: other scores, all else as it was."""
    if not adaptation.helps:
        return speech
    share = speech.activity / np.float32(max(float(speech.activity.sum()), 1e-6))
    told = _told(speech.hidden, adaptation.weights)
    moved = speech.score + np.clip(told - share @ told, -LARGEST, LARGEST)
    changed = adaptation.weights.any(axis=0)
    score = np.where(changed, standardized(moved, speech.activity), speech.score)
    return replace(speech, score=score)


def correlations(one: Floats, other: Floats) -> Floats:
    """Pearson correlation of each column of (T, P) with its like: (P,); 0 where one is constant."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    power = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    return np.asarray((a * b).sum(axis=0) / np.maximum(power, 1e-9), np.float32)


def _held_out(hidden: Floats, inputs: Floats, rest: Floats, apart: int) -> Floats:
    """The change that would be made to each stretch by what the others tell, (T, 4)."""
    numbers = np.arange(len(rest))
    change = np.zeros_like(rest)
    for block in np.array_split(numbers, BLOCKS):
        others = (numbers < block[0] - apart) | (numbers > block[-1] + apart)
        weights = _ridge(inputs[others], rest[others])
        change[block] = _change(hidden[block] - hidden[others].mean(axis=0), weights)
    return change


def _change(centred: Floats, weights: Floats) -> Floats:
    changes: Floats = np.clip(centred @ weights, -LARGEST, LARGEST)
    return changes


def _told(hidden: NDArray[np.float16], weights: Floats) -> Floats:
    """``hidden`` (N, C) times ``weights`` (C, P), an hour of sound without a copy of it."""
    told = np.empty((len(hidden), weights.shape[1]), np.float32)
    for start in range(0, len(hidden), STATES_AT_ONCE):
        part = slice(start, start + STATES_AT_ONCE)
        told[part] = hidden[part].astype(np.float32) @ weights
    return told


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    """Weights (C, P) from inputs (T, C) to targets (T, P)."""
    gram = inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1])
    weights: Floats = np.linalg.solve(gram, inputs.T @ targets).astype(np.float32)
    return weights
