"""Selects, for a whole job at once, whose mouth each output frame shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.face.tracking.mouth import APERTURE

SHAPE_COST = np.array([6.0, 3.0, 6.0, 3.0])
"""Cost per IOD of difference between each mouth parameter of a donor and of the target."""
OPENING_COST, LEAST_OPENING = 0.4, 0.02
"""Cost of an aperture that is e times as large or small, and what is added to both, IOD: shut lips
have no inside to show, and lips that are slightly apart show teeth."""
TURN_COST = 0.02
"""Cost per degree of yaw and of pitch between donor and frame."""
BLUR_COST = 0.9
"""Cost of a donor that has 1 / e of the usual energy of edges: a mouth that is less sharp than the
face around it looks pasted, and one that is shown out of its order loses more by encoding. At 1.2
lips of `phone_720x1280_no_audio` stayed apart in two of eight pictures in which they had met."""
MOST_SHARPNESS = 0.2
"""A donor that is sharper than usual by more than this costs as much for the rest: at rest a filmed
face is sharper than while it moves, and such a mouth looks pasted in a face that moves. Without
this bound published mouths of two faces had 1.25 times the edges of their own."""
OTHER_PERSON_COST = 100.0
"""Keeps every person from getting another person's mouth."""
SHUT_JUMP_COST, OPEN_JUMP_COST = 0.2, 1.5
"""Cost of a change to a distant donor, of a shut and of an open mouth. Teeth that change while the
mouth is open are noticed at once; a donor that is open a little too wide hardly is."""
NEIGHBOUR_COST = 0.1
"""Cost of a step to a neighbouring donor, per position in the bank: a donor that stays does not
tremble."""
NEIGHBOUR_DISTANCE = 3
"""Donors whose source indices differ by at most this much are neighbours."""
SHUT_APERTURE = 0.04
"""Below this aperture, IOD, a change of donor is less visible and costs less in proportion."""
CROSS_FADE_SHARES = (0.4, 0.2)
"""Share of the other donor in the last frames before and in the first frames after a change, from
the change on."""


@dataclass(frozen=True, slots=True)
class DonorRequirements:
    """What each of N output frames needs."""

    target: Floats
    """(N, 4), target mouth parameters, IOD."""
    own: Floats
    """(N, 4), mouth parameters in the source picture, IOD."""
    yaw: Floats
    """(N,), degrees."""
    pitch: Floats
    """(N,), degrees."""
    person: NDArray[np.int16]
    """(N,), number of the person."""


@dataclass(frozen=True, slots=True)
class Donors:
    """The K mouths of a bank."""

    sources: NDArray[np.int32]
    """(K,), source indices, ascending."""
    parameters: Floats
    """(K, 4), mouth parameters, IOD."""
    yaw: Floats
    """(K,), degrees."""
    pitch: Floats
    """(K,), degrees."""
    sharpness: Floats
    """(K,), as ``MouthBank.sharpness``."""
    person: NDArray[np.int16]
    """(K,), number of the person."""


@dataclass(frozen=True, slots=True)
class DonorSelection:
    """The donors of N output frames. Donor number K stands for the frame's own mouth."""

    first: NDArray[np.int32]
    """(N,), donor number."""
    second: NDArray[np.int32]
    """(N,), donor number of the mouth that is mixed in."""
    share: Floats
    """(N,), share of ``second``, 0-1; 0 if there is only one donor."""


def select_donors(requirements: DonorRequirements, donors: Donors) -> DonorSelection:
    """Return the cheapest sequence of donors by dynamic programming, with jumps cross-faded."""
    return cross_fade(
        find_cheapest_donors(requirements, donors), donors.sources, requirements.person
    )


def find_cheapest_donors(requirements: DonorRequirements, donors: Donors) -> NDArray[np.int32]:
    """Return the donor of each output frame, (N,); K stands for the frame's own mouth."""
    count, donor_count = len(requirements.target), len(donors.sources)
    neighbours = _neighbours(donors.sources)
    total = np.zeros(donor_count + 1)
    came_from = np.zeros((count, donor_count + 1), np.int16)
    openness = np.clip(requirements.target[:, APERTURE] / SHUT_APERTURE, 0, 1)
    jump_costs = SHUT_JUMP_COST + (OPEN_JUMP_COST - SHUT_JUMP_COST) * openness
    for frame in range(count):
        if frame:
            total, came_from[frame] = _step(total, neighbours, float(jump_costs[frame]))
        total = total + _cost(requirements, donors, frame)
    path = np.empty(count, np.int32)
    path[-1] = total.argmin()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def cross_fade(
    path: NDArray[np.int32], sources: NDArray[np.int32], person: NDArray[np.int16]
) -> DonorSelection:
    """Mix the two donors of a jump in the frames on either side of it.

    Only where both frames show the same person. Neighbours are alike and are not mixed, so that
    they stay as sharp as they were filmed.
    """
    second = path.copy()
    share = np.zeros(len(path), np.float32)
    jumps = _jumps(path, sources)
    ends = [0, *(np.flatnonzero(jumps | (person[1:] != person[:-1])) + 1).tolist(), len(path)]
    for before, change, after in zip(ends, ends[1:], ends[2:], strict=False):
        if person[change] != person[change - 1]:
            continue
        for step, other_share in enumerate(CROSS_FADE_SHARES):
            for frame, other in ((change - 1 - step, change), (change + step, change - 1)):
                if before <= frame < after and share[frame] < other_share:
                    second[frame], share[frame] = path[other], other_share
    return DonorSelection(path, second, share)


def visible_changes(
    path: NDArray[np.int32], sources: NDArray[np.int32], aperture: Floats
) -> NDArray[np.bool_]:
    """Return (N,): True where the donor jumps while the mouth is open."""
    changed: NDArray[np.bool_] = np.zeros(len(path), np.bool_)
    changed[1:] = _jumps(path, sources) & (np.minimum(aperture[1:], aperture[:-1]) > SHUT_APERTURE)
    return changed


def _jumps(path: NDArray[np.int32], sources: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return (N - 1,): True where the next frame's donor is far away in the video."""
    donor_sources = np.append(sources, -NEIGHBOUR_DISTANCE - 1)[path]
    jumps: NDArray[np.bool_] = np.abs(np.diff(donor_sources)) > NEIGHBOUR_DISTANCE
    return jumps


def _neighbours(sources: NDArray[np.int32]) -> list[tuple[int, NDArray[np.intp]]]:
    """Return, per offset in the bank, the donors whose partner at that offset is a neighbour."""
    neighbours = []
    for offset in [*range(-NEIGHBOUR_DISTANCE, 0), *range(1, NEIGHBOUR_DISTANCE + 1)]:
        partner = np.arange(len(sources)) + offset
        exists = (partner >= 0) & (partner < len(sources))
        positions = np.flatnonzero(exists)
        close = np.abs(sources[positions] - sources[partner[positions]]) <= NEIGHBOUR_DISTANCE
        neighbours.append((offset, positions[close]))
    return neighbours


def _step(
    total: NDArray[np.float64], neighbours: list[tuple[int, NDArray[np.intp]]], jump_cost: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the lowest cost to reach each donor, and where from: stay, neighbour, or jump."""
    source = np.arange(len(total), dtype=np.int32)
    best = total.copy()
    cheapest_of_all = int(total.argmin())
    jump = total[cheapest_of_all] + jump_cost
    source[jump < best] = cheapest_of_all
    best = np.minimum(best, jump)
    for offset, positions in neighbours:
        steps = total[positions + offset] + NEIGHBOUR_COST * abs(offset)
        better = steps < best[positions]
        best[positions[better]] = steps[better]
        source[positions[better]] = positions[better] + offset
    return best, source


def _cost(requirements: DonorRequirements, donors: Donors, frame: int) -> NDArray[np.float64]:
    """Return the cost of each donor and of the frame's own mouth, (K + 1,)."""
    shapes = np.vstack([donors.parameters, requirements.own[frame]]).astype(np.float64)
    turn = np.abs(donors.yaw - requirements.yaw[frame]) + np.abs(
        donors.pitch - requirements.pitch[frame]
    )
    difference = np.abs(shapes - requirements.target[frame])
    cost: NDArray[np.float64] = (SHAPE_COST * difference).sum(axis=1)
    openings = np.log(shapes[:, APERTURE] + LEAST_OPENING)
    wanted = np.log(float(requirements.target[frame, APERTURE]) + LEAST_OPENING)
    cost += OPENING_COST * np.abs(openings - wanted)
    cost[:-1] += TURN_COST * turn
    cost[:-1] += BLUR_COST * np.maximum(-donors.sharpness, 0)
    cost[:-1] += BLUR_COST * np.maximum(donors.sharpness - MOST_SHARPNESS, 0)
    cost[:-1] += OTHER_PERSON_COST * (donors.person != requirements.person[frame])
    return cost
