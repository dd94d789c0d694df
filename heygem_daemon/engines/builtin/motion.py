"""How a mouth moves to its target: its own mouth, or one of another picture of the person."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.aim import (
    interior_visibility,
    measure_tuck,
    move_landmarks,
    tuck_depth,
)
from heygem_daemon.engines.builtin.warp.field import WarpFields, build_warp_fields, inner_lip_lines
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP


@dataclass(frozen=True, slots=True)
class InnerLips:
    """The inner lips of B faces in the mouth's plane."""

    lines: Floats
    """(B, 2, LINE_SAMPLES): the y of the upper and the lower lip at each x, IOD."""
    corners: Floats
    """(B, 2, 2): where the lips end, IOD."""


@dataclass(frozen=True, slots=True)
class MouthMotion:
    """The motion of B mouths."""

    fields: WarpFields
    lips: InnerLips
    """The inner lips in the pictures that the mouths come from."""
    closing: Floats
    """(B,), how far the mouth closes over its teeth, 0-1."""


def inner_lips(points: Floats) -> InnerLips:
    """Return the inner lips of faces with landmarks (B, 478, 2) in the plane."""
    return InnerLips(inner_lip_lines(points), points[:, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]]])


def compute_motion(
    person: Person,
    sources: NDArray[np.intp],
    target: Floats,
    replaced_share: Floats,
    basis: Floats,
    steadying: Floats | None = None,
) -> MouthMotion:
    """Return the motion of the own mouths of B output frames.

    The frames show the pictures ``sources`` (B,) with the mouth parameters ``target`` (B, 4).
    ``replaced_share``: (B,), the share of the mouth's inside that comes from elsewhere, 0-1;
    ``basis``: (4, 478, 3), as in ``MouthShape``; ``steadying``: (B, 478, 3), a movement as from
    ``steady_shapes`` that comes before; None: none.
    """
    canonical = person.canonical_landmarks(sources)
    current = person.plane_landmarks(sources)
    steady = canonical if steadying is None else canonical + steadying
    movement = move_landmarks(steady, target, basis) - canonical
    drawn = current + person.planes.project_movement(sources, movement)
    return _motion(current, drawn, replaced_share, person.pose.scale[sources])


def compute_donor_motion(
    person: Person,
    sources: NDArray[np.intp],
    donors: NDArray[np.intp],
    target: Floats,
    basis: Floats,
    mixture: Floats,
) -> MouthMotion:
    """Return the motion of the mouths of B pictures ``donors`` that are shown in other pictures.

    A donor keeps its own outlines and its own place in the plane: only what it lacks to the mouth
    parameters ``target`` (B, 4) moves. ``sources``: (B,), the pictures that show it. ``mixture``:
    (B, B), the share that each donor has in the shape of each, so that the lips of two that are
    mixed lie over each other.
    """
    canonical = person.canonical_landmarks(donors)
    current = person.plane_landmarks(donors)
    movement = move_landmarks(canonical, target, basis) - canonical
    drawn = current + person.planes.project_movement(sources, movement)
    drawn = np.einsum("ij,jkl->ikl", mixture, drawn)
    nothing = np.zeros(len(donors), np.float32)
    return _motion(current, drawn, nothing, person.pose.scale[sources])


def _motion(current: Floats, drawn: Floats, replaced_share: Floats, scale: Floats) -> MouthMotion:
    """Return the motion from plane positions ``current`` (B, 478, 2) to ``drawn``.

    ``scale``: (B,), pixels per IOD.
    """
    closing, distance = measure_tuck(current, drawn)
    tuck = np.maximum(closing, replaced_share * interior_visibility(current))
    depth = tuck_depth(tuck, distance * closing, scale)
    return MouthMotion(
        build_warp_fields(current, drawn, depth, closing), inner_lips(current), closing
    )
