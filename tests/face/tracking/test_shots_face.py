import numpy as np

from heygem_daemon.face.tracking.shots import split_into_blocks
from heygem_daemon.media.picture import ColourTags, Picture


def picture(index: int, luma: int) -> Picture:
    grey = np.full((32, 32), 128, np.uint8)
    return Picture(index, np.full((64, 64), luma, np.uint8), grey, grey, ColourTags())


def test_no_block_reaches_over_a_cut() -> None:
    lumas = [10] * 5 + [200] * 3 + [10] * 4
    made = list(split_into_blocks([picture(k, luma) for k, luma in enumerate(lumas)], size=4))
    assert [[p.index for p in block.pictures] for block in made] == [
        [0, 1, 2, 3],
        [4],
        [5, 6, 7],
        [8, 9, 10, 11],
    ]
    assert [block.first for block in made] == [0, 4, 0, 0]
    assert [block.starts_shot for block in made] == [True, False, True, True]


def test_no_pictures_are_no_blocks() -> None:
    assert list(split_into_blocks([])) == []
