"""Reading with the mesh where memory runs out, and which of its results are usable faces."""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.mesh import FaceMesh
from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.mesh_reader import MeshReader, is_usable, yaw_and_pitch
from heygem_daemon.face.tracking.tracker import MESH_FILE
from heygem_daemon.media.picture import ColourTags, Picture

Landmarks = NDArray[np.float32]

WEIGHTS = Path(__file__).resolve().parents[3] / "weights" / "builtin"
CPU = torch.device("cpu")


class LowMemoryMesh(FaceMesh):
    """A mesh on a device with room for two pictures."""

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        if len(crops) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(crops)


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(2)
    grey = np.full((48, 48), 128, np.uint8)
    luma = [random.integers(0, 255, (96, 96), dtype=np.uint8) for _ in range(count)]
    return [Picture(number, y, grey, grey, ColourTags()) for number, y in enumerate(luma)]


def test_running_out_of_memory_changes_no_reading() -> None:
    shown, crop = pictures(5), Crop(48.0, 48.0, 64.0)
    mesh = load_weights(FaceMesh(), WEIGHTS / MESH_FILE, CPU)
    low_memory = load_weights(LowMemoryMesh(), WEIGHTS / MESH_FILE, CPU)
    whole = [MeshReader(mesh, CPU).read([picture], crop)[0] for picture in shown]
    parts = MeshReader(low_memory, CPU).read(shown, crop)
    assert len(parts) == 5
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one.landmarks, other.landmarks, atol=1e-3)


def frontal() -> Landmarks:
    """A frontal face, 100 pixels long; only the points that ``is_usable`` reads."""
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[10], landmarks[152] = (0, -0.5, 0), (0, 0.5, 0)
    landmarks[234], landmarks[454] = (-0.4, 0, 0), (0.4, 0, 0)
    landmarks[[33, 133, 362, 263], 1] = -0.15
    landmarks[33, 0], landmarks[263, 0] = -0.3, 0.3
    landmarks[[61, 291, 13, 14], 1] = 0.25
    return landmarks * 100


def turned(landmarks: Landmarks, yaw: float) -> Landmarks:
    cos, sin = math.cos(yaw), math.sin(yaw)
    turn = np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    return landmarks @ turn.T


def test_a_frontal_face_is_usable() -> None:
    assert is_usable(frontal(), 0.9)


def test_a_low_presence_is_not_usable() -> None:
    assert not is_usable(frontal(), 0.4)


def test_a_half_profile_is_usable_and_a_full_one_is_not() -> None:
    assert is_usable(turned(frontal(), math.radians(45)), 0.9)
    assert not is_usable(turned(frontal(), math.radians(75)), 0.9)


def test_yaw_follows_from_the_cheeks() -> None:
    yaw, pitch = yaw_and_pitch(turned(frontal(), 0.5))
    assert abs(abs(yaw) - 0.5) < 1e-5
    assert abs(pitch) < 1e-5


def test_a_mouth_above_the_eyes_is_no_face() -> None:
    landmarks = frontal()
    landmarks[[61, 291, 13, 14], 1] = -30
    assert not is_usable(landmarks, 0.9)


def test_a_face_of_a_few_pixels_is_not_usable() -> None:
    assert is_usable(frontal() * 0.4, 0.9)
    assert not is_usable(frontal() * 0.3, 0.9)


def test_a_collapsed_mesh_is_no_face() -> None:
    assert not is_usable(np.zeros((478, 3), np.float32), 0.9)


def test_undefined_numbers_are_no_face() -> None:
    landmarks = frontal()
    landmarks[5, 0] = np.nan
    assert not is_usable(landmarks, 0.9)
