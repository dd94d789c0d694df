"""How one face speaks one sound with its own mouth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box, Performance, PerformanceSummary
from heygem_daemon.engines.builtin.aim import moved_points, tuck_depth, tuck_of
from heygem_daemon.engines.builtin.bank import Bank
from heygem_daemon.engines.builtin.casting import Cast
from heygem_daemon.engines.builtin.field import fields, inner_lines
from heygem_daemon.engines.builtin.painter import Loan, Scene, paint
from heygem_daemon.engines.builtin.person import Person
from heygem_daemon.engines.builtin.warping import view_of
from heygem_daemon.face.landmarks import INNER_UPPER

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Script:
    """What is decided for each of N output frames.

    ``sources``: (N,) source picture; ``boxes``: region or None; ``wanted``: (N, 4) mouth
    parameters; ``strength``: (N,) 0 untouched … 1; ``cast``: who lends the mouth's inside;
    ``painted``: (N,) share of the inside that is painted.
    """

    sources: NDArray[np.int32]
    boxes: list[Box | None]
    wanted: Floats
    strength: Floats
    cast: Cast
    painted: Floats


class MouthPerformance(Performance):
    """Draws a script. Every frame is computed for itself, so batches cannot change it."""

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
        in_plane = person.in_plane(bank.sources.astype(np.intp))
        self._patches = torch.from_numpy(bank.patches).to(device)
        self._skin = torch.from_numpy(bank.skin).to(device)
        self._lines = torch.from_numpy(inner_lines(in_plane)).to(device)
        self._corners = in_plane[:, [INNER_UPPER[0], INNER_UPPER[-1]]]

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
        return [paint(crop, self._scene(frame)) for frame, crop in zip(frames, crops, strict=True)]

    def _scene(self, frame: int) -> Scene:
        script, person = self.script, self._person
        box = script.boxes[frame]
        assert box is not None, "a frame without a region is passed through"
        source = script.sources[frame : frame + 1].astype(np.intp)
        canonical = person.canonical(source)
        moved = moved_points(canonical, script.wanted[frame : frame + 1], self._basis)
        now = person.in_plane(source)
        wanted = now + person.planes.moved(source, moved - canonical)
        tuck = tuck_of(now, wanted)
        loans, painted = self._loans(frame), float(script.painted[frame])
        replaced = sum(loan.share for loan in loans) + painted
        edges = tuck_depth(np.maximum(tuck, np.float32(replaced)), person.pose.scale[source])
        return Scene(
            view=view_of(person.planes.axes[source[0]], person.planes.origin[source[0]], box),
            fields=fields(now, wanted, edges),
            loans=loans,
            painted=painted,
            closed=float(tuck[0]),
            black=self._black,
        )

    def _loans(self, frame: int) -> tuple[Loan, ...]:
        cast, strength = self.script.cast, float(self.script.strength[frame])
        share = float(cast.share[frame])
        parts = [(cast.first[frame], strength * (1 - share))]
        if share > 0:
            parts.append((cast.second[frame], strength * share))
        return tuple(
            Loan(
                self._patches[donor],
                self._skin[donor],
                self._lines[donor],
                self._corners[donor],
                part,
            )
            for donor, part in parts
            if donor < len(self._bank)
        )
