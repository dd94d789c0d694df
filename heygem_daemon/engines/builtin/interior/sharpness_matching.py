"""What is borrowed is no harder than what was filmed.

Teeth that are squeezed between nearer lips, or laid into a face that is turned or smaller, have
edges that no open mouth of this video has: its lens and its codec made them softer. They are
smoothed until they are as hard as usual, and a little more.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from heygem_daemon.engines.builtin.warp.sampling import sample_bicubic, sampling_grid

BLUR = (0.25, 0.5, 0.25)
"""The most that is smoothed, along rows and along columns: a deviation of 0.7 pixels."""
SHARPNESS_RATIO_LIMIT = 1.95
"""Times the usual energy of edges that is left as it is: mouths differ, and patches that were cut
from a video between its pixels lost some. Sharpness of two published faces with three sounds each,
without a limit, with 2.0 and with 1.5: `portrait_1080x1920_hevc` 1.24, 1.13, 1.08; `address_512`,
a mouth full of teeth that the sound shuts, 0.78, 0.77, 0.75. A little below 2 keeps the one under
1.2 and the other above 0.85 on the mean of twelve sounds."""
LAPLACIAN_ENERGY_BOUND = 1e9
"""More than any picture's Laplacian has, squared."""
LAPLACIAN_SIZE = 3
"""Pixels that a Laplacian needs each way."""


def resample_to_source(
    picture: torch.Tensor, view: PlaneView, axes: Floats, bounds: tuple[Floats, Floats]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma (1, h, w) of a patch in the pixels of the video that it was cut from, and the places of
    these in the plane (2, h, w).

    ``picture``: (3, H, W), seen by ``view``; ``axes``: (2, 2) of the plane in the video, pixels per
    IOD; ``bounds``: the plane's places, low and high (2,), between which it is read.
    """
    middle = (bounds[0] + bounds[1]) / 2
    across, down = (
        max(LAPLACIAN_SIZE, int(side)) for side in np.abs(axes @ (bounds[1] - bounds[0]))
    )
    origin = np.array([across / 2, down / 2]) - axes @ middle
    video = PlaneView(axes, origin.astype(np.float32))
    x, y = (torch.arange(n, device=picture.device) + 0.5 for n in (across, down))
    places = video.to_plane(x, y)
    grid = sampling_grid(view.to_pixels(places[0], places[1]), picture.shape[2], picture.shape[1])
    return sample_bicubic(picture[:1], grid), places


def laplacian_energy(luma: torch.Tensor, seen: torch.Tensor) -> float:
    """Sum of the squared Laplacian of luma (1, h, w) where it is ``seen`` (h, w: 0 or 1)."""
    edges = _laplacian(luma)
    return _masked_dot(edges, edges, seen)


def match_sharpness(luma: torch.Tensor, seen: torch.Tensor, usual: float) -> torch.Tensor:
    """``luma`` (1, h, w), smoothed until the mean square of its Laplacian where it is ``seen``
    (h, w: 0 or 1) is no more than ``HARDER`` times the ``usual`` one."""
    edges = _laplacian(luma)
    excess = _masked_dot(edges, edges, seen) - SHARPNESS_RATIO_LIMIT * min(
        usual, LAPLACIAN_ENERGY_BOUND
    ) * float(seen.sum())
    if excess <= 0:
        return luma
    smooth = _blurred(luma)
    change = _laplacian(smooth) - edges
    share = _first_root(
        excess, 2 * _masked_dot(edges, change, seen), _masked_dot(change, change, seen)
    )
    return torch.lerp(luma, smooth, share)


def _blurred(luma: torch.Tensor) -> torch.Tensor:
    kernel = luma.new_tensor(BLUR)
    padded = F.pad(luma[None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, torch.outer(kernel, kernel)[None, None])[0]


def _laplacian(luma: torch.Tensor) -> torch.Tensor:
    """The Laplacian of luma (1, h, w): (h, w)."""
    padded = F.pad(luma[None], (1, 1, 1, 1), mode="replicate")[0, 0]
    beside = padded[1:-1, :-2] + padded[1:-1, 2:]
    return beside + padded[:-2, 1:-1] + padded[2:, 1:-1] - 4 * luma[0]


def _masked_dot(one: torch.Tensor, other: torch.Tensor, seen: torch.Tensor) -> float:
    return float((one * other * seen).sum())


def _first_root(constant: float, linear: float, square: float) -> float:
    """Where ``constant + linear t + square t²``, above 0 at first, reaches 0 as t goes from 0 to 1;
    1 where it does not."""
    inside = linear * linear - 4 * square * constant
    if inside < 0 or linear >= 0:
        return 1.0
    return min(1.0, 2 * constant / (math.sqrt(inside) - linear))
