"""What moves in the output frames: computed in blocks whose bounds never depend on who asks.

How one face speaks one sound with its own mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, FullColourPerformance, PerformanceSummary
from heygem_daemon.engines.builtin.interior.donor_selection import DonorSelection
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank, patch_view
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    DonorMouth,
    measure_usual_sharpness,
)
from heygem_daemon.engines.builtin.painter import PaintInputs, measure_skin_colour, paint_mouth
from heygem_daemon.engines.builtin.warp.aim import (
    interior_visibility,
    measure_tuck,
    move_landmarks,
    tuck_depth,
)
from heygem_daemon.engines.builtin.warp.field import WarpFields, build_warp_fields, inner_lip_lines
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, crop_view
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP

BLOCK_FRAMES = 16
"""Output frames whose movement is computed at once."""


@dataclass(frozen=True, slots=True)
class InnerLips:
    """Inner lips of B faces in the mouth's plane. ``lines``: (B, 2, LINE) the y of the upper and
    the lower one at each x; ``corners``: (B, 2, 2) where they end."""

    lines: Floats
    corners: Floats


@dataclass(frozen=True, slots=True)
class MouthMotion:
    """``fields`` of B output frames; ``lips`` as they are in the source pictures; ``closed``:
    (B,), how much the mouth closes over its teeth, 0-1."""

    fields: WarpFields
    lips: InnerLips
    closing: Floats


def inner_lips(points: Floats) -> InnerLips:
    """The inner lips of faces with points (B, 478, 2) in the plane."""
    return InnerLips(inner_lip_lines(points), points[:, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]]])


def compute_motion(
    person: Person, sources: NDArray[np.intp], target: Floats, replaced_share: Floats, basis: Floats
) -> MouthMotion:
    """The motion of B output frames that show the pictures ``sources`` (B,) with the mouth
    parameters ``wanted`` (B, 4). ``replaced``: (B,), how much of the mouth's inside comes from
    elsewhere, 0-1; ``basis`` (4, 478, 3) as in ``MouthShape``."""
    canonical = person.canonical_landmarks(sources)
    now = person.plane_landmarks(sources)
    moved = move_landmarks(canonical, target, basis) - canonical
    then = now + person.planes.project_movement(sources, moved)
    closed, less = measure_tuck(now, then)
    tuck = np.maximum(closed, replaced_share * interior_visibility(now))
    edges = tuck_depth(tuck, less * closed, person.pose.scale[sources])
    return MouthMotion(build_warp_fields(now, then, edges, closed), inner_lips(now), closed)


SHARPNESS_SAMPLES = 24
"""Mouths of a bank that tell how soft its pictures are, about."""


@dataclass(frozen=True, slots=True)
class MouthPlan:
    """What is decided for each of N output frames.

    ``sources``: (N,) source picture; ``boxes``: region or None; ``wanted``: (N, 4) mouth
    parameters to be seen; ``asked``: (N, 4) those to be drawn for it; ``strength``: (N,) 0
    untouched … 1; ``cast``: who lends the mouth's inside; ``painted``: (N,) share of the inside
    that is painted.
    """

    sources: NDArray[np.int32]
    boxes: list[Box | None]
    targets: Floats
    drawn_targets: Floats
    strength: Floats
    donors: DonorSelection
    painted_shares: Floats


class MouthPerformance(FullColourPerformance):
    """Draws a script. What a frame shows depends on its number alone, not on its batch."""

    def __init__(
        self,
        plan: MouthPlan,
        person: Person,
        bank: MouthBank,
        basis: Floats,
        black: float,
        device: torch.device,
        summary: PerformanceSummary,
    ) -> None:
        self.plan = plan
        self._person = person
        self._bank = bank
        self._basis = basis
        self._black = black
        self._device = device
        self._summary = summary
        self._lips = inner_lips(person.plane_landmarks(bank.sources.astype(np.intp)))
        self._block: _MotionBlock | None = None
        few = range(0, len(bank), max(1, len(bank) // SHARPNESS_SAMPLES))
        self._usual = measure_usual_sharpness(
            self._donor_source(donor).with_share(1.0) for donor in few
        )

    @property
    def summary(self) -> PerformanceSummary:
        return self._summary

    @property
    def target_parameters(self) -> Floats:
        return self.plan.targets

    def region(self, frame: int) -> Box | None:
        return self.plan.boxes[frame]

    @torch.inference_mode()
    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [self._draw(frame, crop) for frame, crop in zip(frames, crops, strict=True)]

    def _draw(self, frame: int, crop: torch.Tensor) -> torch.Tensor:
        script, person = self.plan, self._person
        box, source = script.boxes[frame], script.sources[frame]
        assert box is not None, "a frame without a region is passed through"
        block = self._find_block(frame)
        at, motion = block.rows[frame], block.motion
        view = crop_view(person.planes.axes[source], person.planes.origin[source], box)
        skin = measure_skin_colour(crop, view)
        own = _DonorSource(crop, view, view.axes, skin, motion.lips, at)
        scene = PaintInputs(
            view=view,
            fields=motion.fields,
            row=at,
            donors=self._donor_mouths(frame, own),
            painted_share=float(script.painted_shares[frame]),
            closing=float(motion.closing[at]),
            black=self._black,
            usual_sharpness=self._usual,
        )
        return paint_mouth(crop, skin, scene)

    def _find_block(self, frame: int) -> "_MotionBlock":
        """The block of frames that holds ``frame``: the last one used, or computed now."""
        number = frame // BLOCK_FRAMES
        if self._block is None or self._block.number != number:
            self._block = self._compute_block(number)
        return self._block

    def _compute_block(self, number: int) -> "_MotionBlock":
        script = self.plan
        last = min((number + 1) * BLOCK_FRAMES, len(script.boxes))
        frames = [k for k in range(number * BLOCK_FRAMES, last) if script.boxes[k] is not None]
        borrowed = np.where(script.donors.first[frames] < len(self._bank), 1, 0)
        motion = compute_motion(
            self._person,
            script.sources[frames].astype(np.intp),
            script.drawn_targets[frames],
            np.maximum(script.strength[frames] * borrowed, script.painted_shares[frames]),
            self._basis,
        )
        return _MotionBlock(number, {frame: place for place, frame in enumerate(frames)}, motion)

    def _donor_mouths(self, frame: int, own: "_DonorSource") -> tuple[DonorMouth, ...]:
        """Who lends how much; what nobody else lends or paints is the frame's own."""
        cast, strength = self.plan.donors, float(self.plan.strength[frame])
        share = strength * float(cast.share[frame])
        parts = [(int(cast.first[frame]), strength - share), (int(cast.second[frame]), share)]
        others = [(donor, part) for donor, part in parts if donor < len(self._bank) and part > 0]
        rest = 1 - float(self.plan.painted_shares[frame]) - sum(part for _, part in others)
        loans = [self._donor_source(donor).with_share(part) for donor, part in others]
        if rest > 0:
            loans.append(own.with_share(rest))
        return tuple(loans)

    def _donor_source(self, donor: int) -> "_DonorSource":
        bank = self._bank
        patch = torch.from_numpy(bank.patches[donor]).to(self._device).float()
        skin = torch.from_numpy(bank.skin[donor]).to(self._device)
        axes = self._person.planes.axes[bank.sources[donor]]
        return _DonorSource(patch, patch_view(*patch.shape[1:]), axes, skin, self._lips, donor)


@dataclass(frozen=True, slots=True)
class _MotionBlock:
    """The ``motion`` of the drawn frames of one block; ``places``: frame → its row there."""

    number: int
    rows: dict[int, int]
    motion: MouthMotion


@dataclass(frozen=True, slots=True)
class _DonorSource:
    picture: torch.Tensor
    view: PlaneView
    axes: Floats
    skin: torch.Tensor
    lips: InnerLips
    row: int

    def with_share(self, share: float) -> DonorMouth:
        left, right = (float(x) for x in self.lips.corners[self.row, :, 0])
        lines = torch.from_numpy(self.lips.lines[self.row]).to(self.picture.device)
        return DonorMouth(
            self.picture, self.view, self.axes, self.skin, lines, (left, right), share
        )
