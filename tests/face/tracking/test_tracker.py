import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.face.tracking.shots import BLOCK_PICTURES
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.picture import Picture


class Handed(Picture):
    """A picture that can be watched."""

    __slots__ = ("__weakref__",)


def blank(like: Picture, index: int, luma: int = 16) -> Picture:
    grey = np.full_like(like.u, 128)
    return Picture(index, np.full_like(like.y, luma), grey, grey.copy(), like.colour)


def shifted(picture: Picture, right: int) -> Picture:
    planes = (
        np.roll(p, s, axis=1)
        for p, s in zip(
            (picture.y, picture.u, picture.v), (right, right // 2, right // 2), strict=True
        )
    )
    y, u, v = planes
    return replace(picture, y=y, u=u, v=v)


def test_a_face_is_followed_through_a_clip(tracker: FaceTracker, presenter: list[Picture]) -> None:
    track = tracker.track(presenter)
    assert len(track) == len(presenter)
    assert track.coverage == 1.0
    assert track.landmarks.dtype == np.float32
    eyes = track.landmarks[:, [33, 263], :2]
    distance = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    assert ((distance > 60) & (distance < 75)).all()


@pytest.mark.slow
def test_the_batch_size_has_no_influence(
    tracker: FaceTracker, presenter: list[Picture], weights: Path
) -> None:
    moving = [shifted(p, 3 * k) for k, p in enumerate(presenter[:24])]
    one = FaceTracker.load(weights, batch=1).track(moving)
    many = FaceTracker.load(weights, batch=16).track(moving)
    assert (one.present == many.present).all()
    np.testing.assert_allclose(one.landmarks, many.landmarks, atol=1e-2)


def test_pictures_without_a_face_are_absent(tracker: FaceTracker, presenter: list[Picture]) -> None:
    clip = [blank(presenter[0], k) for k in range(3)]
    track = tracker.track(clip)
    assert not track.present.any()
    assert track.coverage == 0.0


def test_a_face_that_leaves_and_returns_is_found_again(
    tracker: FaceTracker, presenter: list[Picture]
) -> None:
    gap = [blank(presenter[0], k) for k in range(4)]
    samples = list(tracker.follow([*presenter[:5], *gap, *presenter[5:10]]))
    assert [sample.present for sample in samples] == [True] * 5 + [False] * 4 + [True] * 5
    assert samples[0].tracklet != samples[-1].tracklet


def test_no_pictures_make_an_empty_track(tracker: FaceTracker) -> None:
    assert len(tracker.track([])) == 0


def test_pictures_are_not_held_while_the_shot_goes_on(
    tracker: FaceTracker, presenter: list[Picture]
) -> None:
    handed: list[weakref.ref[Picture]] = []
    most = 0

    def source() -> Iterator[Picture]:
        nonlocal most
        for picture in presenter:
            most = max(most, sum(each() is not None for each in handed))
            mine = Handed(picture.index, picture.y, picture.u, picture.v, picture.colour)
            handed.append(weakref.ref(mine))
            yield mine

    assert sum(1 for _ in tracker.follow(source())) == len(presenter)
    assert most <= 2 * BLOCK_PICTURES


@pytest.mark.slow
def test_long_stretches_without_a_face_are_searched_seldom_and_it_is_still_found(
    tracker: FaceTracker, presenter: list[Picture]
) -> None:
    empty = [blank(presenter[0], k, luma=120) for k in range(40)]
    samples = list(tracker.follow([*empty, *presenter[:6]]))
    assert not any(sample.present for sample in samples[:40])
    assert sum(sample.present for sample in samples[40:]) >= 3


def test_a_cut_begins_a_new_tracklet(
    tracker: FaceTracker, presenter: list[Picture], portrait: Picture
) -> None:
    rows, columns = presenter[0].height, presenter[0].width
    other = Picture(
        0,
        portrait.y[:rows, :columns].copy(),
        portrait.u[: rows // 2, : columns // 2].copy(),
        portrait.v[: rows // 2, : columns // 2].copy(),
        portrait.colour,
    )
    samples = list(tracker.follow([*presenter[:4], *[other] * 4]))
    assert all(sample.present for sample in samples)
    assert [sample.tracklet for sample in samples] == [1] * 4 + [2] * 4
    nose = samples[4].landmarks[1, :2]
    alone = next(tracker.follow([other])).landmarks[1, :2]
    np.testing.assert_allclose(nose, alone, atol=0.5)


def test_a_still_picture_has_still_landmarks(tracker: FaceTracker, portrait: Picture) -> None:
    track = tracker.track([portrait] * 12)
    assert np.ptp(track.landmarks, axis=0).max() < 0.05


def test_a_face_that_wanders_is_followed_without_lag(
    tracker: FaceTracker, presenter: list[Picture]
) -> None:
    moved = [shifted(presenter[0], 6 * k) for k in range(16)]
    track = tracker.track(moved)
    assert track.coverage == 1.0
    nose = track.landmarks[:, 168, 0] - 6 * np.arange(16)
    assert np.ptp(nose) < 2.0


@pytest.mark.slow
def test_landmarks_do_not_tremble_more_than_the_picture(
    tracker: FaceTracker, presenter: list[Picture]
) -> None:
    corner = tracker.track(presenter).landmarks[:, 33, :2]
    jerk = np.abs(np.diff(corner, 2, axis=0)).mean()
    assert jerk < 0.25
