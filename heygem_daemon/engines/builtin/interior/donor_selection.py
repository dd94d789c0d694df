"""Which frame lends the inside of its mouth to which output frame: one decision for a whole job."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats

APERTURE_COST = 6.0
STRETCH_PENALTY = 1.8
"""A donor that must be stretched open looks worse than one that is squeezed."""
WIDTH_COST = 2.0
TURN_COST = 0.02
"""Per degree of yaw and of pitch between donor and frame."""
OTHER_PERSON_COST = 100.0
"""Nobody gets another person's mouth."""
JUMP_COST = 1.5
"""Teeth that become others while the mouth is open are seen at once, a mouth that is not quite the
wanted one hardly: what it has too much is left out. Six faces with two sounds changed lender in the
open mouth once a second at 0.3, once in 100 seconds so; their lenders fit as well to 0.002 IOD."""
NEIGHBOUR_COST = 0.02
NEIGHBOUR_DISTANCE = 3
"""Donors whose source indices differ by at most this are neighbours."""
SHUT_APERTURE = 0.04
"""Aperture below which a change of donor is hardly seen, and costs in proportion less."""
CROSS_FADE_SHARES = (0.33, 0.33)
"""Share of the other donor in the last frame before and the first frame after a change."""


@dataclass(frozen=True, slots=True)
class DonorRequirements:
    """What each output frame needs: ``aperture``, ``width`` (N,) wanted; ``own_aperture``,
    ``own_width`` (N,) of the frame itself; ``yaw``, ``pitch`` (N,) degrees; ``person`` (N,)."""

    aperture: Floats
    width: Floats
    own_aperture: Floats
    own_width: Floats
    yaw: Floats
    pitch: Floats
    person: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Donors:
    """What the bank has: ``sources`` (K,) ascending, the rest as in ``Wish``."""

    sources: NDArray[np.int32]
    aperture: Floats
    width: Floats
    yaw: Floats
    pitch: Floats
    person: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class DonorSelection:
    """``first``, ``second``: (N,) donor numbers, K for the frame itself; ``share``: (N,) of
    ``second``, 0 where there is only one."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    share: Floats


def select_donors(requirements: DonorRequirements, donors: Donors) -> DonorSelection:
    """The cheapest sequence of donors by dynamic programming, jumps cross-faded."""
    return cross_fade(
        find_cheapest_donors(requirements, donors), donors.sources, requirements.person
    )


def find_cheapest_donors(requirements: DonorRequirements, donors: Donors) -> NDArray[np.int32]:
    """Donor of each output frame, (N,); K stands for the frame's own mouth."""
    count, own = len(requirements.aperture), len(donors.sources)
    near = _neighbours(donors.sources)
    total = np.zeros(own + 1)
    came_from = np.zeros((count, own + 1), np.int16)
    for frame in range(count):
        seen = min(1.0, float(requirements.aperture[frame]) / SHUT_APERTURE)
        if frame:
            total, came_from[frame] = _step(total, near, seen)
        total = total + seen * _cost(requirements, donors, frame)
    path = np.empty(count, np.int32)
    path[-1] = total.argmin()
    for frame in range(count - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def cross_fade(
    path: NDArray[np.int32], sources: NDArray[np.int32], person: NDArray[np.int16]
) -> DonorSelection:
    """Mix the two donors of a jump in the frames on either side of it, where both show the same
    person. Neighbours are alike, and follow each other as sharp as they were filmed."""
    second = path.copy()
    share = np.zeros(len(path), np.float32)
    changes = np.flatnonzero(_jumps(path, sources) & (person[1:] == person[:-1])) + 1
    second[changes - 1], share[changes - 1] = path[changes], CROSS_FADE_SHARES[0]
    second[changes], share[changes] = path[changes - 1], CROSS_FADE_SHARES[1]
    return DonorSelection(path, second, share)


def visible_changes(
    path: NDArray[np.int32], sources: NDArray[np.int32], aperture: Floats
) -> NDArray[np.bool_]:
    """(N,): the donor is another one than a frame before, far from it in the video, while the
    mouth is open."""
    changed: NDArray[np.bool_] = np.zeros(len(path), np.bool_)
    changed[1:] = _jumps(path, sources) & (np.minimum(aperture[1:], aperture[:-1]) > SHUT_APERTURE)
    return changed


def _jumps(path: NDArray[np.int32], sources: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(N - 1,): from each frame to the next the donor becomes one that is far from it in the
    video, or none."""
    shown = np.append(sources, -NEIGHBOUR_DISTANCE - 1)[path]
    jumps: NDArray[np.bool_] = np.abs(np.diff(shown)) > NEIGHBOUR_DISTANCE
    return jumps


def _neighbours(sources: NDArray[np.int32]) -> list[tuple[int, NDArray[np.intp]]]:
    """Per offset ±1 … ±NEAR in the bank: donors whose partner at that offset is a neighbour."""
    near = []
    for offset in [*range(-NEIGHBOUR_DISTANCE, 0), *range(1, NEIGHBOUR_DISTANCE + 1)]:
        partner = np.arange(len(sources)) + offset
        inside = (partner >= 0) & (partner < len(sources))
        places = np.flatnonzero(inside)
        close = np.abs(sources[places] - sources[partner[places]]) <= NEIGHBOUR_DISTANCE
        near.append((offset, places[close]))
    return near


def _step(
    total: NDArray[np.float64], near: list[tuple[int, NDArray[np.intp]]], seen: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Cheapest way to be at each donor, and from where: stay, step to a neighbour, or jump."""
    source = np.arange(len(total), dtype=np.int32)
    best = total.copy()
    cheapest_of_all = int(total.argmin())
    jump = total[cheapest_of_all] + JUMP_COST * seen
    source[jump < best] = cheapest_of_all
    best = np.minimum(best, jump)
    for offset, places in near:
        steps = total[places + offset] + NEIGHBOUR_COST * seen * abs(offset)
        better = steps < best[places]
        best[places[better]] = steps[better]
        source[places[better]] = places[better] + offset
    return best, source


def _cost(wish: DonorRequirements, donors: Donors, frame: int) -> NDArray[np.float64]:
    apertures = np.append(donors.aperture, wish.own_aperture[frame]).astype(np.float64)
    widths = np.append(donors.width, wish.own_width[frame])
    turn = np.abs(donors.yaw - wish.yaw[frame]) + np.abs(donors.pitch - wish.pitch[frame])
    error = apertures - wish.aperture[frame]
    cost: NDArray[np.float64] = APERTURE_COST * np.where(error < 0, -STRETCH_PENALTY * error, error)
    cost += WIDTH_COST * np.abs(widths - wish.width[frame])
    cost[:-1] += TURN_COST * turn
    cost[:-1] += OTHER_PERSON_COST * (donors.person != wish.person[frame])
    return cost
