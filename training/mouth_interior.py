"""Cut the inside of real mouths, for people whose own mouth is never seen open.

``python -m training.mouth_interior`` reads the demo's portrait and presenter and writes
``weights/builtin/mouth_interior.safetensors`` (see
``heygem_daemon.engines.builtin.interior.shipped_interior``).

The upper teeth are those of the portrait, which smiles. They lie in the mouth's plane, which is
fixed to the skull. The floor of the mouth (the tongue, the dark behind it) is the presenter's. It
lies in coordinates of the opening: from corner to corner, and the height above the lower lip.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.engines.builtin.interior.mouth_bank import SKIN_X, SKIN_Y
from heygem_daemon.engines.builtin.interior.shipped_interior import (
    EDGE_REACH,
    FLOOR_HEIGHT,
    FLOOR_SIZE,
    INTERIOR_FILE,
    TEETH_BOTTOM,
    TEETH_LEFT,
    TEETH_SIZE,
    TEETH_TOP,
)
from heygem_daemon.engines.builtin.warp.field import LINE_SAMPLES, inner_lip_lines
from heygem_daemon.engines.builtin.warp.mouth_plane import LEFT, RIGHT
from heygem_daemon.engines.builtin.warp.person import Person, measure_person
from heygem_daemon.engines.builtin.warp.sampling import sample_bicubic, sampling_grid
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_reader import VideoReader

Floats = NDArray[np.float32]

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "weights" / "builtin"
PORTRAIT, PRESENTER = ROOT / "demo" / "astronaut.png", ROOT / "demo" / "presenter.mp4"
WIDE_OPEN = range(298, 305)
"""Pictures of the presenter that show the floor of his mouth."""
ARCH = 0.25
"""Half width of the arch of teeth that is kept, IOD: what is beside it lies in the dark."""
INSIDE = 0.008
"""This far inside the lips, IOD, a picture shows teeth and no lip."""
SHOCKS, SHOCK = 7, 0.1
"""Rounds and step of the shock filter that makes edges steep which a small picture blurred."""
TOOTH_BLURS, DIVISION = 40, 0.5
"""Smoothings that level a tooth out, and how much darker the gaps between teeth are made."""
LIP_RIM, WITHOUT_TEETH = 0.028, 0.62
"""The floor is read from this far above the lower lip, IOD, up to this share of the gap: below and
above are the lip and the upper teeth."""
REDNESS, EDGE_LEVEL = 2.0, 0.66
"""What a pixel loses in likeness to teeth for each code value of red, and the likeness, over that
of usual teeth, at which they end."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """Pictures of a person and where the mouth is in them."""

    person: Person
    pictures: tuple[Picture, ...]

    def read(self, picture: Picture, x: Floats, y: Floats) -> Floats:
        """Return Y, U, V (3, h, w) at places (h, w) of the mouth's plane."""
        axes, origin = self.person.planes.axes[picture.index], self.person.planes.origin
        pixels = origin[picture.index] + np.stack([x, y], axis=-1) @ axes.T
        places = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)
        grid = sampling_grid(places, picture.width, picture.height)
        parts = (picture.y[None], np.stack([picture.u, picture.v]))
        planes = [sample_bicubic(torch.from_numpy(part).float(), grid) for part in parts]
        return np.asarray(torch.cat(planes).numpy(), np.float32)

    def skin(self) -> Floats:
        """Return the mean Y, U, V (3,) of the skin around the mouth."""
        x, y = np.meshgrid(SKIN_X, SKIN_Y)
        colours = [self.read(picture, x, y).mean(axis=(1, 2)) for picture in self.pictures]
        return np.asarray(np.mean(colours, axis=0), np.float32)

    def lips(self, picture: Picture) -> tuple[Floats, Floats]:
        """Return the inner lips (2, LINE_SAMPLES) and the x of their corners (2,), IOD."""
        points = self.person.plane_landmarks(np.array([picture.index]))
        corners = points[0, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]], 0]
        return inner_lip_lines(points)[0], corners


def film(path: Path, numbers: Sequence[int], tracker: FaceTracker, reference: Floats) -> Filmed:
    """Track a video up to the last of some pictures, and return these."""
    with VideoReader(path) as reader:
        track = tracker.track(reader.read_range(0, max(numbers) + 1))
    with VideoReader(path) as reader:
        return Filmed(measure_person(track, reference), tuple(reader.read_indices(list(numbers))))


def cut_teeth(filmed: Filmed) -> NDArray[np.uint8]:
    """Return upper teeth: Y, U, V and the distance to their outline, (4, *TEETH_SIZE).

    The lowest edge in the middle lies at y = 0 of the result.
    """
    x, y = _plane(-0.5, 0.5, -0.35, 0.25)
    (smile,) = filmed.pictures
    upper, lower = (_at(line, x[0]) for line in filmed.lips(smile)[0])
    colours = divided(sharpened(filmed.read(smile, x, y)))
    bottom = _edges(colours, x, y, (upper, lower))
    middle = np.abs(x[0]) < 0.06
    x0, y0 = _midline(colours[0], x, y, upper, bottom), float(bottom[middle].max())
    columns, rows = teeth_axes()
    out_x, out_y = np.meshgrid(columns + x0, rows + y0)
    top = np.interp(columns + x0, x[0], upper + INSIDE)
    edge = np.interp(columns + x0, x[0], bottom)
    # What is hidden behind the lips continues what is seen beside them.
    seen = np.clip(out_y, top, np.maximum(edge - INSIDE / 2, top))
    picture = np.stack([_bilinear(plane, x[0], y[:, 0], out_x, seen) for plane in colours])
    outline = np.minimum(edge - out_y, ARCH - np.abs(out_x - x0))
    coded = 128 + 127 * np.clip(outline / EDGE_REACH, -1, 1)
    return np.concatenate([picture, coded[None]]).round().clip(0, 255).astype(np.uint8)


def cut_floor(filmed: Filmed) -> NDArray[np.uint8]:
    """Return the floor of the mouth: Y, U, V, (3, *FLOOR_SIZE), from the lower lip upwards.

    It is the mean of the pictures and of their mirror images, smoothed across.
    """
    rows, columns = FLOOR_SIZE
    along, height = np.linspace(0, 1, columns), np.linspace(0, FLOOR_HEIGHT, rows)
    total = np.zeros((3, rows, columns))
    for picture in filmed.pictures:
        lines, (left, right) = filmed.lips(picture)
        x = (left + along * (right - left)).astype(np.float32)
        upper, lower = (_at(line, x) for line in lines)
        # The dark below the upper teeth continues upwards in their place.
        limit = np.maximum(WITHOUT_TEETH * (lower - upper), INSIDE)
        y = lower - np.minimum(height[:, None] + LIP_RIM, limit)
        total += filmed.read(picture, np.broadcast_to(x, y.shape), y.astype(np.float32))
    mean = total / len(filmed.pictures)
    symmetric = (mean + mean[..., ::-1]) / 2
    smooth = np.stack([_blurred(_blurred(plane), axes=(1,)) for plane in symmetric])
    return smooth.round().clip(0, 255).astype(np.uint8)


def sharpened(colours: Floats) -> Floats:
    """Return a picture (3, h, w) whose edges are steep, without overshoot.

    The shock filter of S. Osher and L. I. Rudin (1990): values move away from the inflection in
    the middle of an edge, at the speed of the slope.
    """
    luma = colours[0].astype(np.float64)
    for _ in range(SHOCKS):
        smooth = _blurred(luma)
        bend = np.gradient(np.gradient(smooth, axis=0), axis=0)
        bend = bend + np.gradient(np.gradient(smooth, axis=1), axis=1)
        slope = np.hypot(*np.gradient(luma))
        luma = luma - SHOCK * 2 * np.tanh(bend) * slope
    return np.concatenate([luma[None], colours[1:]]).astype(np.float32)


def divided(colours: Floats) -> Floats:
    """Return a picture (3, h, w) of teeth with more contrast from tooth to tooth.

    The gaps between teeth are narrower than a pixel of the portrait, which made them pale.
    """
    smooth = colours[0].astype(np.float64)
    for _ in range(TOOTH_BLURS):
        smooth = _blurred(smooth, axes=(1,))
    luma = colours[0] + DIVISION * np.minimum(colours[0] - smooth, 0)
    return np.concatenate([luma[None], colours[1:]]).astype(np.float32)


def teeth_axes() -> tuple[Floats, Floats]:
    """Return x of the columns and y of the rows of cut teeth, IOD."""
    rows, columns = TEETH_SIZE
    x = np.linspace(TEETH_LEFT, -TEETH_LEFT, columns, dtype=np.float32)
    return x, np.linspace(TEETH_TOP, TEETH_BOTTOM, rows, dtype=np.float32)


def _edges(colours: Floats, x: Floats, y: Floats, lips: tuple[Floats, Floats]) -> Floats:
    """Return the y of the teeth's edges in each column: where the dark or the lip below begins.

    Teeth are brighter than the one and less red than the other.
    """
    upper, lower = lips
    inside = (y > upper + INSIDE) & (y < lower - INSIDE) & (np.abs(x) < ARCH / 2)
    luma, red = colours[0], colours[2]
    teeth = inside & (luma > np.percentile(luma[inside], 75))
    likeness = luma - REDNESS * np.maximum(red - np.median(red[teeth]), 0)
    level = EDGE_LEVEL * np.median(likeness[teeth])
    rows = np.arange(len(y))
    edges = np.empty(y.shape[1], np.float32)
    for column in range(y.shape[1]):
        seen = (y[:, column] > upper[column]) & (y[:, column] < lower[column])
        brightest = int(np.where(seen, likeness[:, column], -np.inf).argmax())
        below = np.flatnonzero((rows > brightest) & (likeness[:, column] < level))
        edges[column] = y[below[0], 0] if len(below) else lower[column]
    edges = np.minimum(edges, lower - INSIDE)
    kernel = np.hanning(15) / np.hanning(15).sum()
    return np.convolve(np.pad(edges, 7, mode="edge"), kernel, mode="valid").astype(np.float32)


def _midline(luma: Floats, x: Floats, y: Floats, upper: Floats, bottom: Floats) -> float:
    """Return the x of the gap between the middle teeth: the darkest line near the middle."""
    band = (y > (upper + bottom) / 2) & (y < bottom - INSIDE)
    means = np.where(band, luma, 0).sum(axis=0) / np.maximum(band.sum(axis=0), 1)
    near = np.flatnonzero(np.abs(x[0]) < 0.035)
    return float(x[0, near[means[near].argmin()]])


def _plane(left: float, right: float, top: float, bottom: float) -> tuple[Floats, Floats]:
    density = TEETH_SIZE[1] / (-2 * TEETH_LEFT)
    x = np.linspace(left, right, round((right - left) * density), dtype=np.float32)
    y = np.linspace(top, bottom, round((bottom - top) * density), dtype=np.float32)
    across, down = np.meshgrid(x, y)
    return across, down


def _at(line: Floats, x: Floats) -> Floats:
    return np.interp(x, np.linspace(LEFT, RIGHT, LINE_SAMPLES), line).astype(np.float32)


def _bilinear(plane: Floats, x: Floats, y: Floats, at_x: Floats, at_y: Floats) -> Floats:
    column = np.interp(at_x, x, np.arange(len(x)))
    row = np.interp(at_y, y, np.arange(len(y)))
    c, r = np.minimum(column.astype(int), len(x) - 2), np.minimum(row.astype(int), len(y) - 2)
    u, v = column - c, row - r
    above = plane[r, c] * (1 - u) + plane[r, c + 1] * u
    below = plane[r + 1, c] * (1 - u) + plane[r + 1, c + 1] * u
    return np.asarray(above * (1 - v) + below * v, np.float32)


def _blurred(plane: NDArray[np.float64], axes: tuple[int, ...] = (0, 1)) -> NDArray[np.float64]:
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    for axis in axes:
        pads = [(2, 2) if each == axis else (0, 0) for each in (0, 1)]
        padded = np.pad(plane, pads, mode="edge")
        parts = [
            weight * np.take(padded, np.arange(place, place + plane.shape[axis]), axis=axis)
            for place, weight in enumerate(kernel)
        ]
        plane = np.sum(parts, axis=0)
    return plane


def main() -> None:
    """Entry point."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    reference, tracker = load_reference_face(WEIGHTS), FaceTracker.load(WEIGHTS)
    portrait = film(PORTRAIT, [0], tracker, reference)
    open_wide = film(PRESENTER, WIDE_OPEN, tracker, reference)
    tensors: dict[str, NDArray[Any]] = {
        "teeth": cut_teeth(portrait),
        "teeth_skin": portrait.skin(),
        "floor": cut_floor(open_wide),
        "floor_skin": open_wide.skin(),
    }
    with atomic_weights_file(WEIGHTS / INTERIOR_FILE) as draft:
        save_file(tensors, draft)


if __name__ == "__main__":
    main()
