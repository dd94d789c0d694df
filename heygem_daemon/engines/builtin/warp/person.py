"""The measured person: pose and mouth over the frames of a track."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.mouth_plane import MouthPlanes, mouth_centre, mouth_planes
from heygem_daemon.face.reading.pose import Pose, fit_pose
from heygem_daemon.face.tracking import mouth
from heygem_daemon.face.tracking.track import Track

CHUNK_FRAMES = 1024
"""Frames of a memory-mapped track that are measured at once."""


@dataclass(frozen=True, slots=True)
class Person:
    """A measured track of T pictures.

    Rows of ``parameters`` and ``angles`` without a usable face are NaN.
    """

    track: Track
    pose: Pose
    """Canonical pose of each picture."""
    planes: MouthPlanes
    """The mouth's plane in each picture."""
    parameters: Floats
    """(T, 4), mouth parameters, IOD."""
    angles: Floats
    """(T, 3), yaw, pitch and roll in degrees."""

    def canonical_landmarks(self, frames: NDArray[np.intp]) -> Floats:
        """Return the canonical landmarks (B, 478, 3) of some frames."""
        landmarks = np.asarray(self.track.landmarks[frames])
        return self.poses(frames).to_canonical(landmarks)

    def poses(self, frames: NDArray[np.intp]) -> Pose:
        """Return the poses of some frames."""
        return Pose(
            self.pose.rotation[frames],
            self.pose.scale[frames],
            self.pose.translation[frames],
        )

    def plane_landmarks(self, frames: NDArray[np.intp]) -> Floats:
        """Return the landmarks (B, 478, 2) of some frames in the mouth's plane."""
        return self.planes.to_plane(frames, np.asarray(self.track.landmarks[frames]))


def measure_person(track: Track, reference: Floats) -> Person:
    """Measure a track with at least one usable face."""
    poses, parameters, centres = [], [], []
    for start in range(0, len(track), CHUNK_FRAMES):
        part = slice(start, start + CHUNK_FRAMES)
        present = track.usable[part]
        # The reference face stands in where there is none; these frames are never drawn.
        landmarks = np.where(present[:, None, None], track.landmarks[part], reference)
        pose = fit_pose(landmarks.astype(np.float32), reference)
        canonical = pose.to_canonical(landmarks.astype(np.float32))
        measured = mouth.measure_mouth(canonical)
        measured[~present] = np.nan
        poses.append(pose)
        parameters.append(measured)
        if present.any():
            centres.append(mouth_centre(canonical[present]))
    pose = Pose(
        np.concatenate([p.rotation for p in poses]),
        np.concatenate([p.scale for p in poses]),
        np.concatenate([p.translation for p in poses]),
    )
    angles = pose.angles()
    angles[~track.usable] = np.nan
    centre = np.median(np.stack(centres), axis=0).astype(np.float32)
    return Person(track, pose, mouth_planes(pose, centre), np.concatenate(parameters), angles)
