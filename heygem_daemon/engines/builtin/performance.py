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
from heygem_daemon.engines.builtin.interior.donor_selection import Cast
from heygem_daemon.engines.builtin.interior.mouth_bank import Bank, patch_view
from heygem_daemon.engines.builtin.interior.mouth_interior import Loan, usual_edges
from heygem_daemon.engines.builtin.painter import Scene, paint, skin_around
from heygem_daemon.engines.builtin.warp.aim import agape, moved_points, tuck_depth, tuck_of
from heygem_daemon.engines.builtin.warp.field import Fields, fields, inner_lines
from heygem_daemon.engines.builtin.warp.mouth_plane import View, view_of
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.landmarks import INNER_UPPER

BLOCK = 16
"""Output frames whose movement is computed at once."""


@dataclass(frozen=True, slots=True)
class Lips:
    """Inner lips of B faces in the mouth's plane. ``lines``: (B, 2, LINE) the y of the upper and
    the lower one at each x; ``corners``: (B, 2, 2) where they end."""

    lines: Floats
    corners: Floats


@dataclass(frozen=True, slots=True)
class Motion:
    """``fields`` of B output frames; ``lips`` as they are in the source pictures; ``closed``:
    (B,), how much the mouth closes over its teeth, 0-1."""

    fields: Fields
    lips: Lips
    closed: Floats


def lips_of(points: Floats) -> Lips:
    """The inner lips of faces with points (B, 478, 2) in the plane."""
    return Lips(inner_lines(points), points[:, [INNER_UPPER[0], INNER_UPPER[-1]]])


def motion_of(
    person: Person, sources: NDArray[np.intp], wanted: Floats, replaced: Floats, basis: Floats
) -> Motion:
    """The motion of B output frames that show the pictures ``sources`` (B,) with the mouth
    parameters ``wanted`` (B, 4). ``replaced``: (B,), how much of the mouth's inside comes from
    elsewhere, 0-1; ``basis`` (4, 478, 3) as in ``MouthShape``."""
    canonical = person.canonical(sources)
    now = person.in_plane(sources)
    moved = moved_points(canonical, wanted, basis) - canonical
    then = now + person.planes.moved(sources, moved)
    closed, less = tuck_of(now, then)
    tuck = np.maximum(closed, replaced * agape(now))
    edges = tuck_depth(tuck, less * closed, person.pose.scale[sources])
    return Motion(fields(now, then, edges, closed), lips_of(now), closed)


MEASURED = 24
"""Mouths of a bank that tell how soft its pictures are, about."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is decided for each of N output frames.

    ``sources``: (N,) source picture; ``boxes``: region or None; ``wanted``: (N, 4) mouth
    parameters to be seen; ``asked``: (N, 4) those to be drawn for it; ``strength``: (N,) 0
    untouched … 1; ``cast``: who lends the mouth's inside; ``painted``: (N,) share of the inside
    that is painted.
    """

    sources: NDArray[np.int32]
    boxes: list[Box | None]
    wanted: Floats
    asked: Floats
    strength: Floats
    cast: Cast
    painted: Floats


class MouthPerformance(FullColourPerformance):
    """Draws a script. What a frame shows depends on its number alone, not on its batch."""

    def __init__(
        self,
        script: Script,
        person: Person,
        bank: Bank,
        basis: Floats,
        black: float,
        device: torch.device,
        summary: PerformanceSummary,
    ) -> None:
        self.script = script
        self._person = person
        self._bank = bank
        self._basis = basis
        self._black = black
        self._device = device
        self._summary = summary
        self._lips = lips_of(person.in_plane(bank.sources.astype(np.intp)))
        self._block: _Block | None = None
        few = range(0, len(bank), max(1, len(bank) // MEASURED))
        self._usual = usual_edges(self._lender(donor).loan(1.0) for donor in few)

    @property
    def summary(self) -> PerformanceSummary:
        return self._summary

    @property
    def wanted(self) -> Floats:
        return self.script.wanted

    def region(self, frame: int) -> Box | None:
        return self.script.boxes[frame]

    @torch.inference_mode()
    def draw(self, frames: Sequence[int], crops: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [self._draw(frame, crop) for frame, crop in zip(frames, crops, strict=True)]

    def _draw(self, frame: int, crop: torch.Tensor) -> torch.Tensor:
        script, person = self.script, self._person
        box, source = script.boxes[frame], script.sources[frame]
        assert box is not None, "a frame without a region is passed through"
        block = self._block_of(frame)
        at, motion = block.places[frame], block.motion
        view = view_of(person.planes.axes[source], person.planes.origin[source], box)
        skin = skin_around(crop, view)
        own = _Lender(crop, view, view.axes, skin, motion.lips, at)
        scene = Scene(
            view=view,
            fields=motion.fields,
            at=at,
            loans=self._loans(frame, own),
            painted=float(script.painted[frame]),
            closed=float(motion.closed[at]),
            black=self._black,
            usual=self._usual,
        )
        return paint(crop, skin, scene)

    def _block_of(self, frame: int) -> "_Block":
        """The block of frames that holds ``frame``: the last one used, or computed now."""
        number = frame // BLOCK
        if self._block is None or self._block.number != number:
            self._block = self._computed(number)
        return self._block

    def _computed(self, number: int) -> "_Block":
        script = self.script
        last = min((number + 1) * BLOCK, len(script.boxes))
        frames = [k for k in range(number * BLOCK, last) if script.boxes[k] is not None]
        borrowed = np.where(script.cast.first[frames] < len(self._bank), 1, 0)
        motion = motion_of(
            self._person,
            script.sources[frames].astype(np.intp),
            script.asked[frames],
            np.maximum(script.strength[frames] * borrowed, script.painted[frames]),
            self._basis,
        )
        return _Block(number, {frame: place for place, frame in enumerate(frames)}, motion)

    def _loans(self, frame: int, own: "_Lender") -> tuple[Loan, ...]:
        """Who lends how much; what nobody else lends or paints is the frame's own."""
        cast, strength = self.script.cast, float(self.script.strength[frame])
        share = strength * float(cast.share[frame])
        parts = [(int(cast.first[frame]), strength - share), (int(cast.second[frame]), share)]
        others = [(donor, part) for donor, part in parts if donor < len(self._bank) and part > 0]
        rest = 1 - float(self.script.painted[frame]) - sum(part for _, part in others)
        loans = [self._lender(donor).loan(part) for donor, part in others]
        if rest > 0:
            loans.append(own.loan(rest))
        return tuple(loans)

    def _lender(self, donor: int) -> "_Lender":
        bank = self._bank
        patch = torch.from_numpy(bank.patches[donor]).to(self._device).float()
        skin = torch.from_numpy(bank.skin[donor]).to(self._device)
        axes = self._person.planes.axes[bank.sources[donor]]
        return _Lender(patch, patch_view(*patch.shape[1:]), axes, skin, self._lips, donor)


@dataclass(frozen=True, slots=True)
class _Block:
    """The ``motion`` of the drawn frames of one block; ``places``: frame → its row there."""

    number: int
    places: dict[int, int]
    motion: Motion


@dataclass(frozen=True, slots=True)
class _Lender:
    picture: torch.Tensor
    view: View
    axes: Floats
    skin: torch.Tensor
    lips: Lips
    at: int

    def loan(self, share: float) -> Loan:
        left, right = (float(x) for x in self.lips.corners[self.at, :, 0])
        lines = torch.from_numpy(self.lips.lines[self.at]).to(self.picture.device)
        return Loan(self.picture, self.view, self.axes, self.skin, lines, (left, right), share)
