"""Let an engine paint in square pixels what is stored in others.

An engine sees a patch as it is shown. Of what it paints, only the difference goes back to the
stored samples, so that those it does not change keep their values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, Performance
from heygem_daemon.engines.patch import Patch, to_code_values
from heygem_daemon.media.info import VideoInfo
from heygem_daemon.media.shown_pixels import is_square, shown_size

REACH = 2
"""Stored samples on each side that a shown one is made of."""


@dataclass(frozen=True, slots=True)
class PixelGrid:
    """How the stored pixels of a video lie in its shown ones, which are more in one direction."""

    width: int
    """Stored pixels."""
    height: int
    """Stored pixels."""
    across: float
    """Shown pixels for a stored one, at least 1."""
    down: float
    """As ``across``, in the other direction."""

    def stored_box(self, box: Box) -> Box:
        """Return the stored pixels from which the shown ones in ``box`` are made."""
        left, right = _covering(box.left, box.right, self.across, self.width)
        top, bottom = _covering(box.top, box.bottom, self.down, self.height)
        return Box(left, top, right, bottom)

    def shown(self, stored: Patch, box: Box) -> Patch:
        """Return what is shown in ``box``; ``stored``: the samples in ``stored_box(box)``."""
        luma, chroma = (
            _resample(planes.float(), *(matrix.T for matrix in self._matrices(box, step, planes)))
            for step, planes in ((1, stored.luma), (2, stored.chroma))
        )
        return Patch(to_code_values(luma), to_code_values(chroma))

    def with_change(self, stored: Patch, box: Box, before: Patch, after: Patch) -> Patch:
        """Return ``stored`` with the change from ``before`` to ``after``, shown in ``box``."""
        changed = []
        for step, planes, old, new in (
            (1, stored.luma, before.luma, after.luma),
            (2, stored.chroma, before.chroma, after.chroma),
        ):
            rows, columns = self._matrices(box, step, planes)
            # Each shown sample counts for its share of a stored one.
            rows, columns = rows / self.down, columns / self.across
            difference = _resample(new.float() - old.float(), rows, columns)
            changed.append(to_code_values(planes + difference))
        return Patch(*changed)

    def _matrices(self, box: Box, step: int, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weights of the shown rows (second axis) for the stored ones (first axis), and
        the same for columns. ``step``: 1 for luma, 2 for chroma."""
        stored = self.stored_box(box)
        rows = _weights(stored.top, stored.bottom, box.top, box.bottom, self.down, step)
        columns = _weights(stored.left, stored.right, box.left, box.right, self.across, step)
        device = planes.device
        return torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)


def pixel_grid(video: VideoInfo) -> PixelGrid | None:
    """Return the grid of a video; None where its pixels are square."""
    if is_square(video.sample_aspect):
        return None
    width, height = shown_size(video.width, video.height, video.sample_aspect)
    return PixelGrid(video.width, video.height, width / video.width, height / video.height)


def paint_shown(
    performance: Performance,
    grid: PixelGrid,
    frames: Sequence[int],
    boxes: Sequence[Box],
    stored: Sequence[Patch],
) -> list[Patch]:
    """Paint as ``performance.paint`` does, but for stored patches of a grid.

    ``boxes[k]``: the shown region of ``frames[k]``; ``stored[k]``: its ``stored_box``.
    """
    before = [grid.shown(patch, box) for patch, box in zip(stored, boxes, strict=True)]
    after = performance.paint(frames, before)
    return [
        grid.with_change(patch, box, old, new)
        for patch, box, old, new in zip(stored, boxes, before, after, strict=True)
    ]


def _covering(start: int, stop: int, scale: float, size: int) -> tuple[int, int]:
    """Return the even stored range under a shown one, with what the resampling reaches beyond it;
    all in luma samples, of which ``size`` are stored."""
    first = max(0, floor(start / scale / 2) - REACH) * 2
    last = min(size - size % 2, (ceil(stop / scale / 2) + REACH) * 2)
    return min(first, last), last


def _weights(
    first: int, last: int, shown_first: int, shown_last: int, scale: float, step: int
) -> Floats:
    """Return the weights of shown samples (columns) for stored ones (rows), float32.

    The cubic of Keys with a = -1/2 over the distance of their centres, in stored samples. The
    weights of the stored samples for a shown one add up to 1.
    """
    stored = np.arange(first // step, last // step)
    shown = (np.arange(shown_first // step, shown_last // step) + 0.5) / scale - 0.5
    if scale == 1:
        identity: Floats = (stored[:, None] == np.round(shown)[None]).astype(np.float32)
        return identity
    weights = _cubic(np.abs(stored[:, None] - shown[None]))
    normalised: Floats = (weights / weights.sum(axis=0)).astype(np.float32)
    return normalised


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights at ``distance``, at least 0."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights: NDArray[np.float64] = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return weights


def _resample(planes: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return ``planes`` (…, h, w) with each axis multiplied by its matrix (new, old)."""
    return rows @ planes @ columns.T
