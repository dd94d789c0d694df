"""Blends a whole mouth from another picture of the person into a frame.

Lips, corners, the inside and the skin around them come from one picture in which the mouth looks
almost as wanted, and are moved by the little that is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from heygem_daemon.engines.builtin.interior import mouth_bank
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    CHROMA_SHIFT,
    GAIN,
    DonorMouth,
    smoothstep,
)
from heygem_daemon.engines.builtin.painter import PaintInputs, paint_inside
from heygem_daemon.engines.builtin.warp.field import WarpFields
from heygem_daemon.engines.builtin.warp.mouth_plane import (
    CropWindow,
    PlaneView,
    is_empty,
    pixel_centres,
)
from heygem_daemon.engines.builtin.warp.sampling import (
    restore_sharpness,
    sample_planes,
    sampling_grid,
)
from heygem_daemon.engines.builtin.warp.warping import build_frame_warp

SIDE_FADE, TOP_FADE, BOTTOM_FADE = 0.18, 0.12, 0.12
"""Width of the strips inside the border of a patch in which it passes into the frame, IOD."""
SEAM_STEP = 4
"""The light is compared in one of this many pixels along rows and columns."""
EVENNESS = (0.5, 1.0, 1.0)
"""How far no difference in light is preferred to one, to one that changes across the mouth, and to
one that changes from its top to its bottom, as shares of the evidence: a light that is matched too
closely trembles with the lips."""
WIDER, NARROWER = (0.04, 0.12), (0.15, 0.4)
"""Change of the gap between the lips, as a logarithm, up to which the inside moves with the lips,
and from which on it is moved on its own. In a mouth that opens wider, the middle would be seen
twice."""
LEAST_GAP = 0.02
"""Added to a gap, IOD, before it is compared: lips that are almost shut show nothing."""
DETAIL, DETAIL_PIXELS = 0.03, 3
"""What is finer than this is not mixed, IOD, and its minimum in pixels: two mouths of the same
shape lie over each other only so far, and their pores, hairs and noise not at all."""
TINY = 1e-3
"""Added to the evidence: there is always a solution."""
_CORNERS = np.array(
    [
        [x, y]
        for x in (mouth_bank.PATCH_LEFT, mouth_bank.PATCH_RIGHT)
        for y in (mouth_bank.PATCH_TOP, mouth_bank.PATCH_BOTTOM)
    ],
    np.float32,
)


@dataclass(frozen=True, slots=True)
class WholeMouth:
    """A mouth of another picture, and how it moves."""

    donor: DonorMouth
    fields: WarpFields
    """From the frame's plane to the donor's."""
    row: int
    """The mouth's row in ``fields``."""
    closing: float
    """How far lips that are open in the donor close over the teeth, 0-1."""


def blend_whole_mouths(
    painted: torch.Tensor, inputs: PaintInputs, mouths: tuple[WholeMouth, ...]
) -> None:
    """Blend ``mouths``, each with its donor's share, into the drawn crop (3, h, w), in place."""
    window = inputs.view.window(_CORNERS, 0, (painted.shape[1], painted.shape[2]))
    if not mouths or is_empty(window):
        return
    part = painted[:, *window]
    rows, columns = (pixel_centres(each, painted.device) for each in window)
    places = inputs.view.to_plane(columns, rows)
    cover = _cover(places)
    layers = [
        match_light(_draw(mouth, window, inputs), part, places, cover, inputs.black)
        for mouth in mouths
    ]
    shares = [mouth.donor.share for mouth in mouths]
    if sum(shares) < 1:
        layers, shares = [part, *layers], [1 - sum(shares), *shares]
    cell = max(DETAIL_PIXELS, round(DETAIL * inputs.view.scale))
    # The ends are exact: of what is covered in full, nothing is seen.
    torch.lerp(part, mix_mouths(layers, shares, cell), cover, out=part)


def mix_mouths(layers: Sequence[torch.Tensor], shares: Sequence[float], cell: int) -> torch.Tensor:
    """Return ``layers`` (3, h, w), mixed by ``shares``, with the finest detail of the largest one.

    A mean of two mouths has half the edges of either. What is finer than ``cell`` pixels in luma
    comes from one mouth alone.
    """
    mixed = shares[0] * layers[0]
    for layer, share in zip(layers[1:], shares[1:], strict=True):
        mixed.add_(layer, alpha=share)
    if len(layers) > 1:
        main = layers[max(range(len(shares)), key=shares.__getitem__)]
        lost = main[None, :1] - mixed[None, :1]
        height, width = lost.shape[2:]
        small = F.adaptive_avg_pool2d(lost, (max(1, height // cell), max(1, width // cell)))
        mixed[:1] += (lost - F.interpolate(small, (height, width), mode="bilinear"))[0]
    return mixed


def match_light(
    layer: torch.Tensor,
    frame: torch.Tensor,
    places: torch.Tensor,
    cover: torch.Tensor,
    black: float,
) -> torch.Tensor:
    """Return ``layer`` (3, h, w) in the light of ``frame`` (3, h, w), into which it passes.

    Brightness and colour change linearly across the mouth, as they differ where both are seen.
    ``places``: (2, h, w) in the plane; ``cover``: (h, w), how much of the frame is covered, 0-1;
    ``black``: code value of black.
    """
    few = (..., slice(None, None, SEAM_STEP), slice(None, None, SEAM_STEP))
    basis = torch.cat([torch.ones_like(places[:1]), places])
    seam = cover[few] * (1 - cover[few])
    light, wanted = layer[few][0] - black, frame[few][0] - black
    ones = torch.ones_like(light)
    gain = _fit(light, wanted - light, basis[few], seam)
    shifts = [_fit(ones, frame[few][k] - layer[few][k], basis[few], seam) for k in (1, 2)]
    luma = black + (layer[0] - black) * (1 + _linear(gain, basis)).clamp(*GAIN)
    chroma = [
        layer[k] + _linear(shift, basis).clamp(-CHROMA_SHIFT, CHROMA_SHIFT)
        for k, shift in zip((1, 2), shifts, strict=True)
    ]
    return torch.stack([luma, *chroma])


def _fit(
    values: torch.Tensor, wanted: torch.Tensor, basis: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Return the coefficients (K,) of ``basis`` (K, h, w) that turn ``values`` into ``wanted``.

    Weighted least squares, slightly drawn towards 0.
    """
    scaled = (basis * values).flatten(1)
    weighted = scaled * weights.flatten()
    evidence = weighted @ scaled.T
    evidence += (evidence[0, 0] + TINY) * torch.diag(evidence.new_tensor(EVENNESS))
    fitted: torch.Tensor = torch.linalg.solve(evidence, weighted @ wanted.flatten())
    return fitted


def _draw(mouth: WholeMouth, window: CropWindow, inputs: PaintInputs) -> torch.Tensor:
    """Return the mouth (3, h, w) in a window of the crop, moved, in its own light."""
    top, left = window[0].start, window[1].start
    view = PlaneView(inputs.view.axes, inputs.view.origin - np.array([left, top], np.float32))
    size = tuple(part.stop - part.start for part in window)
    layer = _sample(mouth, view, size)
    share = inside_share(mouth)
    if share == 0:
        return layer
    paint_inside(
        layer,
        layer,
        mouth.donor.skin,
        replace(
            inputs,
            view=view,
            fields=mouth.fields,
            row=mouth.row,
            donors=(replace(mouth.donor, share=share),),
            painted_share=0.0,
            closing=mouth.closing,
        ),
    )
    return layer


def inside_share(mouth: WholeMouth) -> float:
    """Return how far the inside is moved on its own, 0-1, instead of with the lips.

    Teeth do not stretch, so it must be where the gap between the lips changes by much. Where it
    hardly changes, the donor's picture is better as it was filmed.
    """
    above, below = mouth.fields.inner_lip_lines[mouth.row]
    upper, lower = mouth.donor.inner_lip_lines.cpu().numpy()
    wanted, filmed = float((below - above).max()), float((lower - upper).max())
    change = float(np.log((wanted + LEAST_GAP) / (filmed + LEAST_GAP)))
    same, other = WIDER if change > 0 else NARROWER
    share = min(max((abs(change) - same) / (other - same), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _sample(mouth: WholeMouth, view: PlaneView, size: tuple[int, ...]) -> torch.Tensor:
    """Return the donor's pixels (3, h, w) where its mouth moves to."""
    device, donor = mouth.donor.picture.device, mouth.donor
    rows, columns = (pixel_centres(slice(0, length), device) for length in size)
    moves, below = build_frame_warp(mouth.fields, mouth.row, view, device).displacements(
        rows, columns
    )
    # From pixels of the frame to those of the donor.
    change = donor.view.axes.astype(np.float64) @ np.linalg.inv(view.axes.astype(np.float64))
    still = donor.view.to_pixels(*view.to_plane(columns, rows))

    def sample_lip(lip: int, part: slice) -> torch.Tensor:
        # Sharpness needs a row more on either side.
        near = slice(max(0, part.start - 1), min(part.stop + 1, size[0]))
        across, down = moves[lip, :, near]
        pixels = torch.stack(
            [
                still[k, near] + float(change[k, 0]) * across + float(change[k, 1]) * down
                for k in (0, 1)
            ]
        )
        grid = sampling_grid(pixels, donor.picture.shape[2], donor.picture.shape[1])
        luma, chroma = sample_planes(donor.picture, grid)
        core = slice(part.start - near.start, part.stop - near.start)
        distances = (pixels[:, core] - 0.5).abs_()[None]
        return torch.cat([restore_sharpness(luma, distances, core)[0], chroma[0, :, core]])

    return join_lips(sample_lip, below)


def join_lips(sample: Callable[[int, slice], torch.Tensor], below: torch.Tensor) -> torch.Tensor:
    """Return what the upper lip shows where ``below`` (h, w) is 0 and the lower one where it is 1.

    ``sample(lip, rows)`` returns the pixels (3, h, w) of the upper lip, 0, or of the lower one, 1.
    It is called only for rows that show some of that lip.
    """
    height = len(below)
    # The rows that show both lips are few, and in one piece: a line from corner to corner.
    shares = below.cpu().numpy()
    upper_rows = np.flatnonzero(shares.min(axis=1) < 1)
    lower_rows = np.flatnonzero(shares.max(axis=1) > 0)
    first = int(lower_rows[0]) if len(lower_rows) else height
    last = int(upper_rows[-1]) + 1 if len(upper_rows) else 0
    if first == height:
        return sample(0, slice(0, height))
    if last == 0:
        return sample(1, slice(0, height))
    above, under = sample(0, slice(0, last)), sample(1, slice(first, height))
    both = torch.lerp(above[:, first:], under[:, : last - first], below[first:last])
    return torch.cat([above[:, :first], both, under[:, last - first :]], dim=1)


def _linear(coefficients: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Return the sum (h, w) of ``basis`` (K, h, w), each times its coefficient."""
    total = coefficients[0] * basis[0]
    for coefficient, function in zip(coefficients[1:], basis[1:], strict=True):
        total.addcmul_(coefficient, function)
    return total


def _cover(places: torch.Tensor) -> torch.Tensor:
    """Return how much of the frame a patch covers at ``places`` (2, h, w) of the plane, 0-1."""
    x, y = places
    sides = smoothstep((mouth_bank.PATCH_RIGHT - x.abs()) / SIDE_FADE)
    top = smoothstep((y - mouth_bank.PATCH_TOP) / TOP_FADE)
    return sides * top * smoothstep((mouth_bank.PATCH_BOTTOM - y) / BOTTOM_FADE)
