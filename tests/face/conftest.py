"""Real pictures and loaded networks for the tests of the face package."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import ColourTags, Picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors: more threads only contend with the rest of the suite."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights() -> Path:
    return ROOT / "weights" / "builtin"


@pytest.fixture(scope="session")
def tracker(weights: Path) -> FaceTracker:
    return FaceTracker.load(weights)


@pytest.fixture(scope="session")
def reference() -> dict[str, NDArray[np.float32]]:
    """The results of MediaPipe's runtime (made by training/convert/face_reference.py)."""
    with np.load(ROOT / "tests" / "face" / "data" / "mediapipe.npz") as stored:
        return dict(stored)


@pytest.fixture(scope="session")
def presenter() -> list[Picture]:
    """The first three seconds of the demo presenter, 400x300."""
    pictures: list[Picture] = []
    with av.open(str(ROOT / "demo" / "presenter.mp4")) as container:
        for frame in container.decode(video=0):
            pictures.append(_picture(frame, len(pictures)))
            if len(pictures) == 75:
                break
    return pictures


@pytest.fixture(scope="session")
def portrait() -> Picture:
    """The astronaut's portrait, 512x512."""
    with av.open(str(ROOT / "demo" / "astronaut.png")) as container:
        return _picture(next(container.decode(video=0)), 0)


def _picture(frame: av.VideoFrame, index: int) -> Picture:
    yuv = frame.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
    planes = np.asarray(yuv.to_ndarray(), np.uint8)
    height, width = frame.height, frame.width
    y = planes[:height].copy()
    u, v = planes[height:].reshape(2, height // 2, width // 2).copy()
    return Picture(index, y, u, v, ColourTags(matrix=6))
