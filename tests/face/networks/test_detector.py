from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.device.weights import load_weights
from heygem_daemon.face.networks.detector import FaceDetector, decode_detections, merge_overlapping

Reference = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def detector(weights: Path) -> FaceDetector:
    return load_weights(FaceDetector(), weights / "face_detector.safetensors", torch.device("cpu"))


def test_boxes_and_points_equal_those_of_mediapipes_runtime_within_half_a_pixel(
    detector: FaceDetector, reference: Reference
) -> None:
    pictures = torch.from_numpy(reference["detector_inputs"]).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        boxes, logits = detector(pictures)
    start = 0
    for k, count in enumerate(reference["detection_counts"]):
        expected = reference["detections"][start : start + count]
        start += count
        found = decode_detections(boxes[k], logits[k])
        assert len(found) == count
        for detection, row in zip(found, expected, strict=True):
            assert abs(detection.score - row[0]) < 0.01
            assert np.abs(detection.box - row[1:5]).max() * 192 < 0.5
            assert np.abs(detection.points.ravel() - row[5:]).max() * 192 < 0.5


def test_a_black_picture_shows_no_face(detector: FaceDetector) -> None:
    with torch.inference_mode():
        boxes, logits = detector(torch.full((1, 3, 192, 192), -1.0))
    assert decode_detections(boxes[0], logits[0]) == []


def test_overlapping_boxes_are_blended_by_score() -> None:
    corners = np.array([[0.0, 0.0, 0.4, 0.4], [0.1, 0.0, 0.5, 0.4], [0.7, 0.7, 0.9, 0.9]])
    points = np.zeros((3, 6, 2))
    first, second = merge_overlapping(corners, points, np.array([0.9, 0.6, 0.8]))
    np.testing.assert_allclose(first.box, [0.04, 0, 0.44, 0.4], atol=1e-6)
    assert (first.score, second.score) == (0.9, 0.8)
    np.testing.assert_allclose(second.box, corners[2], atol=1e-6)


def test_no_boxes_merge_to_nothing() -> None:
    assert merge_overlapping(np.zeros((0, 4)), np.zeros((0, 6, 2)), np.zeros(0)) == []
