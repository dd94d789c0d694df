"""Detects a covered mouth: a hand, a microphone, a sheet of paper. Pure functions.

The mesh still places its points there. But the colours at the mouth's points then differ from those
of other pictures, while forehead, nose and cheeks keep theirs.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.reading.skin_colours import (
    COLOUR_POINT_COUNT,
    LIPS_PART,
    LOWER_PART,
    UPPER_PART,
    Colours,
)

Flags = NDArray[np.bool_]

COVERED_SCORE = 2.6
"""Score from which a mouth is covered: the mean deviation of the lips' colours, or of the skin's
around them, in units of their usual deviation, raised where the mesh's logit is low. Measured:
GRID's speaker 1 and the demo's presenter 1.9 at most in any 40 pictures; with a hand or a
microphone in front of the mouth 3.2 at least."""
PARTLY_COVERED_SCORE = 1.8
"""The same for neighbouring pictures, in which a hand arrives or leaves."""
MIN_MOUTH_TO_FACE_RATIO = 1.3
"""Factor by which the mouth must deviate more than the upper face, which also changes when a face
turns or the light changes."""
LIPS_FLOOR, SKIN_FLOOR = 12.0, 10.0
"""Least usual deviation of a colour, 0-255: that of a speaking mouth in compressed pictures, for
clips that are too short to show it."""
DOUBT_GAIN = 2.0
MAX_DOUBT = 0.3
"""Where the mesh's logit is lower than usual by a share d, at most ``MAX_DOUBT``, the score is
multiplied by 1 + DOUBT_GAIN · d. Measured: a covered mouth lowers the logit by 15 to 25 %."""
LIP_CONTRAST, LIP_SHARE = 12.0, 0.1
"""Mean contrast of lips, mouth line and nostrils with the skin around them, 0-255 and as a share
of the face's brightness, below which they are not visible. Measured: real faces, dark ones
included, 25 to 66; under cloth masks 5."""
MEDIAN_PICTURES = 5
"""Pictures over which the score's running median is taken."""

_FLOORS = np.full(COLOUR_POINT_COUNT, SKIN_FLOOR, np.float32)
_FLOORS[LIPS_PART] = LIPS_FLOOR
_MAD = 1.4826
"""Standard deviation of a normal distribution divided by its median absolute deviation."""
_CAP = 8.0
"""Largest deviation of one point, in units of its usual deviation."""
_SAMPLES = 512
"""Pictures, about, from which the usual colours are taken, spread evenly."""
_MIN_PICTURES = 12
"""Fewer pictures do not show what is usual."""
_MARGIN = 2
"""Pictures before and after a cover that count as covered, because it is partly there."""
_TRUSTED = 0.9
"""Where lips are rarely visible, the pictures with logits from this quantile on show them, if any
pictures do."""
_SWAP_SHARE = 0.05
"""Where the logit of the seemingly covered pictures is higher by this share than that of the rest,
the rest is covered: most of the time."""


def find_covered(colours: Colours, logits: Floats) -> Flags:
    """Return (T,): whether the mouth is covered, in the pictures of one shot that show a face.

    ``colours``: (T, COLOUR_POINT_COUNT, 3); ``logits``: (T,), the mesh's.
    """
    if len(colours) and _is_lipless(colours):
        trusted = logits >= np.quantile(logits, _TRUSTED)
        always = _is_lipless(colours[trusted])
        return np.ones_like(trusted) if always else _unusual(colours, logits, trusted)
    if len(colours) < _MIN_PICTURES:
        return np.zeros(len(colours), np.bool_)
    flags = _unusual(colours, logits, np.ones(len(logits), np.bool_))
    if flags.all() or not flags.any():
        return flags
    swapped = logits[flags].mean() > (1 + _SWAP_SHARE) * logits[~flags].mean()
    return _unusual(colours, logits, flags) if swapped else flags


def _is_lipless(colours: Colours) -> bool:
    """Whether the mouth's points usually have the colour of the skin around them, as on a cloth
    mask."""
    usual = np.median(colours[:: -(-len(colours) // _SAMPLES)], axis=0)
    skin = np.median(usual[LOWER_PART], axis=0)
    contrast = np.abs(usual[LIPS_PART] - skin).max(axis=1).mean()
    return bool(contrast < min(LIP_CONTRAST, LIP_SHARE * usual[UPPER_PART].mean()))


def _unusual(colours: Colours, logits: Floats, usual: Flags) -> Flags:
    """Return (T,): whether the mouth looks different from the pictures ``usual`` (T,)."""
    chosen = np.flatnonzero(usual)
    sample = colours[chosen[:: -(-len(chosen) // _SAMPLES)]].astype(np.float32)
    middle = np.median(sample, axis=0)
    spread = np.maximum(_MAD * np.median(_deviation(sample, middle), axis=0), _FLOORS)
    scores = np.concatenate(
        [
            _scores(colours[start : start + _SAMPLES], middle, spread)
            for start in range(0, len(colours), _SAMPLES)
        ]
    )
    doubt = np.clip(1 - logits / np.median(logits[usual]), 0, MAX_DOUBT)
    scores = running_median(scores * (1 + DOUBT_GAIN * doubt))
    return dilate(
        keep_seeded_runs(scores >= COVERED_SCORE, scores >= PARTLY_COVERED_SCORE), _MARGIN
    )


def _deviation(colours: Floats, middle: Floats) -> Floats:
    """Return (T, COLOUR_POINT_COUNT): each point's difference from its usual colour, without the
    change of light and exposure that the whole face shows."""
    apart = colours - middle
    light = np.median(apart[:, UPPER_PART], axis=1, keepdims=True)
    return np.asarray(np.abs(apart - light).max(axis=2))


def _scores(colours: Colours, middle: Floats, spread: Floats) -> Floats:
    """Return (T,): how unusual the mouth looks; 0 where the upper face is unusual as well."""
    unusual = np.minimum(_deviation(colours.astype(np.float32), middle) / spread, _CAP)
    mouth = np.maximum(unusual[:, LIPS_PART].mean(axis=1), unusual[:, LOWER_PART].mean(axis=1))
    above = unusual[:, UPPER_PART].mean(axis=1)
    return np.where(mouth > MIN_MOUTH_TO_FACE_RATIO * above, mouth, 0).astype(np.float32)


def running_median(values: Floats) -> Floats:
    """Return the running median of ``MEDIAN_PICTURES`` values: a cover lasts longer than two
    pictures."""
    padded = np.pad(values, MEDIAN_PICTURES // 2, mode="edge")
    return np.asarray(np.median(sliding_window_view(padded, MEDIAN_PICTURES), axis=1), np.float32)


def keep_seeded_runs(seeds: Flags, ground: Flags) -> Flags:
    """Return the runs of ``ground`` that contain a seed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ground | seeds, [False]])))
    flags: Flags = np.zeros(len(seeds), np.bool_)
    for start, stop in edges.reshape(-1, 2):
        flags[start:stop] = seeds[start:stop].any()
    return flags


def dilate(flags: Flags, margin: int) -> Flags:
    """Return ``flags`` with each run of True longer by ``margin`` at both ends."""
    wide = flags.copy()
    for shift in range(1, margin + 1):
        wide[shift:] |= flags[:-shift]
        wide[:-shift] |= flags[shift:]
    return wide
