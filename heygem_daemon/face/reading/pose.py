"""Head poses: similarity transforms between pictures and a canonical, frontal face.

Canonical coordinates have their origin midway between the outer eye corners, x to the viewer's
right, y down, z away from the viewer, and the distance of the outer eye corners (IOD) as unit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from heygem_daemon.device.arrays import Floats
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.face.reading.landmarks import STABLE

REFERENCE_FILE = "face_reference.safetensors"


@dataclass(frozen=True, slots=True)
class Pose:
    """Similarity transforms from canonical coordinates to picture pixels, one per frame.

    picture = scale · rotation · canonical + translation.
    """

    rotation: Floats
    """(T, 3, 3)."""
    scale: Floats
    """(T,) pixels per IOD."""
    translation: Floats
    """(T, 3) pixels."""

    def __len__(self) -> int:
        return int(self.scale.shape[0])

    def to_canonical(self, points: Floats) -> Floats:
        """Convert picture points (T, K, 3) to canonical coordinates."""
        centred = (points - self.translation[:, None]) / self.scale[:, None, None]
        canonical: Floats = np.einsum("tji,tkj->tki", self.rotation, centred)
        return canonical

    def to_picture(self, points: Floats) -> Floats:
        """Convert canonical points (T, K, 3) or (K, 3) to picture coordinates (T, K, 3)."""
        spec = "tij,kj->tki" if points.ndim == 2 else "tij,tkj->tki"
        turned: Floats = np.einsum(spec, self.rotation, points)
        return self.scale[:, None, None] * turned + self.translation[:, None]

    def angles(self) -> Floats:
        """Return yaw, pitch and roll in degrees, (T, 3): positive yaw turns the nose to the
        viewer's right, positive pitch down, positive roll clockwise."""
        forward = -self.rotation[:, :, 2]
        right = self.rotation[:, :, 0]
        yaw = np.arctan2(forward[:, 0], -forward[:, 2])
        pitch = np.arctan2(forward[:, 1], np.hypot(forward[:, 0], forward[:, 2]))
        roll = np.arctan2(right[:, 1], right[:, 0])
        angles: Floats = np.degrees(np.stack([yaw, pitch, roll], axis=1))
        return angles


def load_reference_face(weights: Path) -> Floats:
    """Return the reference face (478, 3), an average face, in canonical coordinates.

    Raises WeightsUnavailable.
    """
    path = weights / REFERENCE_FILE
    try:
        return np.asarray(load_file(path)["landmarks"], dtype=np.float32)
    except (OSError, KeyError, ValueError) as error:
        raise WeightsUnavailable(f"the reference face {path} cannot be read: {error}") from error


def fit_pose(landmarks: Floats, reference: Floats) -> Pose:
    """Return the pose of each face in ``landmarks`` (T, 478, 3), from the points ``STABLE``.

    ``reference``: the reference face (478, 3). Least-squares similarity between two point sets: S.
    Umeyama, IEEE PAMI 13(4), 1991, equations 38-43, for all frames at once.
    """
    source = reference[list(STABLE)].astype(np.float64)
    target = landmarks[:, list(STABLE)].astype(np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=1)
    source_centred = source - source_mean
    covariance = np.einsum("tki,kj->tij", target - target_mean[:, None], source_centred)
    covariance /= len(source)
    left, singular, right = np.linalg.svd(covariance)
    signs = np.ones_like(singular)
    signs[:, 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = np.einsum("tij,tj,tjk->tik", left, signs, right)
    scale = (singular * signs).sum(axis=1) / source_centred.var(axis=0).sum()
    translation = target_mean - scale[:, None] * np.einsum("tij,j->ti", rotation, source_mean)
    return Pose(
        rotation.astype(np.float32), scale.astype(np.float32), translation.astype(np.float32)
    )
