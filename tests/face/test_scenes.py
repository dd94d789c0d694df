"""Scenes with other people and things: who is followed, and when the mouth is left alone."""

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest

from heygem_daemon.config.choices import FaceChoice
from heygem_daemon.face.tracking.smoothing import FaceSample
from heygem_daemon.face.tracking.track import MouthProblem, Track
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture
from tests.face.scenes import (
    PORTRAIT_HEAD,
    comes_and_goes,
    cut_out,
    empty,
    numbered,
    pasted,
    theatre_mask,
    with_cloth_mask,
    with_hand,
    with_microphone,
)

pytestmark = pytest.mark.slow

NOSE = 1


def nose(sample: FaceSample) -> float:
    return float(sample.landmarks[NOSE, 0])


def problem_runs(samples: list[FaceSample]) -> list[tuple[MouthProblem, int]]:
    """Return the runs of one problem, with their lengths."""
    return [
        (problem, sum(1 for _ in run)) for problem, run in groupby(each.trouble for each in samples)
    ]


@pytest.fixture(scope="module")
def pair(presenter: list[Picture], portrait: Picture) -> list[Picture]:
    """The presenter on the left, the astronaut on the right, both of about the same size."""
    wall = empty(840, 400, portrait)
    beside = pasted(wall, portrait, 440, 0)
    return numbered([pasted(beside, picture, 10, 60) for picture in presenter[:10]])


@pytest.fixture(scope="module")
def base(tracker: FaceTracker, presenter: list[Picture]) -> Track:
    return tracker.track(presenter)


@pytest.mark.parametrize(
    ("choice", "x"), [("largest", 225), ("left", 225), ("right", 665), (1, 225), (2, 665)]
)
def test_the_chosen_one_of_two_is_followed(
    tracker: FaceTracker, pair: list[Picture], choice: FaceChoice, x: float
) -> None:
    samples = list(tracker.follow(pair, choice))
    assert [nose(sample) for sample in samples] == pytest.approx([x] * 10, abs=20)
    assert {sample.face_count for sample in samples} >= {2} or choice == "largest"


def test_choosing_a_third_face_of_two_finds_none(tracker: FaceTracker, pair: list[Picture]) -> None:
    samples = list(tracker.follow(pair, 3))
    assert problem_runs(samples) == [(MouthProblem.OTHER_PERSON, 10)]
    assert samples[0].face_count == 2


@pytest.fixture(scope="module")
def passing(presenter: list[Picture], portrait: Picture) -> list[Picture]:
    """The astronaut passes in front of the presenter, from right to left, and hides him."""
    wall = empty(640, 400, portrait)
    return numbered(
        [
            cut_out(pasted(wall, picture, 120, 60), portrait, PORTRAIT_HEAD, 700 - 10 * k, 200)
            for k, picture in enumerate(presenter)
        ]
    )


def test_a_person_hidden_by_another_is_followed_again_afterwards(
    tracker: FaceTracker, passing: list[Picture]
) -> None:
    samples = list(tracker.follow(passing, "largest"))
    assert [problem for problem, _ in problem_runs(samples)] == [
        MouthProblem.NONE,
        MouthProblem.OTHER_PERSON,
        MouthProblem.NONE,
    ]
    noses = [nose(sample) for sample in samples if sample.present]
    assert noses == pytest.approx([335] * len(noses), abs=20)


def test_a_person_who_passes_in_front_of_another_is_followed(
    tracker: FaceTracker, passing: list[Picture]
) -> None:
    samples = list(tracker.follow(passing, "left"))
    noses = [(k, nose(each)) for k, each in enumerate(samples) if each.present]
    assert len(noses) > 40
    for k, x in noses:
        assert x == pytest.approx(700 - 10 * k, abs=30)


@pytest.mark.parametrize("cover", [with_microphone, with_hand])
def test_a_mouth_is_free_covered_and_free_again(
    tracker: FaceTracker,
    presenter: list[Picture],
    base: Track,
    cover: Callable[..., Picture],
) -> None:
    near = comes_and_goes(len(presenter), 35, 48)
    scene = [
        cover(picture, base.landmarks[k], near[k]) if near[k] > 0 else picture
        for k, picture in enumerate(presenter)
    ]
    runs = problem_runs(list(tracker.follow(scene)))
    assert [problem for problem, _ in runs] == [
        MouthProblem.NONE,
        MouthProblem.COVERED,
        MouthProblem.NONE,
    ]
    assert 29 <= runs[0][1] <= 35
    assert 14 <= runs[1][1] <= 28


def test_a_face_that_leaves_the_picture_is_left_alone_when_its_lips_are_cut(
    tracker: FaceTracker, presenter: list[Picture], portrait: Picture
) -> None:
    wall = empty(400, 300, portrait)
    scene = numbered([pasted(wall, each, 10 * k, 0) for k, each in enumerate(presenter[:35])])
    samples = list(tracker.follow(scene))
    order = [problem for problem, _ in problem_runs(samples)]
    assert order == [MouthProblem.NONE, MouthProblem.OUT_OF_PICTURE, MouthProblem.NO_FACE]
    free = [each for each in samples if each.trouble is MouthProblem.NONE]
    assert all((each.landmarks[[61, 291, 0, 17], 0] < 400).all() for each in free)


def test_another_person_does_not_become_the_speaker_within_a_shot(
    tracker: FaceTracker, presenter: list[Picture], portrait: Picture
) -> None:
    wall = pasted(empty(840, 400, portrait), portrait, 440, 0)
    scene = [pasted(wall, each, 10, 60) for each in presenter[:24]]
    hidden = empty(840, 400, presenter[0], luma=int(np.median(presenter[0].y)))
    left = pasted(hidden, portrait, 440, 0)
    samples = list(tracker.follow(numbered([*scene, *[left] * 12]), "left"))
    assert problem_runs(samples)[0] == (MouthProblem.NONE, 24)
    assert all(nose(each) < 400 for each in samples if each.present)
    assert [each.trouble for each in samples[-12:]] == [MouthProblem.OTHER_PERSON] * 12


def test_after_a_cut_another_person_has_another_number(
    tracker: FaceTracker, presenter: list[Picture], portrait: Picture
) -> None:
    other = pasted(empty(400, 300, portrait, luma=200), portrait, 0, 0)
    scene = [*presenter[:6], *[other] * 6, *presenter[6:12]]
    people = [each.person for each in tracker.follow(numbered(scene))]
    assert people == [0] * 6 + [1] * 6 + [0] * 6


def test_a_single_picture_is_tracked(tracker: FaceTracker, portrait: Picture) -> None:
    track = tracker.track([portrait])
    assert track.coverage == 1.0
    assert track.usable.all()


def test_under_a_mask_of_cloth_there_is_no_mouth(
    tracker: FaceTracker, presenter: list[Picture], base: Track
) -> None:
    scene = [with_cloth_mask(each, base.landmarks[k]) for k, each in enumerate(presenter[:10])]
    track = tracker.track(scene)
    assert not track.usable.any()


def test_a_theatre_mask_is_no_human_face(tracker: FaceTracker, presenter: list[Picture]) -> None:
    track = tracker.track(numbered([theatre_mask(presenter[0])] * 4))
    assert track.trouble.tolist() == [MouthProblem.NOT_HUMAN] * 4
    assert not track.present.any()
