from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from benchmarks.lips.nearness import (
    APART,
    TOGETHER,
    Mouths,
    nearest,
    prepare,
    relative_distance,
    similarities,
)
from heygem_daemon.engines.builtin.warp.person import Person
from heygem_daemon.media.picture import ColourTags, Picture
from tests.benchmarks.test_steadiness import COUNT, SOURCES, person, pictures


def seen(shown: list[torch.Tensor], step: int = 1) -> Mouths:
    """Return mouths of pictures in the order of their source."""
    sources = np.arange(len(shown), dtype=np.int32)
    return Mouths(person(), sources, step, list(range(len(shown)))[::step], shown[::step])


def talk(count: int = 60) -> list[torch.Tensor]:
    """Return ``count`` pictures (48, 64) of a mouth that repeats itself, each a little different.

    The dark opening below a bright row of teeth grows and shrinks.
    """
    noise = np.random.default_rng(3)
    y, x = np.mgrid[0:48, 0:64].astype(np.float64)
    shown = []
    for k in range(count):
        height = 7 + 5 * np.sin(2 * np.pi * k / 20)
        inside = ((x - 32) / 20) ** 2 + ((y - 26) / height) ** 2 < 1
        picture = np.where(inside, np.where(y < 24, 190.0, 40.0), 130 + 10 * np.sin(x / 3))
        shown.append(torch.from_numpy(picture + noise.normal(0, 2, picture.shape)).float())
    return shown


def ssim(one: torch.Tensor, other: torch.Tensor) -> float:
    return similarities(prepare(one), [prepare(other)])[0]


def test_even_pictures_have_the_ssim_of_their_light_alone() -> None:
    # (2 * 100 * 120 + c1) / (100^2 + 120^2 + c1) with c1 = 2.55^2: no structure in either.
    one, other = torch.full((20, 30), 100.0), torch.full((20, 30), 120.0)
    assert ssim(one, other) == pytest.approx((24000 + 6.5025) / (24400 + 6.5025), abs=1e-9)


def test_ssim_is_that_of_the_formula_written_out_for_each_window() -> None:
    random = np.random.default_rng(1)
    one, other = random.uniform(0, 255, (2, 13, 12))
    places = np.arange(11) - 5
    weights = np.exp(-(places[:, None] ** 2 + places[None] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for top in range(3):
        for left in range(2):
            a, b = (picture[top : top + 11, left : left + 11] for picture in (one, other))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variances = (weights * (a - mean_a) ** 2).sum() + (weights * (b - mean_b) ** 2).sum()
            common = (weights * (a - mean_a) * (b - mean_b)).sum()
            light = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
            values.append(light * (2 * common + 7.65**2) / (variances + 7.65**2))
    assert ssim(torch.from_numpy(one), torch.from_numpy(other)) == pytest.approx(np.mean(values))


def test_many_pictures_are_compared_as_one_by_one() -> None:
    shown = [prepare(torch.from_numpy(p)) for p in np.random.default_rng(2).random((140, 12, 14))]
    assert len(shown) > TOGETHER
    found = similarities(shown[0], shown)
    assert found[0] == pytest.approx(1)
    assert found[-1] == pytest.approx(similarities(shown[0], shown[-1:])[0])


def test_the_real_mouths_are_as_near_to_each_other_as_themselves() -> None:
    real = seen(talk())
    assert relative_distance(seen(talk(), 3), real) == pytest.approx(1)


def test_a_mouth_that_the_person_made_at_another_time_has_no_distance() -> None:
    shown = talk(20)
    assert nearest(seen(shown), seen(shown + shown)) == pytest.approx(np.zeros(20), abs=1e-9)


def test_pictures_around_the_mouths_own_do_not_count() -> None:
    assert np.isnan(nearest(seen(talk(APART)), seen(talk(APART)))).all()
    assert relative_distance(seen(talk(APART)), seen(talk(APART))) is None


def test_a_blurred_mouth_is_farther_and_a_more_blurred_one_more_so() -> None:
    def blurred(size: int) -> float:
        shown = [
            avg_pool2d(p[None], size, 1, size // 2, count_include_pad=False)[0] for p in talk()
        ]
        return relative_distance(seen(shown), seen(talk())) or 0

    assert 1.05 < blurred(3) < blurred(5)


def test_a_displaced_mouth_is_farther() -> None:
    shown = [p.roll(3, dims=1) for p in talk()]
    assert (relative_distance(seen(shown), seen(talk())) or 0) > 1.5


def test_pictures_that_were_not_drawn_do_not_count() -> None:
    shown = talk()
    drawn = np.arange(60) % 2 == 0
    mixed = [p if drawn[k] else 255 - p for k, p in enumerate(shown)]
    assert relative_distance(seen(mixed), seen(shown), drawn) == pytest.approx(1, abs=0.1)
    assert (relative_distance(seen(mixed), seen(shown), ~drawn) or 0) > 2
    assert relative_distance(seen(mixed), seen(shown), drawn & False) is None


def test_mouths_are_read_where_the_head_is_and_only_where_there_is_a_face() -> None:
    face = without_face(7)
    mouths = Mouths(face, SOURCES)
    assert len(list(mouths.observe(pictures(0)))) == COUNT
    assert mouths.places == [k for k in range(COUNT) if k != 7]
    assert {tuple(p.shape) for p in mouths.read} == {(48, 64)}
    assert torch.stack(mouths.read).std(dim=0).max() < 0.1


def test_pixels_of_a_larger_face_are_averaged() -> None:
    grey = np.full((200, 200), 128, np.uint8)
    fine = np.indices((400, 400)).sum(axis=0) % 2 * 100 + 50
    large = person()
    large.pose.scale[:] = 256
    large.planes.axes[:] *= np.float32(256 / 40)
    large.planes.origin[:] = 200.5
    mouths = Mouths(large, SOURCES)
    list(mouths.observe([Picture(0, fine.astype(np.uint8), grey, grey, ColourTags())]))
    assert mouths.read[0].shape == (48, 64)
    assert float((mouths.read[0] - 100).abs().max()) < 20


def without_face(missing: int) -> Person:
    """Return a person whose face one picture does not show."""
    whole = person()
    present = whole.track.present.copy()
    present[missing] = False
    return replace(whole, track=replace(whole.track, present=present))
