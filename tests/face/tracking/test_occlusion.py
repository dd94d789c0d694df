import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.skin_colours import (
    COLOUR_POINT_COUNT,
    LIPS_PART,
    LOWER_PART,
    UPPER_PART,
)
from heygem_daemon.face.tracking.occlusion import dilate, find_covered, keep_seeded_runs

COUNT = 100
LOGITS = np.full(COUNT, 25, np.float32)


def face(count: int = COUNT) -> NDArray[np.uint8]:
    """Colours of a face that speaks: lips vary more than skin."""
    random = np.random.default_rng(5)
    colours = random.normal(0, 3, (count, COLOUR_POINT_COUNT, 3)) + random.uniform(
        80, 180, (COLOUR_POINT_COUNT, 1)
    )
    colours[:, LIPS_PART] += random.normal(0, 12, (count, 1, 3))
    return np.asarray(colours.clip(0, 255).astype(np.uint8))


def under_a_hand(start: int, stop: int) -> NDArray[np.uint8]:
    colours = face()
    colours[start:stop, LIPS_PART] = 150
    colours[start:stop, LOWER_PART] = 150
    return colours


def test_a_face_that_speaks_is_not_covered() -> None:
    assert not find_covered(face(), LOGITS).any()


def test_a_hand_in_front_of_the_mouth_is_detected_with_its_arrival_and_leaving() -> None:
    flags = find_covered(under_a_hand(40, 60), LOGITS)
    assert np.flatnonzero(flags).tolist() == list(range(38, 62))


def test_a_hand_that_is_there_most_of_the_time_is_detected_by_the_meshs_logit() -> None:
    logits = LOGITS.copy()
    logits[20:90] = 19
    flags = find_covered(under_a_hand(20, 90), logits)
    assert np.flatnonzero(flags).tolist() == list(range(18, 92))


def test_another_light_on_the_whole_face_is_no_cover() -> None:
    colours = face().astype(int)
    colours[50:] += 40
    assert not find_covered(colours.clip(0, 255).astype(np.uint8), LOGITS).any()


def test_a_face_that_changes_altogether_is_no_covered_mouth() -> None:
    colours = face()
    colours[50:60, UPPER_PART] = np.random.default_rng(6).integers(0, 255, (1, 18, 3))
    colours[50:60, LOWER_PART] = np.random.default_rng(7).integers(0, 255, (1, 40, 3))
    assert not find_covered(colours, LOGITS).any()


def test_a_cloth_mask_is_detected_without_the_mouth_ever_being_free() -> None:
    colours = face()
    colours[:, LIPS_PART] = 150
    colours[:, LOWER_PART] = 147
    assert find_covered(colours, LOGITS).all()
    assert find_covered(colours[:1], LOGITS[:1]).all()


def test_a_beard_is_no_mask() -> None:
    colours = face()
    colours[:, LOWER_PART] = 40
    assert not find_covered(colours, LOGITS).any()


def test_too_few_pictures_are_not_judged() -> None:
    assert not find_covered(face(3), LOGITS[:3]).any()
    assert find_covered(face(0), LOGITS[:0]).shape == (0,)


def test_runs_grow_over_doubtful_ground_from_a_sure_seed() -> None:
    seeds = np.array([0, 0, 1, 0, 0, 0, 0], bool)
    ground = np.array([0, 1, 1, 1, 0, 1, 1], bool)
    assert keep_seeded_runs(seeds, ground).tolist() == [
        False,
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert dilate(seeds, 1).tolist() == [False, True, True, True, False, False, False]
