"""How one face speaks one piece of audio with its own mouth.

The motion of the output frames is computed in blocks. A block's bounds depend only on the frame
number, so that a frame looks the same in every batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import Box, FullColourPerformance, PerformanceSummary
from heygem_daemon.engines.builtin.interior.borrowed_interior import BorrowedInterior
from heygem_daemon.engines.builtin.interior.donor_selection import DonorSelection
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank, patch_view
from heygem_daemon.engines.builtin.interior.mouth_interior import (
    DonorMouth,
    measure_usual_sharpness,
)
from heygem_daemon.engines.builtin.interior.teeth_placement import place_teeth
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
from heygem_daemon.engines.builtin.warp.steadying import steady_shapes
from heygem_daemon.face.reading.landmarks import INNER_UPPER_LIP

BLOCK_FRAMES = 16
"""Output frames whose motion is computed at once."""
SHARPNESS_SAMPLES = 24
"""Approximate number of mouths of a bank from which the usual sharpness is measured."""


@dataclass(frozen=True, slots=True)
class InnerLips:
    """The inner lips of B faces in the mouth's plane."""

    lines: Floats
    """(B, 2, LINE_SAMPLES): the y of the upper and the lower lip at each x, IOD."""
    corners: Floats
    """(B, 2, 2): where the lips end, IOD."""


@dataclass(frozen=True, slots=True)
class MouthMotion:
    """The motion of B output frames."""

    fields: WarpFields
    lips: InnerLips
    """The inner lips in the source pictures."""
    closing: Floats
    """(B,), how far the mouth closes over its teeth, 0-1."""


@dataclass(frozen=True, slots=True)
class MouthPlan:
    """What is decided for each of N output frames."""

    sources: NDArray[np.int32]
    """(N,), the source picture."""
    boxes: list[Box | None]
    """The region that changes; None: the frame is passed through."""
    targets: Floats
    """(N, 4), the mouth parameters that the result shall show, IOD."""
    drawn_targets: Floats
    """(N, 4), the mouth parameters that are drawn to reach ``targets``, IOD."""
    strength: Floats
    """(N,), 0 (untouched) to 1."""
    donors: DonorSelection
    """Whose mouth lends its inside."""
    painted_shares: Floats
    """(N,), share of the mouth's inside that is painted, 0-1."""


class MouthPerformance(FullColourPerformance):
    """Draws a plan. What a frame shows depends on its number alone, not on its batch."""

    def __init__(
        self,
        plan: MouthPlan,
        person: Person,
        bank: MouthBank,
        borrowed: BorrowedInterior,
        basis: Floats,
        black: float,
        device: torch.device,
        summary: PerformanceSummary,
    ) -> None:
        self.plan = plan
        self._person = person
        self._bank = bank
        self._borrowed = borrowed
        self._teeth = place_teeth(person)
        self._basis = basis
        self._black = black
        self._device = device
        self._summary = summary
        self._lips = inner_lips(person.plane_landmarks(bank.sources.astype(np.intp)))
        self._block: _MotionBlock | None = None
        samples = range(0, len(bank), max(1, len(bank) // SHARPNESS_SAMPLES))
        self._usual = measure_usual_sharpness(
            self._donor_source(donor).with_share(1.0) for donor in samples
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
        plan, person = self.plan, self._person
        box, source = plan.boxes[frame], plan.sources[frame]
        assert box is not None, "a frame without a region is passed through"
        block = self._find_block(frame)
        row, motion = block.rows[frame], block.motion
        view = crop_view(person.planes.axes[source], person.planes.origin[source], box)
        skin = measure_skin_colour(crop, view)
        own_mouth = _DonorSource(crop, view, view.axes, skin, motion.lips, row)
        inputs = PaintInputs(
            view=view,
            fields=motion.fields,
            row=row,
            donors=self._donor_mouths(frame, own_mouth),
            painted_share=float(plan.painted_shares[frame]),
            closing=float(motion.closing[row]),
            black=self._black,
            usual_sharpness=self._usual,
            borrowed=self._borrowed,
            teeth=self._teeth[int(person.track.person[source])],
        )
        return paint_mouth(crop, skin, inputs)

    def _find_block(self, frame: int) -> "_MotionBlock":
        """Return the block that holds ``frame``: the last one used, or a new one."""
        number = frame // BLOCK_FRAMES
        if self._block is None or self._block.number != number:
            self._block = self._compute_block(number)
        return self._block

    def _compute_block(self, number: int) -> "_MotionBlock":
        plan = self.plan
        last = min((number + 1) * BLOCK_FRAMES, len(plan.boxes))
        frames = [k for k in range(number * BLOCK_FRAMES, last) if plan.boxes[k] is not None]
        has_donor = np.where(plan.donors.first[frames] < len(self._bank), 1, 0)
        sources, strength = plan.sources[frames].astype(np.intp), plan.strength[frames]
        steadying = steady_shapes(self._person, sources, self._basis)
        motion = compute_motion(
            self._person,
            sources,
            plan.drawn_targets[frames],
            np.maximum(strength * has_donor, plan.painted_shares[frames]),
            self._basis,
            strength[:, None, None] * steadying,
        )
        return _MotionBlock(number, {frame: place for place, frame in enumerate(frames)}, motion)

    def _donor_mouths(self, frame: int, own_mouth: "_DonorSource") -> tuple[DonorMouth, ...]:
        """Return the donors of a frame with their shares; the frame's own mouth fills the rest."""
        selection, strength = self.plan.donors, float(self.plan.strength[frame])
        share = strength * float(selection.share[frame])
        portions = [
            (int(selection.first[frame]), strength - share),
            (int(selection.second[frame]), share),
        ]
        others = [
            (donor, portion)
            for donor, portion in portions
            if donor < len(self._bank) and portion > 0
        ]
        rest = 1 - float(self.plan.painted_shares[frame]) - sum(portion for _, portion in others)
        mouths = [self._donor_source(donor).with_share(portion) for donor, portion in others]
        if rest > 0:
            mouths.append(own_mouth.with_share(rest))
        return tuple(mouths)

    def _donor_source(self, donor: int) -> "_DonorSource":
        bank = self._bank
        patch = torch.from_numpy(bank.patches[donor]).to(self._device).float()
        skin = torch.from_numpy(bank.skin[donor]).to(self._device)
        axes = self._person.planes.axes[bank.sources[donor]]
        return _DonorSource(patch, patch_view(*patch.shape[1:]), axes, skin, self._lips, donor)


def inner_lips(points: Floats) -> InnerLips:
    """Return the inner lips of faces with landmarks (B, 478, 2) in the plane."""
    return InnerLips(inner_lip_lines(points), points[:, [INNER_UPPER_LIP[0], INNER_UPPER_LIP[-1]]])


def compute_motion(
    person: Person,
    sources: NDArray[np.intp],
    target: Floats,
    replaced_share: Floats,
    basis: Floats,
    steadying: Floats | None = None,
) -> MouthMotion:
    """Return the motion of B output frames.

    The frames show the pictures ``sources`` (B,) with the mouth parameters ``target`` (B, 4).
    ``replaced_share``: (B,), the share of the mouth's inside that comes from elsewhere, 0-1;
    ``basis``: (4, 478, 3), as in ``MouthShape``; ``steadying``: (B, 478, 3), a movement as from
    ``steady_shapes`` that comes before; None: none.
    """
    canonical = person.canonical_landmarks(sources)
    current = person.plane_landmarks(sources)
    steady = canonical if steadying is None else canonical + steadying
    movement = move_landmarks(steady, target, basis) - canonical
    drawn = current + person.planes.project_movement(sources, movement)
    closing, distance = measure_tuck(current, drawn)
    tuck = np.maximum(closing, replaced_share * interior_visibility(current))
    depth = tuck_depth(tuck, distance * closing, person.pose.scale[sources])
    return MouthMotion(
        build_warp_fields(current, drawn, depth, closing), inner_lips(current), closing
    )


@dataclass(frozen=True, slots=True)
class _MotionBlock:
    """The motion of the drawn frames of one block."""

    number: int
    rows: dict[int, int]
    """Frame number to row of ``motion``."""
    motion: MouthMotion


@dataclass(frozen=True, slots=True)
class _DonorSource:
    """A picture of a mouth that can lend its inside."""

    picture: torch.Tensor
    view: PlaneView
    axes: Floats
    skin: torch.Tensor
    lips: InnerLips
    row: int
    """The picture's row in ``lips``."""

    def with_share(self, share: float) -> DonorMouth:
        """Return the mouth as a donor of ``share``, 0-1."""
        left, right = (float(x) for x in self.lips.corners[self.row, :, 0])
        lines = torch.from_numpy(self.lips.lines[self.row]).to(self.picture.device)
        return DonorMouth(
            self.picture, self.view, self.axes, self.skin, lines, (left, right), share
        )
