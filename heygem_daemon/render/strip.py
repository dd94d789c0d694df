"""The strip: eight moments of a job, the source above and the published result below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, Template
from heygem_daemon.face.tracking.mouth import APERTURE, measure_track
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.image_files import rgb_of, write_png
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.draw import Scene

MOMENTS = 8
TILE_PIXELS = 240
SURROUNDINGS = 1.0
"""Side of the square that is shown, in widths of the region that may change."""

Rgb = NDArray[np.uint8]


class Strip:
    """A strip in the making: it is shown frame after frame, and keeps what it needs."""

    def __init__(self, scene: Scene, template: Template, frames: Sequence[int]) -> None:
        """``frames``: the output frames that will be shown, of which the eight are chosen."""
        candidates = np.unique([frame for frame in frames if _is_drawn(scene, frame)] or frames)
        self._scene = scene
        self.moments = tell_most(candidates, openings(scene, template, candidates))
        """The output frames that are chosen, in order."""
        self._above: dict[int, Rgb] = {}
        self._below: dict[int, Rgb] = {}

    def see_source(self, frame: int, source: Picture) -> None:
        """Look at the picture that an output frame is made of."""
        if frame in self.moments:
            self._above[frame] = _tile(source, self._scene.performance.region(frame))

    def see_result(self, frame: int, shown: Picture) -> None:
        """Look at a published output frame."""
        if frame in self.moments:
            self._below[frame] = _tile(shown, self._scene.performance.region(frame))

    def write(self, target: Path) -> Path:
        """Write the PNG of 8 x 2 square tiles, fewer columns for less than eight frames. Raises
        KeyError if a moment was never shown."""
        rows = [
            np.concatenate([tiles[moment] for moment in self.moments], axis=1)
            for tiles in (self._above, self._below)
        ]
        write_png(target, np.concatenate(rows, axis=0))
        return target


def _is_drawn(scene: Scene, frame: int) -> bool:
    return scene.performance.region(frame) is not None


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
    source's mouth the most and the one that closes it the most. All, if they are fewer."""
    moments = []
    parts = np.array_split(np.arange(len(candidates)), min(MOMENTS, len(candidates)))
    for turn, part in enumerate(parts):
        signed = opening[part] if turn % 2 == 0 else -opening[part]
        # Of equal ones the middle tells most.
        best = part[signed == signed.max()]
        moments.append(int(candidates[best[len(best) // 2]]))
    return moments


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
