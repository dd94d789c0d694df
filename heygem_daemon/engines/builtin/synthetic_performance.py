"""A performance without a source video, in which everything is drawn that the engine can draw."""

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import PerformanceSummary, Template
from heygem_daemon.engines.builtin.interior.borrowed_interior import borrow_interior
from heygem_daemon.engines.builtin.interior.donor_selection import DonorSelection
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.performance import MouthPerformance, MouthPlan
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import measure_person
from heygem_daemon.face.tracking.mouth import APERTURE, JAW

ADDED_APERTURE = 0.15
"""How far the mouth opens, IOD; half of its inside is painted, half is its own."""


def build_synthetic_performance(
    template: Template,
    sources: NDArray[np.int32],
    reference: NDArray[np.float32],
    shape: MouthShape,
    interior: ShippedInterior,
    device: torch.device,
) -> MouthPerformance:
    """Return the face of ``template`` with its mouth wide open, in frames that show ``sources``."""
    person = measure_person(template.track, reference)
    frames = len(sources)
    targets = person.parameters[sources].copy()
    targets[:, APERTURE] += ADDED_APERTURE
    targets[:, JAW] += ADDED_APERTURE / 2
    no_donor = np.zeros(frames, np.int32)
    plan = MouthPlan(
        sources=sources,
        boxes=[
            person.planes.region_box(source, template.width, template.height)
            for source in sources.tolist()
        ],
        targets=targets.astype(np.float32),
        drawn_targets=targets.astype(np.float32),
        strength=np.ones(frames, np.float32),
        donors=DonorSelection(no_donor, no_donor, np.zeros(frames, np.float32)),
        painted_shares=np.full(frames, 0.5, np.float32),
    )
    empty = np.zeros((0, 3, 1, 1), np.uint8)
    bank = MouthBank(
        empty, np.zeros(0, np.int32), np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    )
    summary = PerformanceSummary(coverage=1.0)
    borrowed = borrow_interior(interior, device)
    return MouthPerformance(plan, person, bank, borrowed, shape.basis, 16.0, device, summary)
