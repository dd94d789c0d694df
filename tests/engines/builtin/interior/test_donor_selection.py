from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.builtin.interior.donor_selection import (
    MOST_SHARPNESS,
    DonorRequirements,
    Donors,
    cross_fade,
    find_cheapest_donors,
    select_donors,
    visible_changes,
)
from heygem_daemon.face.tracking.mouth import APERTURE, JAW

Floats = NDArray[np.float32]


def column(*values: float) -> Floats:
    return np.array(values, np.float32)


def mouths(aperture: Floats, jaw: float = 0.0) -> Floats:
    """Return mouth parameters (N, 4) with these apertures, and zeros beside them."""
    parameters = np.zeros((len(aperture), 4), np.float32)
    parameters[:, APERTURE], parameters[:, JAW] = aperture, jaw
    return parameters


def requirements(aperture: Floats, own: Floats) -> DonorRequirements:
    zero = np.zeros_like(aperture)
    return DonorRequirements(mouths(aperture), mouths(own), zero, zero, zero.astype(np.int16))


def donors(aperture: Floats, sources: list[int] | None = None) -> Donors:
    zero = np.zeros_like(aperture)
    numbers = np.array(sources or list(range(0, 100 * len(aperture), 100)), np.int32)
    return Donors(numbers, mouths(aperture), zero, zero, zero, zero.astype(np.int16))


def test_nobody_gets_another_persons_mouth() -> None:
    target = np.full(6, 0.2, np.float32)
    frames = replace(
        requirements(target, np.zeros(6, np.float32)), person=np.array([0] * 3 + [1] * 3)
    )
    bank = replace(donors(column(0.15, 0.2)), person=np.array([0, 1]))
    selection = select_donors(frames, bank)
    assert selection.first.tolist() == [0, 0, 0, 1, 1, 1]
    assert not selection.share.any()


def test_without_a_mouth_of_the_same_person_the_own_one_is_shown() -> None:
    bank = replace(donors(column(0.2)), person=np.array([1]))
    assert find_cheapest_donors(requirements(column(0.2, 0.2), column(0, 0)), bank).tolist() == [
        1,
        1,
    ]


def test_the_donor_that_opens_as_wide_as_the_target_is_selected() -> None:
    path = find_cheapest_donors(
        requirements(column(0.2, 0.2, 0.2), column(0, 0, 0)), donors(column(0.1, 0.2, 0.3))
    )
    assert path.tolist() == [1, 1, 1]


def test_of_two_donors_that_open_as_wide_the_one_with_the_same_jaw_is_selected() -> None:
    frames = replace(
        requirements(column(0.1, 0.1), column(0, 0)), target=mouths(column(0.1, 0.1), jaw=0.8)
    )
    bank = replace(
        donors(column(0.1, 0.1)),
        parameters=np.concatenate([mouths(column(0.1), 0.7), mouths(column(0.1), 0.8)]),
    )
    assert find_cheapest_donors(frames, bank).tolist() == [1, 1]


def test_of_two_donors_of_the_same_shape_the_one_that_is_turned_less_is_selected() -> None:
    bank = replace(donors(column(0.1, 0.1)), yaw=column(15, 2))
    frames = requirements(column(0.1, 0.1), column(0, 0))
    assert find_cheapest_donors(frames, bank).tolist() == [1, 1]


def test_of_two_donors_of_the_same_shape_the_one_that_is_not_blurred_is_selected() -> None:
    frames = requirements(column(0.1, 0.1), column(0, 0))
    for sharpness, chosen in (((-0.5, 0.0), 1), ((0.0, 0.5), 0)):
        bank = replace(donors(column(0.1, 0.1)), sharpness=column(*sharpness))
        assert find_cheapest_donors(frames, bank).tolist() == [chosen, chosen]


def test_of_two_donors_of_the_same_shape_the_one_that_is_not_far_too_sharp_is_selected() -> None:
    frames = requirements(column(0.1, 0.1), column(0, 0))
    for sharpness, chosen in (((0.7, 0.1), 1), ((MOST_SHARPNESS, 0.0), 0)):
        bank = replace(donors(column(0.1, 0.1)), sharpness=column(*sharpness))
        assert find_cheapest_donors(frames, bank).tolist() == [chosen, chosen]


def test_a_donor_that_is_slightly_blurred_yields_to_one_of_almost_the_same_shape() -> None:
    frames = requirements(column(0.1, 0.1), column(0, 0))
    bank = replace(donors(column(0.1, 0.111)), sharpness=column(-0.15, 0.0))
    assert find_cheapest_donors(frames, bank).tolist() == [1, 1]


def test_a_head_that_is_turned_far_from_all_donors_shows_its_own_mouth() -> None:
    bank = replace(donors(column(0.1)), yaw=column(30))
    frames = requirements(column(0.1, 0.1), column(0.05, 0.05))
    assert find_cheapest_donors(frames, bank).tolist() == [1, 1]


def test_a_frame_that_fits_shows_its_own_mouth() -> None:
    path = find_cheapest_donors(
        requirements(column(0.1, 0.1), column(0.1, 0.1)), donors(column(0.3))
    )
    assert path.tolist() == [1, 1]


def test_donors_do_not_flicker_for_a_small_gain() -> None:
    target = column(0.10, 0.12, 0.10, 0.12, 0.10)
    path = find_cheapest_donors(
        requirements(target, np.zeros_like(target)), donors(column(0.10, 0.12))
    )
    assert len(set(path.tolist())) == 1


def test_the_donor_changes_where_the_mouth_is_shut() -> None:
    target = np.concatenate([np.full(10, 0.1), np.zeros(2), np.full(10, 0.2)]).astype(np.float32)
    path = find_cheapest_donors(
        requirements(target, np.zeros_like(target)), donors(column(0.1, 0.2))
    )
    assert path[9] == 0
    assert path[12] == 1


def test_following_neighbours_is_cheap() -> None:
    target = np.linspace(0.05, 0.2, 8).astype(np.float32)
    path = find_cheapest_donors(
        requirements(target, np.zeros_like(target)), donors(target, list(range(8)))
    )
    assert len(set(path.tolist())) > 3


def test_without_donors_every_frame_shows_its_own_mouth() -> None:
    path = find_cheapest_donors(requirements(column(0.1, 0.2), column(0, 0)), donors(column()))
    assert path.tolist() == [0, 0]


def test_changes_are_faded_on_both_sides() -> None:
    sources = np.arange(0, 600, 100, dtype=np.int32)
    selection = cross_fade(np.array([3] * 4 + [5] * 4, np.int32), sources, np.zeros(8, np.int16))
    assert selection.second.tolist() == [3, 3, 5, 5, 3, 3, 5, 5]
    assert selection.share.tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.4, 0.2, 0, 0])


def test_of_two_changes_close_together_the_nearer_is_faded() -> None:
    sources = np.arange(0, 600, 100, dtype=np.int32)
    selection = cross_fade(np.array([1, 1, 2, 2, 3, 3], np.int32), sources, np.zeros(6, np.int16))
    assert selection.second.tolist() == [2, 2, 1, 3, 2, 2]
    assert selection.share.tolist() == pytest.approx([0.2, 0.4, 0.4, 0.4, 0.4, 0.2])


def test_a_cut_to_another_person_is_not_faded() -> None:
    sources, person = np.arange(0, 600, 100, dtype=np.int32), np.array([0, 0, 1, 1, 1], np.int16)
    selection = cross_fade(np.array([1, 1, 2, 2, 3], np.int32), sources, person)
    assert selection.share.tolist() == pytest.approx([0, 0, 0.2, 0.4, 0.4])
    assert selection.second.tolist() == [1, 1, 3, 3, 2]


def test_shut_lips_take_a_shut_donor_rather_than_one_that_fits_a_little_better_otherwise() -> None:
    bank = replace(
        donors(column(0.0, 0.02)),
        parameters=np.concatenate([mouths(column(0.0), 0.03), mouths(column(0.02))]),
    )
    assert find_cheapest_donors(requirements(column(0, 0), column(0.1, 0.1)), bank).tolist() == [
        0,
        0,
    ]


def test_neighbours_follow_each_other_unmixed() -> None:
    path, sources = np.array([0, 0, 1, 2], np.int32), np.array([10, 12, 15], np.int32)
    assert not cross_fade(path, sources, np.zeros(4, np.int16)).share.any()


def test_the_donor_of_an_open_mouth_stays_until_it_shuts() -> None:
    target = np.concatenate([np.full(12, 0.1), np.full(4, 0.12), [0], np.full(9, 0.12)])
    frames = requirements(target.astype(np.float32), np.zeros(26, np.float32))
    assert find_cheapest_donors(frames, donors(column(0.1, 0.12))).tolist() == [0] * 16 + [1] * 10


def test_only_distant_changes_in_an_open_mouth_are_visible() -> None:
    path = np.array([0, 1, 2, 2, 3, 3], np.int32)
    sources = np.array([10, 11, 50], np.int32)
    apertures = column(0.1, 0.1, 0.1, 0.1, 0.0, 0.0)
    assert visible_changes(path, sources, apertures).tolist() == [False, False, True, *[False] * 3]
