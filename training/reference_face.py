"""Make the reference face: the mean of many tracked faces, symmetric, in canonical coordinates.

``python training/reference_face.py FOLDER`` tracks one picture of every clip in FOLDER (real people
who face the camera) and writes ``weights/builtin/face_reference.safetensors``.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.face.reading.landmarks import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from heygem_daemon.face.reading.pose import REFERENCE_FILE, fit_pose
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.video_reader import VideoReader

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "builtin"
ROUNDS = 5
"""Rounds of the Procrustes mean."""
CLIPS = 120
"""Maximum number of clips."""
Floats = NDArray[np.float32]


def faces(folder: Path) -> Floats:
    """Return the landmarks (N, 478, 3) of one usable face of each clip, y down, in pixels."""
    tracker = FaceTracker.load(WEIGHTS)
    found = []
    for path in sorted(folder.iterdir())[:CLIPS]:
        with VideoReader(path) as reader:
            samples = tracker.follow(reader.read_range(0, 5))
            found += [s.landmarks for s in islice(samples, 5) if s.present][-1:]
    return np.stack(found)


def upright(face: Floats) -> Floats:
    """Return the face with its origin between the outer eye corners and their distance 1."""
    left, right = face[LEFT_EYE_OUTER], face[RIGHT_EYE_OUTER]
    placed: Floats = (face - (left + right) / 2) / np.float32(np.linalg.norm(right - left))
    return placed


def mirrored_numbers(face: Floats) -> NDArray[np.intp]:
    """Return each point's mirror image: the number of the nearest point of the mirrored face."""
    mirrored = face * np.array([-1, 1, 1], np.float32)
    distances = np.linalg.norm(mirrored[:, None] - face[None], axis=2)
    numbers: NDArray[np.intp] = distances.argmin(axis=1)
    return numbers


def symmetric(face: Floats) -> Floats:
    """Return the mean of a face and its mirror image, which looks straight ahead."""
    mirrored = face[mirrored_numbers(face)] * np.array([-1, 1, 1], np.float32)
    return (face + mirrored) / np.float32(2)


def mean_face(found: Floats) -> Floats:
    """Return the generalized Procrustes mean, made symmetric in every round."""
    mean = symmetric(upright(found[0]))
    for _ in range(ROUNDS):
        aligned = fit_pose(found, mean).to_canonical(found)
        mean = upright(symmetric(aligned.mean(axis=0)))
    return mean.astype(np.float32)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    mean = mean_face(faces(parser.parse_args().folder))
    with atomic_weights_file(WEIGHTS / REFERENCE_FILE) as draft:
        save_file({"landmarks": mean}, draft)


if __name__ == "__main__":
    main()
