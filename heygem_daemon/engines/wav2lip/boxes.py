"""The face box that goes into the generator, for every picture of a track.

Checkpoints were trained on the boxes of a face detector: from the middle of the forehead to the
chin, as wide as the face, with some room below (Rudrabha/Wav2Lip: ten pixels; here a share of the
box, so that it is the same at every resolution), each averaged with those of the next four
pictures. Here the person's median outline is placed into each picture by the head's pose, because
a box that follows the jaw trembles with every word.
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
MIN_EDGE = 16
"""Pixels. A smaller box is too small to draw a mouth in."""

BLOCK_PICTURES = 1024
"""Pictures whose poses are fitted at a time."""
OUTLINE_PICTURES = 512
"""Pictures, about, from which the person's outline is taken."""


def face_boxes(track: Track, reference: Floats, width: int, height: int) -> list[Box | None]:
    """Return one box for each picture of ``track``, inside the picture; None where there is no
    face.

    ``reference``: the reference face (478, 3) of the canonical pose.
    """
    if not track.present.any():
        return [None] * len(track)
    persons = np.unique(track.person[track.present])
    outlines = np.stack([_outline(track, person, reference) for person in persons])
    # Pictures without a face get any outline; their boxes are dropped below.
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
    """Return (T, K): means of ``values`` (T, K) over ``AVERAGED_PICTURES`` pictures from each on,
    as far as the face is ``present`` and ``person`` (T,) is the same; rows without a face are
    undefined."""
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
    """Return (K, 3): the median outline of this person's face, in canonical coordinates."""
    present = np.flatnonzero(track.present & (track.person == person))
    frames = present[:: max(1, len(present) // OUTLINE_PICTURES)]
    landmarks = np.asarray(track.landmarks[frames], np.float32)
    canonical = fit_pose(landmarks, reference).to_canonical(landmarks)
    points = canonical[:, [*OVAL, FOREHEAD_MIDDLE]]
    return np.median(points, axis=0).astype(np.float32)


def fit_poses(track: Track, reference: Floats) -> Iterator[tuple[slice, Pose]]:
    """Yield the poses of all pictures, block by block: an hour's landmarks are half a gigabyte."""
    for start in range(0, len(track), BLOCK_PICTURES):
        part = slice(start, start + BLOCK_PICTURES)
        # The reference face stands in where there is no face; those boxes are not used.
        shown = track.present[part, None, None]
        landmarks = np.where(shown, track.landmarks[part], reference).astype(np.float32)
        yield part, fit_pose(landmarks, reference)


def _edges(pose: Pose, outlines: Floats) -> Floats:
    """Return (T, 4): left, top, right, bottom in pixels of faces with ``outlines`` (T, K, 3)."""
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
    if right - left < MIN_EDGE or bottom - top < MIN_EDGE:
        return None
    return Box(left, top, right, bottom)
