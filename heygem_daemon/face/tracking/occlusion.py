"""Whether something lies over the mouth: a hand, a microphone, a sheet of paper. Pure.

The mesh draws its points there all the same. But the colours at these points are then not what
they are at the rest of the time, while forehead, nose and cheeks keep theirs.
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
"""Strangeness from which a mouth is covered. It is the mean deviation of the lips' places, or of
the skin's around them, in units of their usual one, the more the more the mesh doubts. GRID's
speaker 1 and the demo's presenter were measured at 1.9 at most in any 40 pictures, with a hand
or a microphone before the mouth at 3.2 at least."""
PARTLY_COVERED_SCORE = 1.8
"""The same for pictures beside those: the hand comes and goes."""
MIN_MOUTH_TO_FACE_RATIO = 1.3
"""A face that turns or comes into other light deviates above the mouth as well: the mouth must
do so this much more."""
LIPS_FLOOR, SKIN_FLOOR = 12.0, 10.0
"""Least usual deviation of a colour, 0-255: a speaking mouth in compressed pictures, even where
the clip at hand is too short to show it."""
DOUBT = 2.0
MOST_DOUBT = 0.3
"""A mesh whose logit is lower than usual by a share of it, at most this, multiplies the strangeness
by 1 + DOUBT times that share. A cover was measured to cost 15 to 25 %."""
LIP_CONTRAST, LIP_SHARE = 12.0, 0.1
"""Mean contrast of lips, mouth line and nostrils with the skin around them, 0-255 and as a share
of the face's brightness, below which there are none to be seen. Real faces were measured at 25
to 66, dark ones too, under masks of cloth at 5."""
MEDIAN_PICTURES = 5
"""Pictures over which the strangeness must last."""

_FLOORS = np.full(COLOUR_POINT_COUNT, SKIN_FLOOR, np.float32)
_FLOORS[LIPS_PART] = LIPS_FLOOR
_MAD = 1.4826
_CAP = 8.0
_SAMPLES = 512
"""Pictures from which the usual colours are taken, spread over all."""
_SHORTEST = 12
_MARGIN = 2
"""Pictures before and after in which the mouth is covered in part."""
_TRUSTED = 0.9
"""Where lips are seldom seen, the pictures that the mesh trusts most, from this quantile on, show
them if any do."""
_DOUBTFUL = 0.05
"""Where the mesh trusts what seems covered by this share more than the rest, it is the rest that
is covered: for most of the time."""


def find_covered(colours: Colours, logits: Floats) -> Flags:
    """Where the mouth is covered, (T,), from a face's colours (T, PLACES, 3) in the pictures of
    one shot in which it is present, and the mesh's logits (T,) there."""
    if len(colours) and _is_lipless(colours):
        trusted = logits >= np.quantile(logits, _TRUSTED)
        hidden = _is_lipless(colours[trusted])
        return np.ones_like(trusted) if hidden else _unusual(colours, logits, trusted)
    if len(colours) < _SHORTEST:
        return np.zeros(len(colours), np.bool_)
    flags = _unusual(colours, logits, np.ones(len(logits), np.bool_))
    if flags.all() or not flags.any():
        return flags
    doubtful = logits[flags].mean() > (1 + _DOUBTFUL) * logits[~flags].mean()
    return _unusual(colours, logits, flags) if doubtful else flags


def _is_lipless(colours: Colours) -> bool:
    """Whether the mouth's places have the colour of the skin around them all the time, as those
    of a mask have that somebody wears."""
    usual = np.median(colours[:: -(-len(colours) // _SAMPLES)], axis=0)
    skin = np.median(usual[LOWER_PART], axis=0)
    contrast = np.abs(usual[LIPS_PART] - skin).max(axis=1).mean()
    return bool(contrast < min(LIP_CONTRAST, LIP_SHARE * usual[UPPER_PART].mean()))


def _unusual(colours: Colours, logits: Floats, usual: Flags) -> Flags:
    """Where the mouth looks other than it does in the pictures ``usual``."""
    chosen = np.flatnonzero(usual)
    sample = colours[chosen[:: -(-len(chosen) // _SAMPLES)]].astype(np.float32)
    middle = np.median(sample, axis=0)
    spread = np.maximum(_MAD * np.median(_deviation(sample, middle), axis=0), _FLOORS)
    strange = np.concatenate(
        [
            _strangeness(colours[start : start + _SAMPLES], middle, spread)
            for start in range(0, len(colours), _SAMPLES)
        ]
    )
    doubt = np.clip(1 - logits / np.median(logits[usual]), 0, MOST_DOUBT)
    strange = running_median(strange * (1 + DOUBT * doubt))
    return dilate(
        keep_seeded_runs(strange >= COVERED_SCORE, strange >= PARTLY_COVERED_SCORE), _MARGIN
    )


def _deviation(colours: Floats, middle: Floats) -> Floats:
    """(T, PLACES): how far each place is from its usual colour, but for what light and exposure
    do to the whole face."""
    apart = colours - middle
    light = np.median(apart[:, UPPER_PART], axis=1, keepdims=True)
    return np.asarray(np.abs(apart - light).max(axis=2))


def _strangeness(colours: Colours, middle: Floats, spread: Floats) -> Floats:
    """(T,): how unusual the mouth looks; 0 where the rest of the face does so too."""
    unusual = np.minimum(_deviation(colours.astype(np.float32), middle) / spread, _CAP)
    mouth = np.maximum(unusual[:, LIPS_PART].mean(axis=1), unusual[:, LOWER_PART].mean(axis=1))
    above = unusual[:, UPPER_PART].mean(axis=1)
    return np.where(mouth > MIN_MOUTH_TO_FACE_RATIO * above, mouth, 0).astype(np.float32)


def running_median(values: Floats) -> Floats:
    """Running median of ``LASTING`` values: nothing covers a mouth for one or two pictures."""
    padded = np.pad(values, MEDIAN_PICTURES // 2, mode="edge")
    return np.asarray(np.median(sliding_window_view(padded, MEDIAN_PICTURES), axis=1), np.float32)


def keep_seeded_runs(seeds: Flags, ground: Flags) -> Flags:
    """The runs of ``ground`` that hold a seed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], ground | seeds, [False]])))
    flags: Flags = np.zeros(len(seeds), np.bool_)
    for start, stop in edges.reshape(-1, 2):
        flags[start:stop] = seeds[start:stop].any()
    return flags


def dilate(flags: Flags, margin: int) -> Flags:
    """Each run of True longer by ``margin`` at both ends."""
    wide = flags.copy()
    for shift in range(1, margin + 1):
        wide[shift:] |= flags[:-shift]
        wide[:-shift] |= flags[shift:]
    return wide
