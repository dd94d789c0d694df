from dataclasses import replace

import numpy as np
import pytest

from heygem_daemon.engines.builtin.interior.teeth_placement import (
    BELOW_LIP,
    SCALE,
    place_teeth,
)
from heygem_daemon.engines.builtin.warp.aim import UPPER_SHARE
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP
from heygem_daemon.face.tracking.mouth import APERTURE, WIDTH


def test_teeth_reach_a_little_below_the_line_between_closed_lips(person: Person) -> None:
    closed = np.flatnonzero(person.parameters[:, APERTURE] < 0.02)
    line = np.median(person.plane_landmarks(closed)[:, INNER_UPPER_LIP[5], 1])
    assert place_teeth(person)[0].edge == pytest.approx(line + BELOW_LIP, abs=0.01)


def test_lips_that_are_always_a_little_open_are_thought_closed(person: Person) -> None:
    parted = person.parameters + np.array([0.04, 0, 0, 0], np.float32)
    lowered = place_teeth(replace(person, parameters=parted))[0].edge - place_teeth(person)[0].edge
    assert lowered == pytest.approx(0.04 * UPPER_SHARE, abs=1e-5)


def test_every_person_has_teeth_of_their_own_and_nobody_without_a_face_any(person: Person) -> None:
    number = np.arange(len(person.track), dtype=np.int16) // 50
    trouble = np.where(number == 1, 1, 0).astype(np.uint8)
    several = replace(person, track=replace(person.track, person=number, trouble=trouble))
    assert sorted(place_teeth(several)) == [0, 2]


def test_teeth_differ_less_than_mouths_do(person: Person) -> None:
    parameters = person.parameters.copy()
    parameters[:, WIDTH] = 0.9
    assert place_teeth(replace(person, parameters=parameters))[0].scale == SCALE[1]
