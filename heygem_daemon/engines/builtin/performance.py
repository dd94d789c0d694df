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
from heygem_daemon.engines.builtin.motion import (
    InnerLips,
    MouthMotion,
    compute_donor_motion,
    compute_motion,
    inner_lips,
)
from heygem_daemon.engines.builtin.painter import PaintInputs, measure_skin_colour, paint_mouth
from heygem_daemon.engines.builtin.warp.mouth_plane import PlaneView, crop_view
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.engines.builtin.warp.steadying import steady_shapes
from heygem_daemon.engines.builtin.whole_mouth import WholeMouth, blend_whole_mouths

BLOCK_FRAMES = 16
"""Output frames whose motion is computed at once."""
SHARPNESS_SAMPLES = 24
"""Approximate number of mouths of a bank from which the usual sharpness is measured."""


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
    """Whose mouth is shown, with its lips and the skin around them."""
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
            donors=self._inside(frame, own_mouth),
            painted_share=float(plan.painted_shares[frame]),
            closing=float(motion.closing[row]),
            black=self._black,
            usual_sharpness=self._usual,
            borrowed=self._borrowed,
            teeth=self._teeth[int(person.track.person[source])],
        )
        painted = paint_mouth(crop, skin, inputs)
        blend_whole_mouths(painted, inputs, self._whole_mouths(frame, block))
        return painted

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
        sources, strength = plan.sources[frames].astype(np.intp), plan.strength[frames]
        steadying = steady_shapes(self._person, sources, self._basis)
        motion = compute_motion(
            self._person,
            sources,
            plan.drawn_targets[frames],
            plan.painted_shares[frames],
            self._basis,
            strength[:, None, None] * steadying,
        )
        lent = [(frame, *portion) for frame in frames for portion in self._portions(frame)]
        shown = [frame for frame, _, _ in lent]
        donor_motion = compute_donor_motion(
            self._person,
            plan.sources[shown].astype(np.intp),
            self._bank.sources[[donor for _, donor, _ in lent]].astype(np.intp),
            plan.targets[shown],
            self._basis,
            _mixture(np.array(shown), np.array([share for _, _, share in lent], np.float32)),
        )
        return _MotionBlock(
            number,
            {frame: place for place, frame in enumerate(frames)},
            motion,
            {(frame, donor): place for place, (frame, donor, _) in enumerate(lent)},
            donor_motion,
        )

    def _portions(self, frame: int) -> list[tuple[int, float]]:
        """Return the donors of a frame with their shares; its own mouth has the rest."""
        selection, strength = self.plan.donors, float(self.plan.strength[frame])
        share = strength * float(selection.share[frame])
        portions = [
            (int(selection.first[frame]), strength - share),
            (int(selection.second[frame]), share),
        ]
        return [
            (donor, portion)
            for donor, portion in portions
            if donor < len(self._bank) and portion > 0
        ]

    def _inside(self, frame: int, own_mouth: "_DonorSource") -> tuple[DonorMouth, ...]:
        """Return what lends the inside to the frame's own mouth: itself, if any of it is seen."""
        covered = sum(portion for _, portion in self._portions(frame))
        share = 1 - float(self.plan.painted_shares[frame])
        return (own_mouth.with_share(share),) if covered < 1 and share > 0 else ()

    def _whole_mouths(self, frame: int, block: "_MotionBlock") -> tuple[WholeMouth, ...]:
        motion = block.donor_motion
        rows = [(block.donor_rows[frame, d], d, share) for d, share in self._portions(frame)]
        return tuple(
            WholeMouth(
                self._donor_source(donor).with_share(share),
                motion.fields,
                row,
                float(motion.closing[row]),
            )
            for row, donor, share in rows
        )

    def _donor_source(self, donor: int) -> "_DonorSource":
        bank = self._bank
        patch = torch.from_numpy(bank.patches[donor]).to(self._device).float()
        skin = torch.from_numpy(bank.skin[donor]).to(self._device)
        axes = self._person.planes.axes[bank.sources[donor]]
        return _DonorSource(patch, patch_view(*patch.shape[1:]), axes, skin, self._lips, donor)


def _mixture(frames: NDArray[np.intp], shares: Floats) -> Floats:
    """Return (B, B), the share of each of B mouths in what its frame shows, 0 in others."""
    weights = (frames[:, None] == frames) * shares
    mixture: Floats = weights / weights.sum(axis=1, keepdims=True)
    return mixture


@dataclass(frozen=True, slots=True)
class _MotionBlock:
    """The motion of the drawn frames of one block."""

    number: int
    rows: dict[int, int]
    """Frame number to row of ``motion``."""
    motion: MouthMotion
    """Of the own mouths."""
    donor_rows: dict[tuple[int, int], int]
    """Frame number and donor number to row of ``donor_motion``."""
    donor_motion: MouthMotion
    """Of the donors."""


@dataclass(frozen=True, slots=True)
class _DonorSource:
    """A picture of a mouth that can be shown."""

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
