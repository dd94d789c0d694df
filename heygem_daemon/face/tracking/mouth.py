"""Mouth parameters: four numbers that describe a mouth, measured on canonical landmarks."""

import numpy as np

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.reading.landmarks import (
    APERTURE_PAIRS,
    CHIN,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LEFT_EYE_OUTER,
    LEFT_MOUTH_CORNER,
    NOSE_BASE,
    RIGHT_EYE_OUTER,
    RIGHT_MOUTH_CORNER,
)
from heygem_daemon.face.reading.pose import fit_pose
from heygem_daemon.face.tracking.track import Track

APERTURE, WIDTH, JAW, PUCKER = range(4)
"""Columns of the mouth parameters."""
MOUTH_PARAMETERS = ("aperture", "width", "jaw", "pucker")

SURROUNDINGS, SURROUNDING_PIXELS = 0.85, 8
"""How far the surroundings of a mouth reach from its middle: IOD and additional pixels."""

_MIDDLE = (INNER_UPPER_LIP[5], INNER_LOWER_LIP[5], 0, 17)


def measure_mouth(canonical: Floats) -> Floats:
    """Return the mouth parameters (T, 4) of canonical landmarks (T, 478, 3), in units of IOD.

    aperture: mean gap of three pairs of inner lip points, 0 where closed, about 0.3 at most;
    width: distance of the corners; jaw: chin below the base of the nose; pucker: how far the
    lips' middle is in front of the corners.
    """
    upper = canonical[:, [pair[0] for pair in APERTURE_PAIRS]]
    lower = canonical[:, [pair[1] for pair in APERTURE_PAIRS]]
    corners = canonical[:, [LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER]]
    aperture = np.linalg.norm((lower - upper)[..., :2], axis=2).mean(axis=1)
    width = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    jaw = canonical[:, CHIN, 1] - canonical[:, NOSE_BASE, 1]
    pucker = corners[..., 2].mean(axis=1) - canonical[:, list(_MIDDLE), 2].mean(axis=1)
    return np.stack([aperture, width, jaw, pucker], axis=1).astype(np.float32)


def measure_mouth_track(track: Track, reference: Floats) -> Floats:
    """Return the mouth parameters (T, 4) of a short track, NaN where there is no face.

    ``reference``: the face (478, 3) of ``face.reading.pose.load_reference_face``.
    """
    measured = np.full((len(track), len(MOUTH_PARAMETERS)), np.nan, np.float32)
    landmarks = np.asarray(track.landmarks[track.present])
    if len(landmarks):
        measured[track.present] = measure_mouth(
            fit_pose(landmarks, reference).to_canonical(landmarks)
        )
    return measured


def mouth_surroundings(landmarks: Floats) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a square around a mouth, pixels.

    ``landmarks``: (478, 3), pixels. The eyes are as far apart in space as they would be in a
    picture from the front, whichever way the head is turned.
    """
    middle = landmarks[[LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER], :2].mean(axis=0)
    apart = np.linalg.norm(landmarks[RIGHT_EYE_OUTER] - landmarks[LEFT_EYE_OUTER])
    reach = SURROUNDINGS * apart + SURROUNDING_PIXELS
    left, top = np.floor(middle - reach).astype(int).tolist()
    right, bottom = np.ceil(middle + reach).astype(int).tolist()
    return left, top, right, bottom
