"""The face box that goes into the generator, for every picture of a track.

Checkpoints were trained on the boxes of a face detector: from the middle of the forehead to the
chin, as wide as the face, with some room below (Rudrabha/Wav2Lip: ten pixels; here a share of the
box, so that it means the same at every resolution), averaged over five pictures looking forward.
Here the outline is the person's own, laid into each picture by its pose: a box that followed the
jaw would tremble with every word.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box
from heygem_daemon.face.reading.landmarks import OVAL
from heygem_daemon.face.reading.pose import Pose, fit_pose
from heygem_daemon.face.tracking.track import Track

FOREHEAD_TOP, FOREHEAD_MIDDLE = 10, 151
CHIN_ROOM = 0.05
"""Room below the chin, as a share of the box's height."""
AVERAGED_PICTURES = 5
"""Pictures over which a box is averaged, the picture itself first."""
LEAST_EDGE = 16
"""Pixels; a smaller box is no face to speak of."""

BLOCK_PICTURES = 1024
OUTLINE_PICTURES = 512
"""Pictures from which the person's outline is taken."""


def face_boxes(track: Track, reference: Floats, width: int, height: int) -> list[Box | None]:
    """One box a picture of ``track``, inside the picture; None where there is no face in it.

    ``reference``: the reference face (478, 3) of the canonical pose.
    """
    if not track.present.any():
        return [None] * len(track)
    persons = np.unique(track.person[track.present])
    outlines = np.stack([_outline(track, person, reference) for person in persons])
    # Where nobody is seen any outline will do.
    whose = np.minimum(np.searchsorted(persons, track.person), len(persons) - 1)
    edges = np.concatenate(
        [_edges(pose, outlines[whose[part]]) for part, pose in fit_poses(track, reference)]
    )
    steady = average_forward(edges, track.present, track.person)
    return [
        _box(edge, width, height) if present else None
        for edge, present in zip(steady, track.present.tolist(), strict=True)
    ]


def average_forward(
    values: Floats, present: NDArray[np.bool_], person: NDArray[np.int16]
) -> Floats:
    """(T, K) means over the next ``AVERAGED`` pictures, as far as the face stays and ``person``
    (T,) is the same; rows without a face are undefined."""
    total = np.zeros_like(values, dtype=np.float64)
    count = np.zeros(len(values))
    staying = present.copy()
    for ahead in range(min(AVERAGED_PICTURES, len(values))):
        shown = len(values) - ahead
        staying = staying[:shown] & present[ahead:] & (person[ahead:] == person[:shown])
        total[:shown][staying] += values[ahead:][staying]
        count[:shown] += staying
    means: Floats = (total / np.maximum(count, 1)[:, None]).astype(np.float32)
    return means


def _outline(track: Track, person: int, reference: Floats) -> Floats:
    """(K, 3) the median outline of this person's face, in canonical coordinates."""
    present = np.flatnonzero(track.present & (track.person == person))
    frames = present[:: max(1, len(present) // OUTLINE_PICTURES)]
    landmarks = np.asarray(track.landmarks[frames], np.float32)
    canonical = fit_pose(landmarks, reference).to_canonical(landmarks)
    points = canonical[:, [*OVAL, FOREHEAD_MIDDLE]]
    return np.median(points, axis=0).astype(np.float32)


def fit_poses(track: Track, reference: Floats) -> Iterator[tuple[slice, Pose]]:
    """The poses of all pictures, some at a time: an hour's landmarks are half a gigabyte."""
    for start in range(0, len(track), BLOCK_PICTURES):
        part = slice(start, start + BLOCK_PICTURES)
        # A stand-in keeps pictures without a face computable; nobody uses their boxes.
        shown = track.present[part, None, None]
        landmarks = np.where(shown, track.landmarks[part], reference).astype(np.float32)
        yield part, fit_pose(landmarks, reference)


def _edges(pose: Pose, outlines: Floats) -> Floats:
    """(T, 4) left, top, right, bottom in pixels, of faces of ``outlines`` (T, K, 3)."""
    points = pose.to_picture(outlines)[..., :2]
    oval, middle = points[:, :-1], points[:, -1, 1]
    top = (oval[:, OVAL.index(FOREHEAD_TOP), 1] + middle) / 2
    bottom = oval[..., 1].max(axis=1)
    room = CHIN_ROOM * (bottom - top)
    edges = np.stack([oval[..., 0].min(axis=1), top, oval[..., 0].max(axis=1), bottom + room], 1)
    return edges.astype(np.float32)


def _box(edges: Floats, width: int, height: int) -> Box | None:
    left, top = (2 * int(max(0.0, edge) / 2 + 0.5) for edge in edges[:2].tolist())
    right = min(2 * round(float(edges[2]) / 2), width // 2 * 2)
    bottom = min(2 * round(float(edges[3]) / 2), height // 2 * 2)
    if right - left < LEAST_EDGE or bottom - top < LEAST_EDGE:
        return None
    return Box(left, top, right, bottom)
