import numpy as np

from heygem_daemon.engines.builtin.motion import compute_donor_motion, compute_motion
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking import mouth

SOURCES = np.array([0, 115, 125], np.intp)
APART = np.eye(3, dtype=np.float32)


def test_a_mouth_that_stays_as_it_is_does_not_move(person: Person, shape: MouthShape) -> None:
    targets = person.parameters[SOURCES]
    motion = compute_motion(person, SOURCES, targets, np.zeros(3, np.float32), shape.basis)
    assert np.abs(motion.fields.upper).max() < 0.01
    assert np.abs(motion.fields.lower).max() < 0.01
    assert motion.closing.max() == 0


def test_an_open_mouth_that_closes_is_closed_over_its_teeth(
    person: Person, shape: MouthShape
) -> None:
    targets = person.parameters[SOURCES].copy()
    targets[:, mouth.APERTURE] = 0
    motion = compute_motion(person, SOURCES, targets, np.zeros(3, np.float32), shape.basis)
    gaps = motion.fields.inner_lip_lines[:, 1] - motion.fields.inner_lip_lines[:, 0]
    was = motion.lips.lines[:, 1] - motion.lips.lines[:, 0]
    assert was[1:].max() > 0.05
    assert gaps.max() < 0.01
    assert motion.closing[1:].min() > 0.9


def test_the_lips_of_a_shut_mouth_keep_their_edges_when_another_mouth_lends_its_inside(
    person: Person, shape: MouthShape
) -> None:
    targets = person.parameters[SOURCES].copy()
    targets[:, mouth.APERTURE] = 0.15
    kept, replaced = (
        compute_motion(
            person, SOURCES, targets, np.full(3, share, np.float32), shape.basis
        ).fields.upper
        for share in (0, 1)
    )
    moved = np.abs(replaced - kept).max(axis=(1, 2, 3))
    assert moved[0] < 0.002
    assert moved[1:].min() > 0.01


def test_a_donor_that_looks_as_wanted_keeps_its_shape_and_its_place(
    person: Person, shape: MouthShape
) -> None:
    donors, targets = SOURCES[::-1].copy(), person.parameters[SOURCES[::-1]]
    motion = compute_donor_motion(person, SOURCES, donors, targets, shape.basis, APART)
    assert np.abs(motion.fields.upper).max() < 0.01
    assert np.abs(motion.fields.lower).max() < 0.01
    assert np.abs(motion.fields.inner_lip_lines - motion.lips.lines).max() < 0.01


def test_a_donor_opens_as_far_as_wanted(person: Person, shape: MouthShape) -> None:
    donors, targets = SOURCES[::-1].copy(), person.parameters[SOURCES[::-1]].copy()
    targets[:, mouth.APERTURE] = 0.1
    motion = compute_donor_motion(person, SOURCES, donors, targets, shape.basis, APART)
    gaps = motion.fields.inner_lip_lines[:, 1] - motion.fields.inner_lip_lines[:, 0]
    assert np.abs(gaps.max(axis=1) - 0.1).max() < 0.04


def test_two_donors_that_are_mixed_take_one_shape(person: Person, shape: MouthShape) -> None:
    sources, donors = np.array([100, 100], np.intp), np.array([115, 125], np.intp)
    targets = np.repeat(person.parameters[[115]], 2, axis=0)
    mixed = np.array([[0.75, 0.25], [0.75, 0.25]], np.float32)
    apart, together = (
        compute_donor_motion(person, sources, donors, targets, shape.basis, mixture).fields
        for mixture in (np.eye(2, dtype=np.float32), mixed)
    )
    assert np.abs(np.diff(apart.inner_lip_lines, axis=0)).max() > 0.002
    assert np.array_equal(together.inner_lip_lines[0], together.inner_lip_lines[1])
    assert np.array_equal(together.corners[0], together.corners[1])
