from pathlib import Path

import pytest
import torch
from torch import Tensor

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.mesh import FaceMesh
from heygem_daemon.face.networks.mesh_regions import JointRegions, Region


@pytest.fixture(scope="module")
def regions(weights: Path) -> tuple[Region, ...]:
    mesh = load_weights(FaceMesh(), weights / "face_mesh.safetensors", torch.device("cpu"))
    return mesh.lips, mesh.left_eye, mesh.right_eye


def read_alone(region: Region, features: Tensor) -> list[Tensor]:
    """Return the points of a region's branches, layer by layer."""
    shared = region.trunk(features)
    heads = [branch.head(branch.blocks(shared)) for branch in region.branches]
    return [head["points"].unflatten(1, (-1, 2)) for head in heads]


@pytest.mark.parametrize("batch", range(1, 9))
def test_regions_together_give_what_each_gives_alone_bit_for_bit(
    regions: tuple[Region, ...], batch: int
) -> None:
    random = torch.Generator().manual_seed(batch)
    features = torch.randn(batch, 3 * 32, 16, 16, generator=random)
    features = features.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        together = JointRegions(regions)(features)
        alone = [
            points
            for region, part in zip(regions, features.chunk(3, dim=1), strict=True)
            for points in read_alone(region, part.contiguous(memory_format=torch.channels_last))
        ]
    assert [points.shape[1] for points in together] == [80, 71, 5, 71, 5]
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one, other)


def test_weights_that_are_loaded_later_count(weights: Path) -> None:
    mesh = FaceMesh()
    with torch.no_grad():
        crops = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(1))
        random = mesh(crops)[0]
        loaded = load_weights(mesh, weights / "face_mesh.safetensors", torch.device("cpu"))(crops)
        again = load_weights(FaceMesh(), weights / "face_mesh.safetensors", torch.device("cpu"))
        assert torch.equal(loaded[0], again(crops)[0])
    assert not torch.equal(random, loaded[0])
