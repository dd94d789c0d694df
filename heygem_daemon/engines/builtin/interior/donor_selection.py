"""Selects, for a whole job at once, whose mouth lends its inside to each output frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats

APERTURE_COST = 6.0
"""Cost per IOD of difference between a donor's aperture and the target."""
STRETCH_PENALTY = 1.8
"""Factor for a donor that must be stretched open: it looks worse than a squeezed one."""
WIDTH_COST = 2.0
"""Cost per IOD of difference between a donor's width and the target."""
TURN_COST = 0.02
"""Cost per degree of yaw and of pitch between donor and frame."""
OTHER_PERSON_COST = 100.0
"""Keeps every person from getting another person's mouth."""
JUMP_COST = 1.5
"""Cost of a change to a distant donor. Teeth that change while the mouth is open are noticed at
once; a donor that is open a little too wide hardly is, because the surplus is left out. With a
cost of 0.3, six faces with two audio files changed donor in the open mouth once per second; with
this value, once in 100 seconds, and the donors still fit to within 0.002 IOD."""
NEIGHBOUR_COST = 0.02
"""Cost of a step to a neighbouring donor, per position in the bank."""
NEIGHBOUR_DISTANCE = 3
"""Donors whose source indices differ by at most this much are neighbours."""
SHUT_APERTURE = 0.04
"""Below this aperture, IOD, a change of donor is hardly visible and costs less in proportion."""
CROSS_FADE_SHARES = (0.33, 0.33)
"""Share of the other donor in the last frame before and in the first frame after a change."""


@dataclass(frozen=True, slots=True)
class DonorRequirements:
    """What each of N output frames needs."""

    aperture: Floats
    """(N,), target aperture, IOD."""
    width: Floats
    """(N,), target width, IOD."""
    own_aperture: Floats
    """(N,), aperture in the source picture, IOD."""
    own_width: Floats
    """(N,), width in the source picture, IOD."""
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
    aperture: Floats
    """(K,), IOD."""
    width: Floats
    """(K,), IOD."""
    yaw: Floats
    """(K,), degrees."""
    pitch: Floats
    """(K,), degrees."""
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
    count, donor_count = len(requirements.aperture), len(donors.sources)
    neighbours = _neighbours(donors.sources)
    total = np.zeros(donor_count + 1)
    came_from = np.zeros((count, donor_count + 1), np.int16)
    for frame in range(count):
        visibility = min(1.0, float(requirements.aperture[frame]) / SHUT_APERTURE)
        if frame:
            total, came_from[frame] = _step(total, neighbours, visibility)
        total = total + visibility * _cost(requirements, donors, frame)
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
    changes = np.flatnonzero(_jumps(path, sources) & (person[1:] == person[:-1])) + 1
    second[changes - 1], share[changes - 1] = path[changes], CROSS_FADE_SHARES[0]
    second[changes], share[changes] = path[changes - 1], CROSS_FADE_SHARES[1]
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
    total: NDArray[np.float64], neighbours: list[tuple[int, NDArray[np.intp]]], visibility: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the lowest cost to reach each donor, and where from: stay, neighbour, or jump."""
    source = np.arange(len(total), dtype=np.int32)
    best = total.copy()
    cheapest_of_all = int(total.argmin())
    jump = total[cheapest_of_all] + JUMP_COST * visibility
    source[jump < best] = cheapest_of_all
    best = np.minimum(best, jump)
    for offset, positions in neighbours:
        steps = total[positions + offset] + NEIGHBOUR_COST * visibility * abs(offset)
        better = steps < best[positions]
        best[positions[better]] = steps[better]
        source[positions[better]] = positions[better] + offset
    return best, source


def _cost(requirements: DonorRequirements, donors: Donors, frame: int) -> NDArray[np.float64]:
    """Return the cost of each donor and of the frame's own mouth, (K + 1,)."""
    apertures = np.append(donors.aperture, requirements.own_aperture[frame]).astype(np.float64)
    widths = np.append(donors.width, requirements.own_width[frame])
    turn = np.abs(donors.yaw - requirements.yaw[frame]) + np.abs(
        donors.pitch - requirements.pitch[frame]
    )
    error = apertures - requirements.aperture[frame]
    cost: NDArray[np.float64] = APERTURE_COST * np.where(error < 0, -STRETCH_PENALTY * error, error)
    cost += WIDTH_COST * np.abs(widths - requirements.width[frame])
    cost[:-1] += TURN_COST * turn
    cost[:-1] += OTHER_PERSON_COST * (donors.person != requirements.person[frame])
    return cost
