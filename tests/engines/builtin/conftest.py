"""The demo's presenter, tracked, and the weights that ship with the program."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior, load_interior
from heygem_daemon.engines.builtin.warp.aim import MouthShape, load_shape
from heygem_daemon.engines.builtin.warp.person import Person, measure_person
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.video_reader import VideoReader

ROOT = Path(__file__).resolve().parents[3]
TRACKED = 140
"""Number of pictures: the mouth is closed at first, and open from picture 108 on."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights() -> Path:
    return ROOT / "weights"


@pytest.fixture(scope="session")
def reference(weights: Path) -> NDArray[np.float32]:
    return load_reference_face(weights / "builtin")


@pytest.fixture(scope="session")
def shape(weights: Path) -> MouthShape:
    return load_shape(weights / "builtin")


@pytest.fixture(scope="session")
def interior(weights: Path) -> ShippedInterior:
    return load_interior(weights / "builtin")


@pytest.fixture(scope="session")
def presenter(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    video = ROOT / "demo" / "presenter.mp4"
    with VideoReader(video) as reader:
        track = FaceTracker.load(weights / "builtin").track(reader.read_range(0, TRACKED))
        info = reader.info
    cache = tmp_path_factory.mktemp("template")
    return Template(video, "presenter", cache, info.width, info.height, info.colour, track)


@pytest.fixture(scope="session")
def person(presenter: Template, reference: NDArray[np.float32]) -> Person:
    return measure_person(presenter.track, reference)
