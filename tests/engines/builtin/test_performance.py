from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from heygem_daemon.engines.base import Box, Template
from heygem_daemon.engines.builtin.interior.shipped_interior import ShippedInterior
from heygem_daemon.engines.builtin.performance import MouthPerformance
from heygem_daemon.engines.builtin.planner import SummaryAdditions, build_performance, fill_gaps
from heygem_daemon.engines.builtin.targets.speaking_style import CLOSED_APERTURE
from heygem_daemon.engines.builtin.warp.aim import MouthShape
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.face.reading.pose import fit_pose
from heygem_daemon.face.tracking import mouth
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.draw import extract_patch, to_region

CPU = torch.device("cpu")
FRAMES = 40
FIRST = 92
"""The output shows the presenter's pictures 92 to 131: first closed, then open."""


def wave(person: Person) -> NDArray[np.float32]:
    """Return targets that open and close the mouth every 12 frames, once closed in full."""
    targets = fill_gaps(person.parameters)[FIRST : FIRST + FRAMES].copy()
    swing = 0.5 - 0.5 * np.cos(np.arange(FRAMES) * 2 * np.pi / 12)
    jaw = 0.45 * (0.18 * swing - targets[:, mouth.APERTURE])
    targets[:, mouth.APERTURE] = 0.18 * swing
    targets[:, mouth.JAW] += jaw
    return targets


@pytest.fixture(scope="module")
def performance(
    presenter: Template, person: Person, shape: MouthShape, interior: ShippedInterior
) -> MouthPerformance:
    sources = np.arange(FIRST, FIRST + FRAMES, dtype=np.int32)
    return build_performance(presenter, person, sources, wave(person), shape, interior, CPU)


@pytest.fixture(scope="module")
def pictures(presenter: Template) -> list[Picture]:
    with VideoReader(presenter.video) as reader:
        return list(reader.read_range(FIRST, FIRST + FRAMES))


def crops(performance: MouthPerformance, pictures: list[Picture]) -> list[torch.Tensor]:
    return [extract_patch(pictures[k], region(performance, k)).to_yuv444() for k in range(FRAMES)]


def region(performance: MouthPerformance, frame: int) -> Box:
    box = performance.region(frame)
    assert box is not None
    return box


def test_the_drawn_mouth_follows_the_targets(
    performance: MouthPerformance,
    pictures: list[Picture],
    person: Person,
    reference: NDArray[np.float32],
    presenter: Template,
) -> None:
    boxes = [region(performance, k) for k in range(FRAMES)]
    patches = [extract_patch(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    painted = performance.paint(range(FRAMES), patches)
    shown = [
        picture.with_region(to_region(box, patch))
        for picture, box, patch in zip(pictures, boxes, painted, strict=True)
    ]
    weights = presenter.video.parents[1] / "weights" / "builtin"
    track = FaceTracker.load(weights).track(shown)
    canonical = fit_pose(track.landmarks, reference).to_canonical(track.landmarks)
    measured, targets = mouth.measure_mouth(canonical)[:, 0], performance.plan.targets[:, 0]
    assert np.corrcoef(measured, targets)[0, 1] > 0.95
    assert measured[targets < 0.01].max() < 0.03


def test_the_targets_are_published_for_the_review(performance: MouthPerformance) -> None:
    assert np.array_equal(performance.target_parameters, performance.plan.targets)


def test_batches_and_order_change_nothing(
    performance: MouthPerformance, pictures: list[Picture]
) -> None:
    before = crops(performance, pictures)
    at_once = performance.draw(range(FRAMES), before)
    backwards = [performance.draw([k], [before[k]])[0] for k in reversed(range(FRAMES))]
    assert all(torch.equal(a, b) for a, b in zip(at_once, backwards[::-1], strict=True))


def test_the_border_of_the_region_is_untouched(
    performance: MouthPerformance, pictures: list[Picture]
) -> None:
    before = crops(performance, pictures)
    for old, new in zip(before, performance.draw(range(FRAMES), before), strict=True):
        assert not torch.equal(old, new)
        for rim in (np.s_[:, :2], np.s_[:, -2:], np.s_[:, :, :2], np.s_[:, :, -2:]):
            assert torch.equal(old[rim], new[rim])


def test_frames_without_a_face_are_passed_through_and_counted(
    presenter: Template, person: Person, shape: MouthShape, interior: ShippedInterior
) -> None:
    present = presenter.track.present.copy()
    present[100:105] = False
    track = replace(presenter.track, present=present)
    sources = np.arange(FIRST, FIRST + FRAMES, dtype=np.int32)
    gone = build_performance(
        presenter, replace(person, track=track), sources, wave(person), shape, interior, CPU
    )
    passed = [k for k in range(FRAMES) if gone.region(k) is None]
    assert passed == list(range(8, 13))
    assert gone.summary.passed_through == {"no face found": 5 / FRAMES}
    assert gone.summary.coverage == 1 - 5 / FRAMES


@pytest.fixture(scope="module")
def unopened(
    presenter: Template, person: Person, shape: MouthShape, interior: ShippedInterior
) -> MouthPerformance:
    """Return the performance of somebody whose own mouth is never seen open."""
    parameters = person.parameters.copy()
    parameters[:, mouth.APERTURE] = 0.0
    sources = np.arange(FIRST, FIRST + FRAMES, dtype=np.int32)
    closed = replace(person, parameters=parameters)
    return build_performance(presenter, closed, sources, wave(person), shape, interior, CPU)


def test_a_mouth_that_never_opens_borrows_its_inside(
    unopened: MouthPerformance, pictures: list[Picture]
) -> None:
    assert any("borrowed" in warning for warning in unopened.summary.warnings)
    assert unopened.plan.painted_shares.max() == 1.0
    wide = int(unopened.plan.targets[:, mouth.APERTURE].argmax())
    before = extract_patch(pictures[wide], region(unopened, wide)).to_yuv444()
    after = unopened.draw([wide], [before])[0]
    assert (after[0] - before[0]).min() < -30


def test_a_borrowed_inside_is_the_same_in_any_batch_and_order(
    unopened: MouthPerformance, pictures: list[Picture]
) -> None:
    before = crops(unopened, pictures)
    at_once = unopened.draw(range(FRAMES), before)
    backwards = [unopened.draw([k], [before[k]])[0] for k in reversed(range(FRAMES))]
    assert all(torch.equal(a, b) for a, b in zip(at_once, backwards[::-1], strict=True))


def test_lips_that_stay_shut_give_no_warning_about_teeth(
    presenter: Template, person: Person, shape: MouthShape, interior: ShippedInterior
) -> None:
    parameters = person.parameters.copy()
    parameters[:, mouth.APERTURE] = 0.004
    sources = np.arange(FIRST, FIRST + FRAMES, dtype=np.int32)
    targets = parameters[sources].copy()
    targets[:, mouth.APERTURE] = CLOSED_APERTURE
    still_person = replace(person, parameters=parameters)
    silent = build_performance(
        presenter,
        still_person,
        sources,
        targets,
        shape,
        interior,
        CPU,
        SummaryAdditions({}, ("Nothing to say.",)),
    )
    assert silent.summary.figures["mouths_in_bank"] == 0
    assert silent.summary.warnings == ("Nothing to say.",)
