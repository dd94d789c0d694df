"""The mouth bank: a person's mouth, cut from frames that show it from shut to wide open.

Patches lie in the mouth's plane, so that a patch from a turned head fits a frame that looks
straight ahead. The bank is limited in number and size, and stored with the template.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.engines.builtin.warp.sampling import (
    restore_sharpness,
    sample_bicubic,
    sampling_grid,
)
from heygem_daemon.face.tracking import mouth
from heygem_daemon.media.kept_crops import Corners
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.shown_pixels import in_shown_pixels
from heygem_daemon.media.video_reader import VideoReader

BANK_FILE = "builtin-mouths-v6.safetensors"
PATCH_LIMIT, PATCH_LIMIT_BYTES = 200, 64 << 20
"""Maximum number of patches and of bytes in memory: large patches are fewer."""
YAW_LIMIT = 30.0
"""Patches are cut only from heads that are turned by less than this, degrees."""
PATCH_LEFT, PATCH_RIGHT, PATCH_TOP, PATCH_BOTTOM = -0.5, 0.5, -0.3, 0.45
"""The part of the mouth's plane that a patch covers, IOD."""
FINEST = 512.0
"""Highest density of a patch, pixels per IOD."""
OVERSAMPLING = 1.25
"""Patch pixels per source pixel: a patch is sampled twice, and must not blur."""

MARGIN = 6
"""Pixels around a patch that sampling may read, in luma: two samples of chroma and more."""

SKIN_X = np.linspace(-0.42, 0.42, 8, dtype=np.float32)
"""Columns at which the skin around the mouth is sampled, IOD in the mouth's plane."""
SKIN_Y = np.array([-0.2, 0.3], dtype=np.float32)
"""Rows at which the skin around the mouth is sampled, IOD in the mouth's plane."""

PATCH_RIM = 0.15
"""Share of a patch's height and width that does not count for its sharpness, on every side."""
OPENING_OFFSET = 0.01
"""Added to an aperture, whose root predicts how many edges a mouth has, IOD."""


@dataclass(frozen=True, slots=True)
class MouthBank:
    """N patches of mouths. N may be 0."""

    patches: NDArray[np.uint8]
    """uint8 (N, 3, h, w), Y, U, V."""
    sources: NDArray[np.int32]
    """(N,), source indices, ascending."""
    skin: Floats
    """float32 (N, 3), mean code values of the skin around the mouth."""
    sharpness: Floats
    """float32 (N,), as from ``relative_sharpness``."""

    def __len__(self) -> int:
        return int(self.sources.shape[0])


def load_bank(person: Person, template: Template) -> MouthBank:
    """Return the template's bank, read from its cache or cut from the video of ``person``."""
    try:
        tensors = load_file(template.cache / BANK_FILE)
        return MouthBank(
            tensors["patches"], tensors["sources"], tensors["skin"], tensors["sharpness"]
        )
    except (OSError, KeyError, SafetensorError):
        bank = cut_bank(person, template)
    tensors = {
        "patches": bank.patches,
        "sources": bank.sources,
        "skin": bank.skin,
        "sharpness": bank.sharpness,
    }
    with template.keep(BANK_FILE) as temporary:
        save_file(tensors, temporary)
    return bank


def choose_frames(
    parameters: Floats, angles: Floats, limit: int = PATCH_LIMIT
) -> NDArray[np.int32]:
    """Return the source indices of at most ``limit`` mouths, spread over the apertures."""
    apertures = parameters[:, mouth.APERTURE]
    # Comparisons with NaN, which stands for no face, are False.
    usable = np.flatnonzero(np.isfinite(apertures) & (np.abs(angles[:, 0]) < YAW_LIMIT))
    if len(usable) > limit:
        levels = apertures[usable]
        ranks = levels.argsort(kind="stable").argsort(kind="stable") / len(levels)
        # Half evenly by aperture, half by rank: wide mouths are rare and needed.
        height = (levels - levels.min()) / max(float(np.ptp(levels)), 1e-6)
        order = (ranks + height).argsort(kind="stable")
        usable = np.sort(usable[order[np.linspace(0, len(order) - 1, limit).round().astype(int)]])
    return usable.astype(np.int32)


def cut_bank(person: Person, template: Template) -> MouthBank:
    """Cut out the mouths of the chosen pictures: from what was kept while the video was tracked, or
    else from the pictures, which are decoded again."""
    scale = np.median(person.pose.scale[person.track.present])
    x, y = patch_grid(min(FINEST, OVERSAMPLING * float(scale)))
    limit = min(PATCH_LIMIT, PATCH_LIMIT_BYTES // (3 * len(x) * len(y)))
    sources = choose_frames(person.parameters, person.angles, limit)
    if not len(sources):
        empty = np.zeros((0, 3, 1, 1), np.uint8)
        return MouthBank(empty, sources, np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    mouths = _read_mouths(person, template, sources)
    cut = [cut_patch(part, corners, person, x, y) for part, corners in mouths]
    patches, skin = zip(*cut, strict=True)
    edges = np.array([measure_edges(patch) for patch in patches], np.float32)
    sharpness = relative_sharpness(edges, person.parameters[sources, mouth.APERTURE])
    return MouthBank(np.stack(patches), sources, np.stack(skin), sharpness)


def _read_mouths(
    person: Person, template: Template, sources: NDArray[np.int32]
) -> list[tuple[Picture, Corners]]:
    """Return the part of each picture around the mouth, and where it lies in the picture."""
    size = template.width, template.height
    corners = {source: patch_corners(person, source, size) for source in sources.tolist()}
    kept = template.mouths
    parts = {
        source: None if kept is None else kept.find(source, where)
        for source, where in corners.items()
    }
    missing = [source for source, part in parts.items() if part is None]
    if missing:
        with VideoReader(template.video, guard=template.guard, turn=template.turn) as reader:
            stored = reader.read_indices(missing)
            for picture in in_shown_pixels(stored, reader.info.sample_aspect):
                parts[picture.index] = picture.crop(*corners[picture.index])
    return [(part, corners[source]) for source, part in parts.items() if part is not None]


def patch_grid(density: float) -> tuple[Floats, Floats]:
    """Return the plane coordinates of a patch's columns and rows, ``density`` per IOD."""
    x = np.linspace(
        PATCH_LEFT, PATCH_RIGHT, round((PATCH_RIGHT - PATCH_LEFT) * density), dtype=np.float32
    )
    y = np.linspace(
        PATCH_TOP, PATCH_BOTTOM, round((PATCH_BOTTOM - PATCH_TOP) * density), dtype=np.float32
    )
    return x, y


def cut_patch(
    part: Picture, corners: Corners, person: Person, x: Floats, y: Floats
) -> tuple[NDArray[np.uint8], Floats]:
    """Return the patch of one picture at ``x`` and ``y``, and its skin's mean colour.

    ``part``: the picture inside ``corners``, as from ``patch_corners``.
    """
    axes, origin = person.planes.axes[part.index], person.planes.origin[part.index]
    origin = origin - np.array([corners.left, corners.top], np.float32)
    pixels = _plane_pixels(axes, origin, x, y)
    patch = _sample(part, pixels)
    distances = (pixels - 0.5).abs()[None]
    patch[:1] = restore_sharpness(patch[None, :1], distances, slice(0, len(y)))[0]
    skin = _sample(part, _plane_pixels(axes, origin, SKIN_X, SKIN_Y))
    rounded = patch.round().clamp(0, 255).to(torch.uint8).numpy()
    return rounded, skin.mean(dim=(1, 2)).numpy()


def measure_edges(patch: NDArray[np.uint8]) -> float:
    """Return the logarithm of the mean squared Laplacian of luma in the middle of a patch."""
    rows, columns = (
        slice(round(PATCH_RIM * length), round((1 - PATCH_RIM) * length))
        for length in patch.shape[1:]
    )
    luma = patch[0, rows, columns].astype(np.float32)
    edges = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1]
    edges -= luma[1:-1, :-2] + luma[1:-1, 2:]
    return float(np.log(np.square(edges).mean() + 1))


def relative_sharpness(edges: Floats, apertures: Floats) -> Floats:
    """Return how much sharper mouths with ``edges`` (N,) are than usual ones as wide open.

    ``edges``: as from ``measure_edges``; the result is the difference of these logarithms to that
    of the mean energy, which a few sharp pictures raise above most others. Teeth have edges, and so
    the more of them the wider a mouth is open.
    """
    opening = np.sqrt(apertures + OPENING_OFFSET)
    opening -= opening.mean()
    slope = (opening * edges).sum() / max(float(np.square(opening).sum()), 1e-6)
    excess = edges - edges.mean() - slope * opening
    sharpness: Floats = (excess - np.log(np.exp(excess).mean())).astype(np.float32)
    return sharpness


def patch_corners(person: Person, source: int, size: tuple[int, int]) -> Corners:
    """Return what a patch reads of the picture ``source`` of ``size`` (w, h).

    At least ``2 * MARGIN`` pixels, also where the patch is outside the picture.
    """
    axes, origin = person.planes.axes[source], person.planes.origin[source]
    corners = np.array(
        [[x, y] for x in (PATCH_LEFT, PATCH_RIGHT) for y in (PATCH_TOP, PATCH_BOTTOM)]
    )
    points = origin + corners @ axes.T
    low = np.clip(
        (points.min(axis=0) - MARGIN) // 2 * 2,
        0,
        np.maximum(np.array(size) - 2 * MARGIN, 0) // 2 * 2,
    )
    high = np.maximum(-(-(points.max(axis=0) + MARGIN) // 2) * 2, low + 2 * MARGIN)
    (left, top), (right, bottom) = (
        edge.astype(int).tolist() for edge in (low, np.minimum(high, size))
    )
    return Corners(left, top, right, bottom)


def patch_view(height: int, width: int) -> PlaneView:
    """Return the view of the mouth's plane in a patch of this size."""
    x, y = (width - 1) / (PATCH_RIGHT - PATCH_LEFT), (height - 1) / (PATCH_BOTTOM - PATCH_TOP)
    origin = np.array([0.5 - PATCH_LEFT * x, 0.5 - PATCH_TOP * y], np.float32)
    return PlaneView(np.diag([x, y]).astype(np.float32), origin)


def _plane_pixels(axes: Floats, origin: Floats, x: Floats, y: Floats) -> torch.Tensor:
    """Return where places of the plane are in a picture, pixels, (2, len(y), len(x))."""
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    return torch.from_numpy(origin + plane @ axes.T).permute(2, 0, 1)


def _sample(picture: Picture, pixels: torch.Tensor) -> torch.Tensor:
    """Return code values (3, h, w) at pixel positions (2, h, w)."""
    grid = sampling_grid(pixels, picture.width, picture.height)
    planes = (picture.y[None], np.stack([picture.u, picture.v]))
    return torch.cat([sample_bicubic(torch.from_numpy(part).float(), grid) for part in planes])
