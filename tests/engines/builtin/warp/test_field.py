import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.warp.aim import MouthShape, move_landmarks
from heygem_daemon.engines.builtin.warp.field import (
    COLUMNS,
    UPPER_TUCKED,
    WarpFields,
    build_warp_fields,
)
from heygem_daemon.engines.builtin.warp.mouth_plane import BOTTOM, LEFT, RIGHT, TOP
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP, OUTER_UPPER_LIP

FRAME = 112
NO_TUCK = np.zeros(1, np.float32)


def fields_of(
    person: Person,
    shape: MouthShape,
    aperture: float,
    tuck: NDArray[np.float32] = NO_TUCK,
    closed: NDArray[np.float32] = NO_TUCK,
) -> WarpFields:
    frame: NDArray[np.intp] = np.array([FRAME])
    canonical = person.canonical_landmarks(frame)
    target = person.parameters[frame].copy()
    target[:, 0] = aperture
    target[:, 2] += 0.45 * (aperture - person.parameters[FRAME, 0])
    current = person.plane_landmarks(frame)
    moved = move_landmarks(canonical, target, shape.basis) - canonical
    return build_warp_fields(
        current, current + person.planes.project_movement(frame, moved), tuck, closed
    )


def test_nothing_moves_at_the_border(person: Person, shape: MouthShape) -> None:
    fields = fields_of(person, shape, 0.0)
    for field in (fields.upper, fields.lower):
        assert np.abs(field).max() > 0.01
        rim = [field[..., 0, :], field[..., -1, :], field[..., 0], field[..., -1]]
        assert all((side == 0).all() for side in rim)


def test_skin_is_never_folded(person: Person, shape: MouthShape) -> None:
    for aperture in (0.0, 0.26):
        fields = fields_of(person, shape, aperture)
        step = (BOTTOM - TOP) / (fields.lower.shape[2] - 1)
        for field in (fields.upper, fields.lower):
            assert (1 + np.diff(field[0, 1], axis=0) / step).min() > 0


def test_the_lower_line_is_never_above_the_upper_one(person: Person, shape: MouthShape) -> None:
    for aperture in (0.0, 0.1):
        upper, lower = fields_of(person, shape, aperture).inner_lip_lines[0]
        assert (lower >= upper).all()
        assert ((lower - upper).max() < 0.005) == (aperture == 0)


def test_lips_that_stay_open_are_not_tucked_at_their_corners(
    person: Person, shape: MouthShape
) -> None:
    plain = fields_of(person, shape, 0.1)
    tucked = fields_of(person, shape, 0.1, np.full(1, 0.04, np.float32))
    columns = np.linspace(LEFT, RIGHT, COLUMNS)
    left, right = plain.corners[0, :, 0]
    upper, lower = (
        np.abs(after - before)[0, 1].max(axis=0)
        for before, after in ((plain.upper, tucked.upper), (plain.lower, tucked.lower))
    )
    for more, least in ((upper, 0.01), (lower, 0.03)):
        assert more[(columns < left - 0.02) | (columns > right + 0.02)].max() < 0.01
        assert more[np.abs(columns - (left + right) / 2) < 0.05].min() > least


def test_no_lip_is_tucked_away(person: Person, shape: MouthShape) -> None:
    whole = np.ones(1, np.float32)
    plain = fields_of(person, shape, 0.0, closed=whole)
    tucked = fields_of(person, shape, 0.0, whole, whole)
    at = person.plane_landmarks(np.array([FRAME]))[0]
    thickness = (at[list(INNER_UPPER_LIP), 1] - at[list(OUTER_UPPER_LIP), 1])[3:8].mean()
    more = np.abs(tucked.upper - plain.upper)[0, 1].max()
    assert 0.5 * UPPER_TUCKED * thickness < more < 1.2 * UPPER_TUCKED * thickness


def test_a_mouth_that_shuts_leaves_no_shadow_beside_its_corners(
    person: Person, shape: MouthShape
) -> None:
    whole = np.ones(1, np.float32)
    plain = fields_of(person, shape, 0.0, closed=whole)
    tucked = fields_of(person, shape, 0.0, np.full(1, 0.03, np.float32), whole)
    columns = np.linspace(LEFT, RIGHT, COLUMNS)
    left, right = plain.corners[0, :, 0]
    beside = np.argmin(np.abs(columns - left + 0.02)), np.argmin(np.abs(columns - right - 0.02))
    for before, after in ((plain.upper, tucked.upper), (plain.lower, tucked.lower)):
        more = np.abs(after - before)[0, 1].max(axis=0)
        assert more[list(beside)].min() > 0.005
