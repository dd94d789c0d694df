"""The strip: eight moments of a job, the source above and the published result below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box, Template
from heygem_daemon.face.mouth import APERTURE, measure_track
from heygem_daemon.face.track import Track
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.reader import VideoReader
from heygem_daemon.media.still import rgb_of, write_png
from heygem_daemon.render.draw import Scene

MOMENTS = 8
TILE_PIXELS = 240
SURROUNDINGS = 1.0
"""Side of the square that is shown, in widths of the region that may change."""
CANDIDATES = 400
"""Frames at most of which the source's own mouth is measured to find the eight."""

Floats = NDArray[np.float32]
Rgb = NDArray[np.uint8]


def draw_strip(scene: Scene, template: Template, result: Path, target: Path) -> None:
    """Write the strip of a finished job as a PNG of 8 x 2 square tiles."""
    candidates = candidates_of(scene)
    moments = tell_most(candidates, openings(scene, template, candidates))
    sources = [int(scene.timeline.sources[moment]) for moment in moments]
    boxes = [scene.performance.region(moment) for moment in moments]
    above = [_tile(p, b) for p, b in zip(scene.reader.sequence(sources), boxes, strict=True)]
    with VideoReader(result) as reader:
        below = [_tile(p, b) for p, b in zip(reader.sequence(moments), boxes, strict=True)]
    write_png(target, np.concatenate([_row(above), _row(below)], axis=0))


def candidates_of(scene: Scene) -> NDArray[np.int64]:
    """Output frames, evenly spread over those that are drawn (over all, if none is)."""
    frames = range(len(scene.timeline))
    drawn = [frame for frame in frames if scene.performance.region(frame) is not None]
    pool = np.array(drawn or frames)
    count = max(MOMENTS, min(len(pool), CANDIDATES))
    return pool[np.linspace(0, len(pool) - 1, count).round().astype(np.int64)]


def openings(scene: Scene, template: Template, frames: NDArray[np.int64]) -> Floats:
    """(K,) how much wider, in IOD, the mouth shall be in some frames than the source has it;
    zeros where the engine aims at no numbers or the source shows no face."""
    wanted = scene.performance.wanted
    if wanted is None:
        return np.zeros(len(frames), np.float32)
    sources = scene.timeline.sources[frames]
    track = template.track
    shown = Track(
        np.asarray(track.landmarks[sources]), track.present[sources], track.score[sources]
    )
    own = measure_track(shown, scene.engine.reference)[:, APERTURE]
    opening: Floats = np.nan_to_num(wanted[frames, APERTURE] - own)
    return opening


def tell_most(candidates: NDArray[np.int64], opening: Floats) -> list[int]:
    """Eight of the candidate frames in order, one of each eighth: by turns the one that opens the
    source's mouth the most and the one that closes it the most."""
    moments = []
    for turn, part in enumerate(np.array_split(np.arange(len(candidates)), MOMENTS)):
        signed = opening[part] if turn % 2 == 0 else -opening[part]
        # Of equal ones the middle tells most.
        best = part[signed == signed.max()]
        moments.append(int(candidates[best[len(best) // 2]]))
    return moments


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
