"""Cut a box out of a picture for an engine, and lay back what the engine made of it.

An engine gets the decoded samples and gives samples back, so what it returns as it came is
bit-identical to the source.
"""

import numpy as np
import torch

from heygem_daemon.engines.base import Box
from heygem_daemon.engines.patch import Patch
from heygem_daemon.media.picture import Picture, Plane


def cut(picture: Picture, box: Box, device: torch.device | str = "cpu") -> Patch:
    """A copy of what ``picture`` shows inside ``box``, on ``device``."""
    luma = picture.y[_window(box, 1)].copy()
    chroma = np.stack([picture.u[_window(box, 2)], picture.v[_window(box, 2)]])
    return Patch(torch.from_numpy(luma).to(device), torch.from_numpy(chroma).to(device))


def lay(picture: Picture, box: Box, patch: Patch) -> Picture:
    """A copy of ``picture`` with ``patch`` inside ``box``; every sample outside stays as it was."""
    luma, (u, v) = patch.luma.cpu().numpy(), patch.chroma.cpu().numpy()
    return Picture(
        index=picture.index,
        y=_laid(picture.y, box, 1, luma),
        u=_laid(picture.u, box, 2, u),
        v=_laid(picture.v, box, 2, v),
        colour=picture.colour,
    )


def _window(box: Box, step: int) -> tuple[slice, slice]:
    rows = slice(box.top // step, box.bottom // step)
    return rows, slice(box.left // step, box.right // step)


def _laid(plane: Plane, box: Box, step: int, patch: Plane) -> Plane:
    changed = plane.copy()
    changed[_window(box, step)] = patch
    return changed
