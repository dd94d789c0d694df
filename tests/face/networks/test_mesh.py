from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.mesh import INPUT_SIDE, LANDMARK_COUNT, FaceMesh, cut_regions

Reference = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def mesh(weights: Path) -> FaceMesh:
    return load_weights(FaceMesh(), weights / "face_mesh.safetensors", torch.device("cpu"))


@pytest.fixture(scope="module")
def results(mesh: FaceMesh, reference: Reference) -> tuple[torch.Tensor, torch.Tensor]:
    crops = torch.from_numpy(reference["mesh_inputs"]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        landmarks, logits = mesh(crops)
    return landmarks, logits


def test_points_equal_those_of_mediapipes_runtime_within_half_a_pixel(
    mesh: FaceMesh, results: tuple[torch.Tensor, torch.Tensor], reference: Reference
) -> None:
    landmarks = results[0].numpy()
    expected = np.zeros_like(landmarks)
    expected[:, :468] = reference["mesh_mesh"].reshape(-1, 468, 3)
    for region, name in ((mesh.lips, "lips"), (mesh.left_eye, "left_eye")):
        expected[:, region.points, :2] = reference[f"mesh_{name}"].reshape(len(expected), -1, 2)
    right = reference["mesh_right_eye"].reshape(len(expected), -1, 2)
    expected[:, mesh.right_eye.points, :2] = right
    irises = [reference[f"mesh_{side}_iris"].reshape(-1, 5, 2) for side in ("left", "right")]
    expected[:, 468:, :2] = np.concatenate(irises, axis=1)
    assert np.abs(landmarks[..., :2] - expected[..., :2]).max() < 0.5
    assert np.abs(landmarks[:, :468, 2] - expected[:, :468, 2]).max() < 0.5


def test_the_port_is_exact_to_rounding(
    results: tuple[torch.Tensor, torch.Tensor], reference: Reference
) -> None:
    untouched = [1, 10, 152, 234, 454]
    expected = reference["mesh_mesh"].reshape(-1, 468, 3)[:, untouched]
    assert np.abs(results[0].numpy()[:, untouched] - expected).max() < 0.01


def test_presence_equals_that_of_mediapipes_runtime(
    results: tuple[torch.Tensor, torch.Tensor], reference: Reference
) -> None:
    np.testing.assert_allclose(results[1].numpy(), reference["mesh_flag"][:, 0], atol=0.01)


def test_irises_lie_at_the_depth_of_their_lids(
    mesh: FaceMesh, results: tuple[torch.Tensor, torch.Tensor]
) -> None:
    landmarks = results[0]
    lids = landmarks[:, mesh.left_eye.points[:16], 2].mean(dim=1)
    torch.testing.assert_close(landmarks[:, 468, 2], lids)


def test_a_batch_gives_what_single_crops_give(mesh: FaceMesh, reference: Reference) -> None:
    crops = torch.from_numpy(reference["mesh_inputs"]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        together = mesh(crops)[0]
        apart = torch.cat([mesh(crop[None])[0] for crop in crops])
    torch.testing.assert_close(together, apart, atol=1e-3, rtol=0)


def test_a_crop_without_a_face_gets_a_low_presence(mesh: FaceMesh) -> None:
    with torch.inference_mode():
        landmarks, logits = mesh(torch.zeros(1, 3, INPUT_SIDE, INPUT_SIDE))
    assert landmarks.shape == (1, LANDMARK_COUNT, 3)
    assert logits[0] < 0


def test_a_region_cut_outside_the_map_is_zero() -> None:
    features = torch.ones(1, 2, 8, 8)
    identity = torch.tensor([[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]])
    beyond = identity + torch.tensor([0.0, 0.0, 100.0])
    inside, outside = cut_regions(features, [identity, beyond]).chunk(2, dim=1)
    assert inside[0, :, 4, 4].tolist() == [1.0, 1.0]
    assert outside.abs().max() == 0
