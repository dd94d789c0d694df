from dataclasses import replace

import numpy as np

from heygem_daemon.face.tracking.shots import is_cut, mark_cuts, split_into_blocks, thumbnail
from heygem_daemon.media.picture import ColourTags, Picture


def grey(luma: int, height: int = 90, width: int = 120) -> Picture:
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    y = np.full((height, width), luma, np.uint8)
    return Picture(0, y, chroma, chroma.copy(), ColourTags())


def test_a_change_of_scene_is_a_cut() -> None:
    marked = list(mark_cuts([grey(20), grey(22), grey(150), grey(150)]))
    assert [each.starts_shot for each in marked] == [False, False, True, False]


def test_a_small_thing_that_changes_is_no_cut() -> None:
    before = grey(100)
    y = before.y.copy()
    y[:30, :40] = 255
    assert not is_cut(thumbnail(before), thumbnail(replace(before, y=y)))


def test_a_change_of_size_is_a_cut() -> None:
    assert is_cut(thumbnail(grey(50)), thumbnail(grey(50, height=400)))


def test_a_picture_smaller_than_the_grid_has_a_thumbnail() -> None:
    assert thumbnail(grey(9, height=2, width=2)).shape == (2, 2)


def test_real_motion_is_no_cut(presenter: list[Picture]) -> None:
    assert not any(each.starts_shot for each in mark_cuts(presenter))


def test_no_block_crosses_a_cut() -> None:
    lumas = [10] * 5 + [200] * 3 + [10] * 4
    blocks = list(
        split_into_blocks([replace(grey(luma), index=k) for k, luma in enumerate(lumas)], size=4)
    )
    assert [[p.index for p in block.pictures] for block in blocks] == [
        [0, 1, 2, 3],
        [4],
        [5, 6, 7],
        [8, 9, 10, 11],
    ]
    assert [block.first for block in blocks] == [0, 4, 0, 0]
    assert [block.first == 0 for block in blocks] == [True, False, True, True]


def test_no_pictures_are_no_blocks() -> None:
    assert list(split_into_blocks([])) == []
