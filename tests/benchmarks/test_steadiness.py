import numpy as np
import pytest

from benchmarks.lips.steadiness import Changes
from heygem_daemon.engines.builtin.warp.mouth_plane import MouthPlanes
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.pose import Pose
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.picture import ColourTags, Picture

COUNT, SCALE = 30, 40.0
SOURCES = np.arange(COUNT, dtype=np.int32)


def person() -> Person:
    """Return a face in the middle of pictures of 100 pixels that moves by a pixel a picture."""
    axes = np.tile(np.eye(2, dtype=np.float32) * np.float32(SCALE), (COUNT, 1, 1))
    origin = np.stack([35.5 + np.arange(COUNT), np.full(COUNT, 50.5)], axis=1).astype(np.float32)
    pose = Pose(
        np.tile(np.eye(3, dtype=np.float32), (COUNT, 1, 1)),
        np.full(COUNT, SCALE, np.float32),
        np.zeros((COUNT, 3), np.float32),
    )
    track = Track(
        np.zeros((COUNT, 478, 3), np.float32),
        np.ones(COUNT, np.bool_),
        np.ones(COUNT, np.float32),
    )
    planes = MouthPlanes(axes, origin, np.zeros((COUNT, 2), np.float32))
    return Person(track, pose, planes, np.zeros((COUNT, 4), np.float32), pose.angles())


def pictures(brighter: float) -> list[Picture]:
    """Return pictures of a pattern that moves with the face, the odd ones ``brighter``."""
    pattern = np.random.default_rng(0).integers(50, 150, (100, 200))
    grey = np.full((50, 50), 128, np.uint8)
    shown = [
        np.roll(pattern, k, axis=1)[:, :100] + (brighter if k % 2 else 0) for k in range(COUNT)
    ]
    return [Picture(k, y.astype(np.uint8), grey, grey, ColourTags()) for k, y in enumerate(shown)]


def test_a_mouth_that_moves_with_its_head_alone_does_not_change() -> None:
    changes = Changes(person(), SOURCES)
    assert len(list(changes.observe(pictures(0)))) == COUNT
    assert changes.while_still(np.zeros(COUNT, np.float32)) == pytest.approx(0, abs=0.01)


def test_flicker_is_measured_while_the_aperture_is_still_and_not_while_it_moves() -> None:
    changes = Changes(person(), SOURCES)
    list(changes.observe(pictures(7)))
    assert changes.while_still(np.zeros(COUNT, np.float32)) == pytest.approx(7, abs=0.05)
    assert changes.while_still(np.arange(COUNT, dtype=np.float32)) is None


def test_a_source_picture_that_is_shown_twice_does_not_count() -> None:
    changes = Changes(person(), SOURCES // 2)
    list(changes.observe(pictures(0)))
    assert np.isnan(changes.values[1::2]).all()
    assert np.isfinite(changes.values[2::2]).all()
