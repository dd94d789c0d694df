from typing import TYPE_CHECKING

import numpy as np
import pytest

from heygem_daemon.engines.base import Box
from heygem_daemon.media import image_files
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.render import strip
from heygem_daemon.render.strip import MOMENTS, TILE_PIXELS, choose_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray


def frames(count: int) -> "NDArray[np.int64]":
    return np.arange(100, 100 + count)


def test_one_frame_of_each_eighth_in_order() -> None:
    moments = choose_moments(frames(80), np.zeros(80, np.float32))
    assert moments == [105, 115, 125, 135, 145, 155, 165, 175]


def test_by_turns_the_widest_opening_and_the_deepest_closure() -> None:
    opening = np.zeros(16, np.float32)
    opening[[1, 3, 4]] = 0.2, -0.1, -0.3
    moments = choose_moments(frames(16), opening)
    assert moments[:3] == [101, 103, 105]


def test_a_single_frame_is_shown_eight_times() -> None:
    same = np.full(MOMENTS, 7)
    assert choose_moments(same, np.zeros(MOMENTS, np.float32)) == [7] * MOMENTS


@pytest.mark.parametrize("count", [1, 7])
def test_fewer_frames_are_all_shown(count: int) -> None:
    assert choose_moments(frames(count), np.zeros(count, np.float32)) == frames(count).tolist()


def test_only_what_a_tile_shows_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    converted = []
    convert = image_files.rgb_from_picture

    def note(picture: Picture) -> image_files.Rgb:
        converted.append((picture.height, picture.width))
        return convert(picture)

    monkeypatch.setattr(strip, "rgb_from_picture", note)
    random = np.random.default_rng(3)
    planes = [random.integers(0, 256, size, np.uint8) for size in ((301, 401), (151, 201))]
    picture = Picture(0, planes[0], planes[1], planes[1], ColourTags(matrix=6))
    tile = strip._tile(picture, Box(100, 83, 160, 130))
    assert tile.shape == (TILE_PIXELS, TILE_PIXELS, 3)
    assert converted == [(61, 60)]
    # A tile at an odd place has the same chroma as in the whole picture.
    whole = convert(picture)[69:129, 100:160]
    assert np.abs(whole.mean(axis=(0, 1)) - tile.mean(axis=(0, 1))).max() < 1
