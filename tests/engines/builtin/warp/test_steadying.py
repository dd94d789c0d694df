from dataclasses import replace

import numpy as np

from heygem_daemon.engines.builtin.warp.aim import MouthShape, move_landmarks
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.engines.builtin.warp.steadying import steady_shapes
from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP

SPEAKING = np.arange(100, 135, dtype=np.intp)
LIPS = list(OUTER_UPPER_LIP + OUTER_LOWER_LIP)


def trembling(landmarks: np.ndarray) -> float:
    return float(np.abs(np.diff(landmarks[:, LIPS, :2], n=2, axis=0)).mean())


def test_lips_with_constant_targets_hardly_tremble_over_a_mouth_that_speaks(
    person: Person, shape: MouthShape
) -> None:
    canonical = person.canonical_landmarks(SPEAKING)
    targets = np.repeat(person.parameters[:1], len(SPEAKING), axis=0)
    steadying = steady_shapes(person, SPEAKING, shape.basis)
    before = trembling(move_landmarks(canonical, targets, shape.basis))
    after = trembling(move_landmarks(canonical + steadying, targets, shape.basis))
    assert after < 0.5 * before


def test_a_picture_gets_the_same_shape_beside_any_others(person: Person, shape: MouthShape) -> None:
    together = steady_shapes(person, SPEAKING, shape.basis)
    alone = steady_shapes(person, SPEAKING[7:8], shape.basis)
    scattered = steady_shapes(person, SPEAKING[[30, 7, 0]], shape.basis)
    np.testing.assert_array_equal(alone[0], together[7])
    np.testing.assert_array_equal(scattered[1], together[7])


def test_another_person_and_pictures_without_a_face_do_not_count(
    person: Person, shape: MouthShape
) -> None:
    track = person.track
    others = np.array(track.person)
    others[120:] = others[0] + 1
    missing = np.array(track.trouble)
    missing[:110] = 1
    usual = steady_shapes(person, SPEAKING, shape.basis)
    apart = replace(person, track=replace(track, person=others, trouble=missing))
    steadied = steady_shapes(apart, SPEAKING, shape.basis)
    assert not np.array_equal(steadied[19], usual[19])
    assert not np.array_equal(steadied[10], usual[10])
    changed = replace(track, landmarks=moved(np.array(track.landmarks), slice(120, None)))
    again = steady_shapes(
        replace(apart, track=replace(changed, person=others, trouble=missing)),
        SPEAKING[:20],
        shape.basis,
    )
    np.testing.assert_array_equal(again, steadied[:20])


def test_the_first_and_the_last_picture_have_neighbours_on_one_side(
    person: Person, shape: MouthShape
) -> None:
    ends = np.array([0, len(person.parameters) - 1], np.intp)
    assert np.isfinite(steady_shapes(person, ends, shape.basis)).all()


def moved(landmarks: np.ndarray, part: slice) -> np.ndarray:
    """Return the landmarks with those of some pictures elsewhere."""
    landmarks[part] += 50
    return landmarks
