"""Keeps a donor's pixels no sharper than the mouths that were filmed.

Teeth that are squeezed between closer lips, or moved into a face that is turned or smaller, have
sharper edges than any open mouth of the video, whose lens and codec softened them. They are
smoothed until they exceed the usual sharpness by a limited factor.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView
from heygem_daemon.engines.builtin.warp.sampling import sample_bicubic, sampling_grid

BLUR = (0.25, 0.5, 0.25)
"""Strongest smoothing, along rows and columns: a standard deviation of 0.7 pixels."""
SHARPNESS_RATIO_LIMIT = 1.95
"""Edge energy up to this multiple of the usual energy is left as it is: mouths differ, and patches
that were sampled between a video's pixels lost some. Sharpness of two published faces with three
audio files each, without a limit, with 2.0 and with 1.5: `portrait_1080x1920_hevc` 1.24, 1.13,
1.08; `address_512`, a mouth full of teeth that the speech closes, 0.78, 0.77, 0.75. A little
below 2 keeps the first under 1.2 and the second above 0.85 on the average of twelve audio files."""
LAPLACIAN_ENERGY_BOUND = 1e9
"""More than the squared Laplacian of any picture."""
LAPLACIAN_SIZE = 3
"""Smallest side of a picture that has a Laplacian, pixels."""


def resample_to_source(
    picture: torch.Tensor, view: PlaneView, axes: Floats, bounds: tuple[Floats, Floats]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a patch's luma in the pixels of its video, and their places in the plane.

    ``picture``: (3, H, W) with its ``view``; ``axes``: (2, 2), the plane in the video, pixels per
    IOD; ``bounds``: low and high corner (2,) of the plane's region to read. Results: (1, h, w) and
    (2, h, w).
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


def laplacian_energy(luma: torch.Tensor, visible: torch.Tensor) -> float:
    """Return the sum of the squared Laplacian of luma (1, h, w) where ``visible`` (h, w) is 1."""
    edges = _laplacian(luma)
    return _masked_dot(edges, edges, visible)


def match_sharpness(luma: torch.Tensor, visible: torch.Tensor, usual: float) -> torch.Tensor:
    """Return ``luma`` (1, h, w), smoothed if it is too sharp.

    Afterwards the mean square of its Laplacian, where ``visible`` (h, w) is 1, is at most
    ``SHARPNESS_RATIO_LIMIT`` times ``usual``.
    """
    edges = _laplacian(luma)
    excess = _masked_dot(edges, edges, visible) - SHARPNESS_RATIO_LIMIT * min(
        usual, LAPLACIAN_ENERGY_BOUND
    ) * float(visible.sum())
    if excess <= 0:
        return luma
    smooth = _blurred(luma)
    change = _laplacian(smooth) - edges
    share = _first_root(
        excess, 2 * _masked_dot(edges, change, visible), _masked_dot(change, change, visible)
    )
    return torch.lerp(luma, smooth, share)


def _blurred(luma: torch.Tensor) -> torch.Tensor:
    kernel = luma.new_tensor(BLUR)
    padded = F.pad(luma[None], (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, torch.outer(kernel, kernel)[None, None])[0]


def _laplacian(luma: torch.Tensor) -> torch.Tensor:
    """Return the Laplacian (h, w) of luma (1, h, w)."""
    padded = F.pad(luma[None], (1, 1, 1, 1), mode="replicate")[0, 0]
    beside = padded[1:-1, :-2] + padded[1:-1, 2:]
    return beside + padded[:-2, 1:-1] + padded[2:, 1:-1] - 4 * luma[0]


def _masked_dot(one: torch.Tensor, other: torch.Tensor, visible: torch.Tensor) -> float:
    return float((one * other * visible).sum())


def _first_root(constant: float, linear: float, square: float) -> float:
    """Return where ``constant + linear t + square t²``, positive at t = 0, first reaches 0.

    1 if it does not for t from 0 to 1.
    """
    discriminant = linear * linear - 4 * square * constant
    if discriminant < 0 or linear >= 0:
        return 1.0
    return min(1.0, 2 * constant / (math.sqrt(discriminant) - linear))
