"""What the inside of an open mouth looks like in pictures: light, contrast, colour and edges.

Everything is relative to the same face, so that people, cameras and sizes can be compared: to the
luma of the skin around the mouth, and to how sharp the lips and the skin are. The mouth is read in
its plane, between the inner lips that the tracker sees.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from heygem_daemon.engines.builtin.interior.mouth_bank import SKIN_X, SKIN_Y, patch_grid
from heygem_daemon.engines.builtin.warp.field import LINE_SAMPLES, inner_lip_lines
from heygem_daemon.engines.builtin.warp.mouth_plane import LEFT, RIGHT
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.engines.builtin.warp.sampling import sample_bicubic, sampling_grid
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.picture import Picture

Floats = NDArray[np.float32]

DENSITY = 64
"""Pixels per IOD at which light, colour and edges are compared; larger faces are averaged."""
BANDS = (0.04, 0.08, 0.13, 0.3)
"""Bounds of the apertures that are compared with each other, IOD."""
YAW_LIMIT = 25.0
"""Heads that are turned by more than this are left out, degrees."""
RIM = 0.025
"""Half width of the strip along the lips' edges, IOD."""
SURROUNDINGS = 0.12
"""How far the lips and the skin whose sharpness is compared reach around the opening, IOD."""
FEWEST_PIXELS = 24
"""Smallest opening that is measured, pixels at ``DENSITY``."""
STATISTICS = ("light", "bright", "dark", "contrast", "blue", "red", "edges", "rim", "blur")
"""Mean, 95th and 5th percentile and deviation of luma, over the skin's; mean Cb and Cr minus the
skin's, code values; mean gradient inside and along the lips' edges, skin lumas per IOD; width of
the edges inside, over that of the edges around it."""
RANGE = (5, 95)
"""Percentiles between which a real mouth lies."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One open mouth."""

    band: int
    """Which of the ``BANDS`` its aperture is in."""
    values: Floats
    """(len(STATISTICS),)."""


def measure_openings(person: Person, pictures: Iterable[Picture]) -> list[Opening]:
    """Measure the open mouths in pictures of ``person``, each numbered as in its track."""
    found = []
    for picture in pictures:
        aperture = float(person.parameters[picture.index, APERTURE])
        band = int(np.searchsorted(BANDS, aperture)) - 1
        faces = abs(float(person.angles[picture.index, 0])) < YAW_LIMIT
        if 0 <= band < len(BANDS) - 1 and faces:
            values = measure_opening(person, picture)
            if values is not None:
                found.append(Opening(band, values))
    return found


def measure_opening(person: Person, picture: Picture) -> Floats | None:
    """Return the ``STATISTICS`` of one open mouth; None if it is too small."""
    row = np.array([picture.index])
    landmarks = person.plane_landmarks(row)
    lines = inner_lip_lines(landmarks)[0]
    ends = landmarks[0, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]], 0]
    scale = float(person.pose.scale[picture.index])
    skin = _read(person, picture, SKIN_X, SKIN_Y).mean(dim=(1, 2)).numpy()
    finer = max(1, round(scale / DENSITY))
    x, y = patch_grid(DENSITY * finer)
    planes = avg_pool2d(_read(person, picture, x, y)[None], finer)[0].numpy()
    places = [axis.reshape(-1, finer).mean(axis=1) for axis in (x, y)]
    depth, rim = _depths(lines, ends, *places)
    inside = depth > 1 / DENSITY
    if inside.sum() < FEWEST_PIXELS:
        return None
    black = 0.0 if picture.colour.full_range else 16.0
    luma = (planes[0] - black) / (skin[0] - black)
    slope = DENSITY * np.hypot(*np.gradient(luma))
    own_x, own_y = patch_grid(scale)
    own = _read(person, picture, own_x, own_y)[0].numpy()
    own_depth, _ = _depths(lines, ends, own_x, own_y)
    around = (own_depth < -2 / scale) & (own_depth > -SURROUNDINGS)
    values = [
        luma[inside].mean(),
        np.percentile(luma[inside], 95),
        np.percentile(luma[inside], 5),
        luma[inside].std(),
        planes[1][inside].mean() - skin[1],
        planes[2][inside].mean() - skin[2],
        slope[inside].mean(),
        slope[np.abs(rim) < RIM].mean(),
        edge_width(own, own_depth > 2 / scale) / edge_width(own, around),
    ]
    return np.array(values, np.float32)


def edge_width(luma: Floats, where: NDArray[np.bool_]) -> float:
    """Return the typical width of the edges of ``luma`` (h, w), as the standard deviation, pixels,
    of the Gaussian that blurs a step as much.

    The integral of the square of such an edge's first derivative is 2 sigma² times that of the
    second. NaN where there are no edges.
    """
    down, across = np.gradient(luma.astype(np.float64))
    bends = np.gradient(down, axis=0) + np.gradient(across, axis=1)
    slope, bend = ((part * where).sum() for part in (down**2 + across**2, bends**2))
    return float(np.sqrt(slope / (2 * bend))) if bend > 0 else float("nan")


def real_ranges(people: Mapping[str, list[Opening]], without: str) -> Floats:
    """Return the range of each statistic in each band, (bands, len(STATISTICS), 2), over all real
    people but one. Every person counts the same. NaN where a band has none."""
    ranges = np.full((len(BANDS) - 1, len(STATISTICS), 2), np.nan, np.float32)
    for band in range(len(BANDS) - 1):
        values, weights = [], []
        for name, openings in people.items():
            own = [opening.values for opening in openings if opening.band == band]
            if name != without and own:
                values += own
                weights += [1 / len(own)] * len(own)
        if values:
            ranges[band] = weighted_percentiles(np.stack(values), np.array(weights), RANGE)
    return ranges


def weighted_percentiles(
    values: Floats, weights: NDArray[np.float64], percentiles: tuple[int, int]
) -> Floats:
    """Return percentiles of each column of ``values`` (N, K), whose rows count by ``weights``."""
    result = []
    for column in values.T:
        finite = np.isfinite(column)
        order = np.argsort(column[finite], kind="stable")
        share = np.cumsum(weights[finite][order])
        places = (share - weights[finite][order] / 2) / max(float(share[-1]), 1e-9)
        result.append(np.interp(np.array(percentiles) / 100, places, column[finite][order]))
    return np.array(result, np.float32)


def inside_shares(openings: list[Opening], ranges: Floats) -> Floats:
    """Return the share of ``openings`` that are inside the range, for each statistic."""
    hits = []
    for opening in openings:
        low, high = ranges[opening.band].T
        hits.append((opening.values >= low) & (opening.values <= high))
    shares: Floats = np.mean(hits, axis=0).astype(np.float32)
    return shares


def _read(person: Person, picture: Picture, x: Floats, y: Floats) -> torch.Tensor:
    """Return Y, U, V (3, len(y), len(x)) at places of the mouth's plane."""
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    pixels = person.planes.origin[picture.index] + plane @ person.planes.axes[picture.index].T
    places = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)
    grid = sampling_grid(places, picture.width, picture.height)
    parts = (picture.y[None], np.stack([picture.u, picture.v]))
    return torch.cat([sample_bicubic(torch.from_numpy(part).float(), grid) for part in parts])


def _depths(lines: Floats, ends: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return how far inside the opening each place is, negative outside, (len(y), len(x)), and the
    same without regard to the corners, NaN beyond them. IOD.

    ``lines``: (2, LINE_SAMPLES), the inner lips; ``ends``: (2,), the x of its corners.
    """
    along = np.linspace(LEFT, RIGHT, LINE_SAMPLES)
    upper, lower = (np.interp(x, along, line) for line in lines)
    rim = np.minimum(y[:, None] - upper, lower - y[:, None])
    side = np.minimum(x - ends[0], ends[1] - x)
    depth: Floats = np.minimum(rim, np.where(side > 0, np.inf, side)).astype(np.float32)
    between: Floats = np.where((side > 0) & (lower - upper > RIM), rim, np.nan).astype(np.float32)
    return depth, between
