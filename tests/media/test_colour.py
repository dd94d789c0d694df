"""The conversion matrices match values of the standards."""

import numpy as np
import pytest

from heygem_daemon.media.colour import resolved_tags, rgb_from_yuv, yuv_from_rgb
from heygem_daemon.media.picture import ColourTags

BT709, BT601 = ColourTags(matrix=1), ColourTags(matrix=6)


def rgb(tags: ColourTags, yuv: list[float]) -> list[int]:
    matrix, offset = rgb_from_yuv(tags)
    return [round(float(value)) for value in matrix @ (np.array(yuv, np.float32) - offset)]


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9, 10])
def test_gray_has_no_colour(matrix: int) -> None:
    tags = ColourTags(matrix=matrix)
    assert rgb(tags, [16, 128, 128]) == [0, 0, 0]
    assert rgb(tags, [235, 128, 128]) == [255, 255, 255]


def test_full_range_uses_all_code_values() -> None:
    tags = ColourTags(matrix=1, full_range=True)
    assert rgb(tags, [0, 128, 128]) == [0, 0, 0]
    assert rgb(tags, [255, 128, 128]) == [255, 255, 255]


def test_primary_colours_have_their_standard_code_values() -> None:
    red = np.array([255, 0, 0], dtype=np.float32)
    for tags, expected in ((BT709, [63, 102, 240]), (BT601, [81, 90, 240])):
        matrix, offset = yuv_from_rgb(tags)
        assert np.rint(matrix @ red + offset).tolist() == expected


@pytest.mark.parametrize("tags", [BT709, BT601, ColourTags(matrix=9, full_range=True)])
def test_the_two_directions_are_inverse(tags: ColourTags) -> None:
    there, offset = rgb_from_yuv(tags)
    back, same = yuv_from_rgb(tags)
    np.testing.assert_allclose(there @ back, np.eye(3), atol=1e-5)
    np.testing.assert_array_equal(offset, same)


def test_untagged_pictures_get_the_matrix_that_players_assume() -> None:
    assert resolved_tags(ColourTags(), 576).matrix == 6
    assert resolved_tags(ColourTags(), 720).matrix == 1
    assert resolved_tags(ColourTags(matrix=5), 1080).matrix == 5
    np.testing.assert_array_equal(rgb_from_yuv(ColourTags(), 1080)[0], rgb_from_yuv(BT709)[0])


def test_resolving_keeps_the_other_tags() -> None:
    tags = ColourTags(matrix=2, primaries=9, transfer=16, full_range=True)
    assert resolved_tags(tags, 1080) == ColourTags(1, 9, 16, True)
