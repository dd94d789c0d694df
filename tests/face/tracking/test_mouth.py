from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.face.reading.landmarks import (
    APERTURE_PAIRS,
    CHIN,
    LEFT_MOUTH_CORNER,
    RIGHT_MOUTH_CORNER,
)
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking import mouth
from heygem_daemon.face.tracking.track import Track

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def reference(weights: Path) -> Floats:
    return load_reference_face(weights)


def test_aperture_is_the_mean_of_the_three_inner_gaps() -> None:
    face = np.zeros((1, 478, 3), np.float32)
    for (_, lower), gap in zip(APERTURE_PAIRS, (0.1, 0.2, 0.3), strict=True):
        face[0, lower, 1] = gap
    assert np.isclose(mouth.measure_mouth(face)[0, mouth.APERTURE], 0.2)


def test_each_parameter_follows_the_points_it_is_named_for(reference: Floats) -> None:
    face = reference[None].copy()
    before = mouth.measure_mouth(face)
    face[:, LEFT_MOUTH_CORNER, 0] -= 0.05
    face[:, RIGHT_MOUTH_CORNER, 0] += 0.05
    face[:, CHIN, 1] += 0.03
    change = mouth.measure_mouth(face) - before
    assert np.allclose(change, [[0, 0.1, 0.03, 0]], atol=1e-4)


def test_a_track_is_measured_in_canonical_pose_and_where_there_is_a_face(reference: Floats) -> None:
    landmarks = np.stack([reference * 80 + 200, reference * 40, np.zeros_like(reference)])
    present = np.array([True, True, False])
    track = Track(landmarks.astype(np.float32), present, present.astype(np.float32))
    measured = mouth.measure_mouth_track(track, reference)
    assert np.allclose(measured[:2], mouth.measure_mouth(reference[None]), atol=1e-4)
    assert np.isnan(measured[2]).all()
