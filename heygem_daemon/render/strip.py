"""The strip: eight moments of a job, the source above and the published result below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box, Performance
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.reader import VideoReader
from heygem_daemon.media.still import rgb_of, write_png
from heygem_daemon.render.draw import Scene

MOMENTS = 8
TILE_PIXELS = 220
SURROUNDINGS = 1.25
"""Side of the square that is shown, in widths of the region that may change."""

Rgb = NDArray[np.uint8]


def draw_strip(scene: Scene, result: Path, target: Path) -> None:
    """Write the strip of a finished job as a PNG of 8 x 2 square tiles."""
    moments = choose_moments(scene.performance, len(scene.timeline))
    sources = [int(scene.timeline.sources[moment]) for moment in moments]
    boxes = [scene.performance.region(moment) for moment in moments]
    above = [_tile(p, b) for p, b in zip(scene.reader.sequence(sources), boxes, strict=True)]
    with VideoReader(result) as reader:
        below = [_tile(p, b) for p, b in zip(reader.sequence(moments), boxes, strict=True)]
    write_png(target, np.concatenate([_row(above), _row(below)], axis=0))


def choose_moments(performance: Performance, frames: int) -> list[int]:
    """Eight output frames, evenly spread over those that are drawn (over all, if none is)."""
    drawn = [frame for frame in range(frames) if performance.region(frame) is not None]
    pool = drawn or list(range(frames))
    places = np.linspace(0, len(pool) - 1, MOMENTS + 2)[1:-1]
    return [pool[round(place)] for place in places.tolist()]


def _row(tiles: Sequence[Rgb]) -> Rgb:
    return np.concatenate(tiles, axis=1)


def _tile(picture: Picture, region: Box | None) -> Rgb:
    """A square around ``region`` (around the picture's middle, if there is none), scaled."""
    rgb = rgb_of(picture)
    height, width = rgb.shape[:2]
    if region is None:
        side, x, y = min(height, width), width // 2, height // 2
    else:
        side = min(round(region.width * SURROUNDINGS), height, width)
        x = (region.left + region.right) // 2
        y = (region.top + region.bottom) // 2 - side // 8
    left = min(max(x - side // 2, 0), width - side)
    top = min(max(y - side // 2, 0), height - side)
    square = torch.from_numpy(rgb[top : top + side, left : left + side].copy())
    tile = F.interpolate(
        square.permute(2, 0, 1)[None].float(),
        size=(TILE_PIXELS, TILE_PIXELS),
        mode="bilinear",
        antialias=True,
    )
    scaled: Rgb = tile[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return scaled
