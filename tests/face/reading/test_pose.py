from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.face.reading.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, STABLE
from heygem_daemon.face.reading.pose import Pose, fit_pose, load_reference_face

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def reference(weights: Path) -> Floats:
    return load_reference_face(weights)


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Floats:
    """A rotation by Euler angles in degrees, in picture coordinates (y down, z away)."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    rotation: Floats = (about_z @ about_y @ about_x).astype(np.float32)
    return rotation


def posed(rotations: list[Floats]) -> Pose:
    count = len(rotations)
    scale = np.linspace(40, 200, count).astype(np.float32)
    shift = np.random.default_rng(3).uniform(0, 1000, (count, 3)).astype(np.float32)
    return Pose(np.stack(rotations), scale, shift)


def test_the_pose_that_made_a_face_is_found(reference: Floats) -> None:
    pose = posed([turned(), turned(yaw=30), turned(pitch=-20, roll=15), turned(-40, 10, -30)])
    found = fit_pose(pose.to_picture(reference), reference)
    assert np.allclose(found.rotation, pose.rotation, atol=1e-3)
    assert np.allclose(found.scale, pose.scale, rtol=1e-3)
    assert np.allclose(found.translation, pose.translation, atol=0.2)


def test_to_canonical_and_back_changes_nothing(reference: Floats) -> None:
    pose = posed([turned(yaw=25, roll=10), turned(pitch=15)])
    assert np.allclose(pose.to_canonical(pose.to_picture(reference)), reference, atol=1e-3)


def test_a_speaking_mouth_does_not_move_the_head(reference: Floats) -> None:
    face = reference.copy()
    rest = np.setdiff1d(np.arange(478), STABLE)
    face[rest] += np.random.default_rng(4).normal(0, 0.05, (len(rest), 3)).astype(np.float32)
    found = fit_pose(face[None] * 100, reference)
    assert np.allclose(found.rotation[0], np.eye(3), atol=1e-4)
    assert np.isclose(found.scale[0], 100, rtol=1e-4)


@pytest.mark.parametrize("angles", [(20.0, 0.0, 0.0), (0.0, 20.0, 0.0), (0.0, 0.0, 20.0)])
def test_angles_have_the_documented_signs(
    reference: Floats, angles: tuple[float, float, float]
) -> None:
    found = fit_pose(posed([turned(*angles)]).to_picture(reference), reference)
    assert np.allclose(np.abs(found.angles()[0]), angles, atol=0.5)
    assert found.angles()[0].sum() > 0


def test_a_mirrored_face_gives_no_reflection(reference: Floats) -> None:
    found = fit_pose((reference * np.array([-1, 1, 1], np.float32))[None], reference)
    assert np.linalg.det(found.rotation[0]) > 0


def test_the_reference_is_frontal_and_one_unit_wide(reference: Floats) -> None:
    eyes = reference[RIGHT_EYE_OUTER] - reference[LEFT_EYE_OUTER]
    assert np.allclose(eyes, [1, 0, 0], atol=1e-5)
    assert reference.shape == (478, 3)


def test_a_missing_reference_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="reference"):
        load_reference_face(tmp_path)
