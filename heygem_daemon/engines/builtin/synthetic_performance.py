"""A performance without a video behind it, in which everything is drawn that can be."""

import numpy as np
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import PerformanceSummary, Template
from heygem_daemon.engines.builtin.interior.donor_selection import DonorSelection
from heygem_daemon.engines.builtin.interior.mouth_bank import MouthBank
from heygem_daemon.engines.builtin.performance import MouthPerformance, MouthPlan
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import measure_person
from heygem_daemon.face.tracking.mouth import APERTURE, JAW

ADDED_APERTURE = 0.15
"""How far the mouth opens, IOD: half of it is painted, half its own."""


def build_synthetic_performance(
    template: Template,
    sources: NDArray[np.int32],
    reference: NDArray[np.float32],
    shape: MouthShape,
    device: torch.device,
) -> MouthPerformance:
    """The face of ``template`` with a wide open mouth, in frames that show ``sources``."""
    person = measure_person(template.track, reference)
    frames = len(sources)
    wanted = person.parameters[sources].copy()
    wanted[:, APERTURE] += ADDED_APERTURE
    wanted[:, JAW] += ADDED_APERTURE / 2
    nobody = np.zeros(frames, np.int32)
    script = MouthPlan(
        sources=sources,
        boxes=[
            person.planes.region_box(source, template.width, template.height)
            for source in sources.tolist()
        ],
        targets=wanted.astype(np.float32),
        drawn_targets=wanted.astype(np.float32),
        strength=np.ones(frames, np.float32),
        donors=DonorSelection(nobody, nobody, np.zeros(frames, np.float32)),
        painted_shares=np.full(frames, 0.5, np.float32),
    )
    empty = np.zeros((0, 3, 1, 1), np.uint8)
    bank = MouthBank(empty, np.zeros(0, np.int32), np.zeros((0, 3), np.float32))
    summary = PerformanceSummary(coverage=1.0)
    return MouthPerformance(script, person, bank, shape.basis, 16.0, device, summary)
