import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.warp import aim
from heygem_daemon.engines.builtin.warp.aim import (
    UPPER_EDGE_SHARE,
    VISIBLE_SHARE,
    MouthShape,
    interior_visibility,
    measure_tuck,
    move_landmarks,
    tuck_depth,
)
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import (
    CHIN,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    OUTER_UPPER_LIP,
    STABLE,
)
from heygem_daemon.face.tracking import mouth

Floats = NDArray[np.float32]
OPEN, SHUT = 112, 20


def targets(person: Person, frame: int, aperture: float) -> Floats:
    parameters = person.parameters[frame : frame + 1].copy()
    parameters[:, mouth.APERTURE] = aperture
    return parameters


def face(person: Person, frame: int) -> Floats:
    return person.canonical_landmarks(np.array([frame]))


def test_the_target_aperture_is_reached(person: Person, shape: MouthShape) -> None:
    for frame in (OPEN, SHUT):
        for aperture in (0.02, 0.1, 0.25):
            moved = move_landmarks(
                face(person, frame), targets(person, frame, aperture), shape.basis
            )
            assert abs(mouth.measure_mouth(moved)[0, mouth.APERTURE] - aperture) < 0.012


def test_a_closed_mouth_is_closed_from_corner_to_corner(person: Person, shape: MouthShape) -> None:
    moved = move_landmarks(face(person, OPEN), targets(person, OPEN, 0.0), shape.basis)
    gaps = moved[:, INNER_LOWER_LIP] - moved[:, INNER_UPPER_LIP]
    assert np.abs(gaps[..., 1:]).max() < 1e-4


def test_the_chin_sinks_with_the_jaw_and_the_forehead_rests(
    person: Person, shape: MouthShape
) -> None:
    canonical = face(person, SHUT)
    target = targets(person, SHUT, 0.15)
    target[:, mouth.JAW] += 0.06
    moved = move_landmarks(canonical, target, shape.basis)
    sunk = moved[0, CHIN, 1] - canonical[0, CHIN, 1]
    assert 0.05 < sunk * VISIBLE_SHARE[mouth.JAW] < 0.07
    assert np.array_equal(moved[:, list(STABLE)], canonical[:, list(STABLE)])


def test_nothing_moves_if_the_target_is_the_current_mouth(
    person: Person, shape: MouthShape
) -> None:
    canonical = face(person, OPEN)
    moved = move_landmarks(canonical, mouth.measure_mouth(canonical), shape.basis)
    assert np.abs(moved - canonical)[..., :2].max() < 0.01


def test_teeth_disappear_only_where_an_open_mouth_closes(person: Person) -> None:
    opened, closed = (person.plane_landmarks(np.array([frame])) for frame in (OPEN, SHUT))
    (tuck, reduction), (no_tuck, _) = measure_tuck(opened, closed), measure_tuck(closed, opened)
    assert tuck[0] > 0.9
    assert reduction[0] > 0.05
    assert no_tuck[0] == 0
    assert measure_tuck(closed, closed)[0][0] == 0


def test_lips_are_tucked_deeper_in_small_faces_and_from_wide_mouths() -> None:
    scale = np.array([400, 40, 400], np.float32)
    depth = tuck_depth(np.ones(3, np.float32), np.array([0, 0, 0.2], np.float32), scale)
    assert depth[0] == pytest.approx(0.015)
    assert depth[1] * 40 == pytest.approx(2)
    assert depth[2] == pytest.approx(0.031)


def test_a_round_mouth_closes_in_a_smooth_line(person: Person, shape: MouthShape) -> None:
    frame = int(np.nanargmax(person.parameters[:, mouth.APERTURE]))
    canonical = person.canonical_landmarks(np.array([frame]))
    moved = move_landmarks(canonical, targets(person, frame, 0), shape.basis)[0]
    line = (moved[list(INNER_UPPER_LIP)] + moved[list(INNER_LOWER_LIP)])[:, :2] / 2
    x, y = line.astype(np.float64).T
    parabola = np.polynomial.Polynomial.fit(x, y, 2)
    assert np.abs(parabola(x) - y).max() < 0.004
    gaps = moved[list(INNER_LOWER_LIP), 1] - moved[list(INNER_UPPER_LIP), 1]
    assert np.abs(gaps).max() < 1e-3


def test_only_an_open_mouth_has_something_behind_its_lips(person: Person) -> None:
    opened, closed = (person.plane_landmarks(np.array([frame])) for frame in (OPEN, SHUT))
    assert interior_visibility(opened)[0] > 0.9
    assert interior_visibility(closed)[0] < 0.1


def test_an_upper_lip_keeps_its_thickness_where_the_basis_alone_would_swell_it(
    person: Person, shape: MouthShape, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edges() -> Floats:
        moved = move_landmarks(face(person, OPEN), targets(person, OPEN, 0.0), shape.basis)
        return np.stack([moved[0, lip, 1] for lip in (OUTER_UPPER_LIP, INNER_UPPER_LIP)])

    closes = float(person.parameters[OPEN, mouth.APERTURE])
    kept = edges()
    monkeypatch.setattr(aim, "UPPER_EDGE_SHARE", 0.0)
    outer, inner = kept - edges()
    assert outer[3:8].mean() == pytest.approx(UPPER_EDGE_SHARE * closes, rel=0.2)
    assert np.abs(inner).max() < 1e-6
