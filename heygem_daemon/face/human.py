"""Whether a face that is followed is a human one, by its skin, its shape and the mesh's trust."""

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.pose import fit_pose
from heygem_daemon.face.probe import LOWER_PART, Colours

Floats = NDArray[np.float32]

DOUBTED = 22.5
"""Median logit of the mesh below which it hardly believes in a face. Real ones of all kinds were
measured at 25 to 32, a theatre mask at 22, a drawn face with large eyes at 18."""
ODD = 0.08
"""Median distance of the mesh's points from the average face, IOD, that only few people reach."""
FRONTAL = 25.0
"""Yaw and pitch in degrees up to which both figures mean something."""
FLAT = 4.0
"""Mean difference, 0-255, of the skin around the mouth from its median colour, below which it is
painted in one tone. Skin was measured at 9 to 37, smooth and well painted skin included."""
_OFTEN = 0.9


def is_human(landmarks: Floats, logits: Floats, colours: Colours, reference: Floats) -> bool:
    """Whether landmarks (T, 478, 3), the mesh's logits (T,) and colours (T, PLACES, 3) may be a
    person's."""
    return not is_flat(colours) and not is_odd(landmarks, logits, reference)


def is_flat(colours: Colours) -> bool:
    """Whether the skin has one tone and no shade in nearly all pictures."""
    skin = colours[:, LOWER_PART].astype(np.float32)
    shades = np.abs(skin - np.median(skin, axis=1, keepdims=True)).max(axis=2).mean(axis=1)
    return bool(np.quantile(shades, _OFTEN) < FLAT)


def is_odd(landmarks: Floats, logits: Floats, reference: Floats) -> bool:
    """Whether a face is both doubted and oddly shaped where it looks towards us: a hand before
    a face costs it trust too, and people differ."""
    pose = fit_pose(landmarks, reference)
    frontal = (np.abs(pose.angles()[:, :2]) < FRONTAL).all(axis=1)
    if not frontal.any() or np.median(logits[frontal]) >= DOUBTED:
        return False
    apart = pose.to_canonical(landmarks)[frontal] - reference
    distance = np.sqrt((apart**2).sum(axis=2).mean(axis=1))
    return bool(np.median(distance) >= ODD)
