"""Learn how a face's landmarks move with the four mouth parameters.

``python training/mouth_basis.py FOLDER`` tracks clips of people who speak in FOLDER and writes
``weights/builtin/mouth_shape.safetensors`` (see ``heygem_daemon.engines.builtin.warp.aim``).
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.engines.builtin.warp.aim import SHAPE_FILE
from heygem_daemon.face.reading.landmarks import STABLE
from heygem_daemon.face.reading.pose import fit_pose, load_reference_face
from heygem_daemon.face.tracking import mouth
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.video_reader import VideoReader

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "builtin"
CLIPS = 60
"""Number of clips, spread over the folder."""
QUANTILES = 65
OPEN = 0.03
"""Aperture from which a mouth is open, IOD."""
RIDGE = 1e-3
"""Penalty on standardized parameters, so that tracker noise does not become shape."""
Floats = NDArray[np.float32]


def canonical_faces(path: Path, tracker: FaceTracker, reference: Floats) -> Floats:
    """Return the canonical landmarks (T, 478, 3) of the usable pictures of a clip."""
    with VideoReader(path) as reader:
        track = tracker.track(reader.read_range())
    landmarks = track.landmarks[track.present]
    return fit_pose(landmarks, reference).to_canonical(landmarks)


def learn_basis(clips: list[Floats], reference: Floats) -> Floats:
    """Return the ridge regression of movement on parameters, (4, 478, 3).

    Both are relative to each clip's mean. The result is symmetric, so that it does not contain a
    speaker's crooked mouth.
    """
    parameters = np.concatenate([centred(mouth.measure_mouth(clip)) for clip in clips])
    movement = np.concatenate([centred(clip).reshape(len(clip), -1) for clip in clips])
    scale = parameters.std(axis=0)
    inputs = parameters / scale
    gram = inputs.T @ inputs / len(inputs) + RIDGE * np.eye(4)
    basis = np.linalg.solve(gram, inputs.T @ movement / len(inputs)) / scale[:, None]
    shaped = basis.reshape(4, -1, 3)
    flip = np.array([-1, 1, 1], np.float32)
    mirrored = np.linalg.norm((reference * flip)[:, None] - reference[None], axis=2).argmin(axis=1)
    shaped = (shaped + shaped[:, mirrored] * flip) / 2
    shaped[:, list(STABLE)] = 0.0
    symmetric: Floats = shaped.astype(np.float32)
    return symmetric


def centred(values: Floats) -> Floats:
    """Return the deviations from the mean over time."""
    deviations: Floats = values - values.mean(axis=0)
    return deviations


def aperture_quantiles(measured: list[Floats]) -> Floats:
    """Return pooled quantiles of the aperture above closed, as shares of the 95th percentile."""
    apertures = np.concatenate([while_speaking(values[:, mouth.APERTURE]) for values in measured])
    opened = np.maximum(apertures - np.quantile(apertures, 0.02), 0)
    levels = np.quantile(opened, np.linspace(0, 1, QUANTILES)) / np.quantile(opened, 0.95)
    shares: Floats = levels.astype(np.float32)
    return shares


def while_speaking(apertures: Floats) -> Floats:
    """Return a clip's apertures without the silence before the first and after the last opening."""
    opened = np.flatnonzero(apertures > OPEN)
    return apertures[opened[0] : opened[-1] + 1] if len(opened) else apertures[:0]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.iterdir())
    reference = load_reference_face(WEIGHTS)
    tracker = FaceTracker.load(WEIGHTS)
    spread = files[:: max(1, len(files) // CLIPS)]
    clips = [canonical_faces(path, tracker, reference) for path in spread]
    measured = [mouth.measure_mouth(clip) for clip in clips]
    tensors = {
        "basis": learn_basis(clips, reference),
        "quantiles": aperture_quantiles(measured),
        "deviations": np.sqrt(np.mean([m.var(axis=0) for m in measured], axis=0)),
    }
    with atomic_weights_file(WEIGHTS / SHAPE_FILE) as draft:
        save_file(tensors, draft)


if __name__ == "__main__":
    main()
