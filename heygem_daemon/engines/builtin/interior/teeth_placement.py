"""Where upper teeth that a person never shows are: fixed to the skull, behind the closed lips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.aim import UPPER_SHARE
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP, OUTER_UPPER_LIP
from heygem_daemon.face.tracking.mouth import APERTURE, WIDTH

BELOW_LIP = 0.028
"""How far the middle teeth reach below the line between closed lips, IOD: 2.5 mm."""
USUAL_WIDTH = 0.58
"""Width of a mouth at rest whose teeth are as large as the shipped ones, IOD."""
SCALE = (0.9, 1.1)
"""Bounds of the size of teeth: they differ less than mouths do."""
_MIDDLE = (INNER_UPPER_LIP[5], OUTER_UPPER_LIP[5])


@dataclass(frozen=True, slots=True)
class TeethPlace:
    """Where a person's upper teeth are in the plane of the mouth."""

    middle: float
    """The x of the gap between the middle teeth, IOD."""
    edge: float
    """The y of their lowest edge, IOD."""
    scale: float
    """Their size over that of the shipped ones."""


def place_teeth(person: Person) -> dict[int, TeethPlace]:
    """Return the place of each person's teeth, by the numbers of the track."""
    track, places = person.track, {}
    for number in np.unique(track.person).tolist():
        shown = np.flatnonzero(track.usable & (track.person == number))
        if len(shown):
            places[number] = _place(person, shown)
    return places


def _place(person: Person, shown: NDArray[np.intp]) -> TeethPlace:
    """Return where the teeth are, as the pictures ``shown`` have it on average."""
    lips = np.asarray(person.track.landmarks[:, list(_MIDDLE)][shown])
    points = person.planes.to_plane(shown, lips)
    closed: Floats = points[:, 0, 1] + UPPER_SHARE * person.parameters[shown, APERTURE]
    width = float(np.median(person.parameters[shown, WIDTH]))
    return TeethPlace(
        middle=float(np.median(points[..., 0].mean(axis=1))),
        edge=float(np.median(closed)) + BELOW_LIP,
        scale=float(np.clip(width / USUAL_WIDTH, *SCALE)),
    )
