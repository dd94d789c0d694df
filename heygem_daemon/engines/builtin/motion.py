"""What moves in the output frames: computed in blocks whose bounds never depend on who asks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.aim import agape, moved_points, tuck_depth, tuck_of
from heygem_daemon.engines.builtin.field import Fields, fields, inner_lines
from heygem_daemon.engines.builtin.person import Person
from heygem_daemon.face.landmarks import INNER_UPPER

Floats = NDArray[np.float32]

BLOCK = 16
"""Output frames whose movement is computed at once."""


@dataclass(frozen=True, slots=True)
class Lips:
    """Inner lips of B faces in the mouth's plane. ``lines``: (B, 2, LINE) the y of the upper and
    the lower one at each x; ``corners``: (B, 2, 2) where they end."""

    lines: Floats
    corners: Floats


@dataclass(frozen=True, slots=True)
class Motion:
    """``fields`` of B output frames; ``lips`` as they are in the source pictures; ``closed``:
    (B,), how much the mouth closes over its teeth, 0-1."""

    fields: Fields
    lips: Lips
    closed: Floats


def lips_of(points: Floats) -> Lips:
    """The inner lips of faces with points (B, 478, 2) in the plane."""
    return Lips(inner_lines(points), points[:, [INNER_UPPER[0], INNER_UPPER[-1]]])


def motion_of(
    person: Person, sources: NDArray[np.intp], wanted: Floats, replaced: Floats, basis: Floats
) -> Motion:
    """The motion of B output frames that show the pictures ``sources`` (B,) with the mouth
    parameters ``wanted`` (B, 4). ``replaced``: (B,), how much of the mouth's inside comes from
    elsewhere, 0-1; ``basis`` (4, 478, 3) as in ``MouthShape``."""
    canonical = person.canonical(sources)
    now = person.in_plane(sources)
    moved = moved_points(canonical, wanted, basis) - canonical
    then = now + person.planes.moved(sources, moved)
    closed, less = tuck_of(now, then)
    tuck = np.maximum(closed, replaced * agape(now))
    edges = tuck_depth(tuck, less * closed, person.pose.scale[sources])
    return Motion(fields(now, then, edges, closed), lips_of(now), closed)
