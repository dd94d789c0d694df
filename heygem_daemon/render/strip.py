"""Draw the strip: eight frames of a job, the source above and the published result below."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, Template
from heygem_daemon.face.tracking.mouth import APERTURE, measure_mouth_track
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.image_files import rgb_from_picture, write_png
from heygem_daemon.media.picture import Picture
from heygem_daemon.render.draw import RenderContext

MOMENTS = 8
TILE_PIXELS = 240
TILE_REGION_WIDTHS = 1.0
"""Side of the square that a tile shows, in widths of the region that may change."""

Rgb = NDArray[np.uint8]


class ComparisonStrip:
    """Collects the tiles of a strip from source and result pictures, and writes it."""

    def __init__(self, context: RenderContext, template: Template, frames: Sequence[int]) -> None:
        """``frames``: the output frames that will be reviewed, among which it chooses."""
        candidates = np.unique([frame for frame in frames if _is_drawn(context, frame)] or frames)
        self._context = context
        self.moments = choose_moments(candidates, opening_changes(context, template, candidates))
        """The output frames of the strip, ascending."""
        self._source_tiles: dict[int, Rgb] = {}
        self._result_tiles: dict[int, Rgb] = {}

    def add_source(self, frame: int, source: Picture) -> None:
        """Keep the tile of an output frame's source picture, if the strip shows it."""
        if frame in self.moments:
            self._source_tiles[frame] = _tile(source, self._context.performance.region(frame))

    def add_result(self, frame: int, published: Picture) -> None:
        """Keep the tile of a published output frame, if the strip shows it."""
        if frame in self.moments:
            self._result_tiles[frame] = _tile(published, self._context.performance.region(frame))

    def write(self, target: Path) -> Path:
        """Write the PNG of 8 x 2 square tiles, or fewer columns for fewer frames.

        Raises KeyError if a picture was not added, SpoolUnavailable where the storage fails.
        """
        rows = [
            np.concatenate([tiles[moment] for moment in self.moments], axis=1)
            for tiles in (self._source_tiles, self._result_tiles)
        ]
        write_png(target, np.concatenate(rows, axis=0))
        return target


def _is_drawn(context: RenderContext, frame: int) -> bool:
    return context.performance.region(frame) is not None


def opening_changes(
    context: RenderContext, template: Template, frames: NDArray[np.int64]
) -> Floats:
    """Return how much wider the target opens the mouth than the source: float32 (K,), in IOD.

    Zero where the engine has no target or the source shows no face.
    """
    target = context.performance.target_parameters
    if target is None:
        return np.zeros(len(frames), np.float32)
    sources = context.timeline.source_indices[frames]
    track = template.track
    shown = Track(
        np.asarray(track.landmarks[sources]), track.present[sources], track.score[sources]
    )
    source_apertures = measure_mouth_track(shown, context.engine.reference_face)[:, APERTURE]
    opening: Floats = np.nan_to_num(target[frames, APERTURE] - source_apertures)
    return opening


def choose_moments(candidates: NDArray[np.int64], opening: Floats) -> list[int]:
    """Choose eight of the candidate frames, one of each eighth; all, if there are fewer.

    By turns it is the frame that opens the source's mouth the most, and the one that closes it the
    most. ``opening``: (K,) as from ``opening_changes``.
    """
    moments = []
    parts = np.array_split(np.arange(len(candidates)), min(MOMENTS, len(candidates)))
    for turn, part in enumerate(parts):
        signed = opening[part] if turn % 2 == 0 else -opening[part]
        # Among equal frames, the one in the middle.
        best = part[signed == signed.max()]
        moments.append(int(candidates[best[len(best) // 2]]))
    return moments


def _tile(picture: Picture, region: Box | None) -> Rgb:
    """Return a scaled square around ``region``, or around the picture's centre if it is None."""
    height, width = picture.height, picture.width
    if region is None:
        side, x, y = min(height, width), width // 2, height // 2
    else:
        side = min(round(region.width * TILE_REGION_WIDTHS), height, width)
        x = (region.left + region.right) // 2
        y = (region.top + region.bottom) // 2 - side // 8
    left = min(max(x - side // 2, 0), width - side)
    top = min(max(y - side // 2, 0), height - side)
    # Only what the tile shows is converted: whole pictures cost more than the rest of a strip.
    even_left, even_top = left // 2 * 2, top // 2 * 2
    rgb = rgb_from_picture(picture.crop(even_left, even_top, left + side, top + side))
    square = torch.from_numpy(rgb[top - even_top :, left - even_left :].copy())
    tile = F.interpolate(
        square.permute(2, 0, 1)[None].float(),
        size=(TILE_PIXELS, TILE_PIXELS),
        mode="bilinear",
        antialias=True,
    )
    scaled: Rgb = tile[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return scaled
