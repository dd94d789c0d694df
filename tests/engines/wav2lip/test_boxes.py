from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.wav2lip.boxes import average_forward, face_boxes
from heygem_daemon.face.reading.landmarks import CHIN, JAW_CONTOUR
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.track import Track

Floats = NDArray[np.float32]
WEIGHTS = Path(__file__).resolve().parents[3] / "weights" / "builtin"
IOD = 60.0


@pytest.fixture(scope="module")
def reference() -> Floats:
    return load_reference_face(WEIGHTS)


def track_of(reference: Floats, centres: Floats, present: NDArray[np.bool_] | None = None) -> Track:
    """The reference face, 60 pixels between the eyes, with its middle at ``centres`` (T, 2)."""
    landmarks = np.repeat(reference[None] * IOD, len(centres), axis=0)
    landmarks[..., :2] += centres[:, None]
    shown = np.ones(len(centres), np.bool_) if present is None else present
    return Track(landmarks.astype(np.float32), shown, shown.astype(np.float32))


def test_the_box_holds_the_face_from_the_forehead_to_below_the_chin(reference: Floats) -> None:
    track = track_of(reference, np.full((8, 2), 200.0, np.float32))
    (box, *others) = face_boxes(track, reference, 400, 400)
    assert box is not None
    assert all(other == box for other in others)
    x, y = track.landmarks[0, :468, 0], track.landmarks[0, :468, 1]
    assert (box.left, box.right) == pytest.approx((x.min(), x.max()), abs=3)
    assert y.min() < box.top < track.landmarks[0, 9, 1]
    assert y.max() < box.bottom < y.max() + 0.08 * (box.bottom - box.top)
    # The generator draws the lower half: the mouth must lie in it.
    assert (box.top + box.bottom) / 2 < track.landmarks[0, 0, 1]


def test_boxes_are_even_and_inside_the_picture(reference: Floats) -> None:
    centres = np.array([[20, 30], [201, 203], [395, 398]], np.float32)
    for box in face_boxes(track_of(reference, centres), reference, 400, 400):
        assert box is not None
        assert all(edge % 2 == 0 for edge in (box.left, box.top, box.right, box.bottom))
        assert 0 <= box.left < box.right <= 400
        assert 0 <= box.top < box.bottom <= 400


def test_a_face_beyond_the_border_has_no_box(reference: Floats) -> None:
    (box,) = face_boxes(track_of(reference, np.array([[-300.0, 50]])), reference, 400, 400)
    assert box is None


def test_an_opening_jaw_does_not_move_the_box(reference: Floats) -> None:
    track = track_of(reference, np.full((40, 2), 200.0, np.float32))
    still = face_boxes(track, reference, 400, 400)
    track.landmarks[::4, [CHIN, *JAW_CONTOUR], 1] += 15
    assert face_boxes(track, reference, 400, 400) == still


def test_each_person_has_their_own_outline(reference: Floats) -> None:
    centres = np.full((20, 2), 200.0, np.float32)
    narrow = track_of(reference, centres)
    wide = track_of(reference * np.array([1.2, 1, 1], np.float32), centres)
    both = Track(
        np.concatenate([narrow.landmarks[:10], wide.landmarks[:10]]),
        narrow.present,
        narrow.score,
        person=np.repeat(np.array([0, 1], np.int16), 10),
    )
    boxes = face_boxes(both, reference, 400, 400)
    assert boxes[0] == face_boxes(narrow, reference, 400, 400)[0]
    assert boxes[-1] == face_boxes(wide, reference, 400, 400)[0]
    assert boxes[0] != boxes[-1]


def test_pictures_without_a_face_have_no_box_and_no_influence(reference: Floats) -> None:
    centres = np.array([[100, 100]] * 5 + [[300, 300]] * 5, np.float32)
    present = np.ones(10, np.bool_)
    present[4] = False
    boxes = face_boxes(track_of(reference, centres, present), reference, 400, 400)
    assert boxes[4] is None
    assert boxes[3] == boxes[0] != boxes[5]


def test_without_any_face_there_is_no_box(reference: Floats) -> None:
    track = track_of(reference, np.zeros((3, 2), np.float32), np.zeros(3, np.bool_))
    assert face_boxes(track, reference, 400, 400) == [None] * 3


def test_the_average_looks_forward_over_five_pictures_and_no_gap() -> None:
    values = np.arange(10, dtype=np.float32)[:, None]
    present, person = np.ones(10, np.bool_), np.zeros(10, np.int16)
    whole = average_forward(values, present, person)[:, 0]
    assert whole.tolist() == [2, 3, 4, 5, 6, 7, 7.5, 8, 8.5, 9]
    present[3] = False
    assert average_forward(values, present, person)[:3, 0].tolist() == [1, 1.5, 2]


def test_the_average_ends_at_a_cut() -> None:
    values = np.arange(10, dtype=np.float32)[:, None]
    person = np.repeat(np.array([1, 2], np.int16), 5)
    means = average_forward(values, np.ones(10, np.bool_), person)[:, 0]
    assert means[:5].tolist() == [2, 2.5, 3, 3.5, 4]
