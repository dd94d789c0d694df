import numpy as np
import torch

from benchmarks.lips.steadiness import Changes
from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.planner import build_performance
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.draw import extract_patch, to_region

SPEAKING = np.arange(92, 132, dtype=np.int32)
"""The presenter's mouth opens and closes in these pictures."""


def test_a_mouth_that_is_held_shut_changes_less_than_the_speaking_one_below_it(
    presenter: Template, person: Person, shape: MouthShape, interior: ShippedInterior
) -> None:
    targets = np.repeat(np.nanmedian(person.parameters, axis=0)[None], len(SPEAKING), axis=0)
    targets[:, APERTURE] = 0
    device = torch.device("cpu")
    performance = build_performance(presenter, person, SPEAKING, targets, shape, interior, device)
    filmed, drawn = Changes(person, SPEAKING), Changes(person, SPEAKING)
    with VideoReader(presenter.video) as reader:
        pictures = list(reader.read_range(int(SPEAKING[0]), int(SPEAKING[-1]) + 1))
    shown = []
    for frame, picture in enumerate(pictures):
        box = performance.region(frame)
        assert box is not None
        (painted,) = performance.paint([frame], [extract_patch(picture, box)])
        shown.append(picture.with_region(to_region(box, painted)))
    list(filmed.observe(pictures))
    list(drawn.observe(shown))
    assert np.nanmean(drawn.values) < 0.81 * np.nanmean(filmed.values)
