"""The mesh read in smaller batches where memory runs out."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.mesh import FaceMesh
from heygem_daemon.face.reading.crop import Crop
from heygem_daemon.face.reading.mesh_reader import MeshReader
from heygem_daemon.face.tracking.tracker import MESH_FILE
from heygem_daemon.media.picture import ColourTags, Picture

WEIGHTS = Path(__file__).resolve().parents[3] / "weights" / "builtin"
CPU = torch.device("cpu")


class Cramped(FaceMesh):
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


def test_too_little_memory_changes_no_reading() -> None:
    shown, crop = pictures(5), Crop(48.0, 48.0, 64.0)
    mesh = load_weights(FaceMesh(), WEIGHTS / MESH_FILE, CPU)
    cramped = load_weights(Cramped(), WEIGHTS / MESH_FILE, CPU)
    whole = [MeshReader(mesh, CPU).read([picture], crop)[0] for picture in shown]
    parts = MeshReader(cramped, CPU).read(shown, crop)
    assert len(parts) == 5
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one.landmarks, other.landmarks, atol=1e-3)
