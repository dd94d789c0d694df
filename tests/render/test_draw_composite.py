import numpy as np
import torch

from heygem_daemon.engines.base import Box
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.render.draw import extract_patch, to_region


def noise(height: int = 48, width: int = 64) -> Picture:
    random = np.random.default_rng(7)

    def plane(rows: int, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        return random.integers(0, 256, (rows, columns), dtype=np.uint8)

    half = (height + 1) // 2, (width + 1) // 2
    return Picture(0, plane(height, width), plane(*half), plane(*half), ColourTags())


BOX = Box(10, 8, 42, 32)


def test_an_unchanged_crop_leaves_every_sample_as_it_was() -> None:
    picture = noise()
    patch = extract_patch(picture, BOX)
    before = patch.to_yuv444()
    pasted = picture.with_region(to_region(BOX, patch.with_change(before, before.clone())))
    for result, source in ((pasted.y, picture.y), (pasted.u, picture.u), (pasted.v, picture.v)):
        np.testing.assert_array_equal(result, source)


def test_nothing_outside_the_box_changes() -> None:
    picture = noise(47, 63)
    patch = extract_patch(picture, BOX)
    before = patch.to_yuv444()
    pasted = picture.with_region(to_region(BOX, patch.with_change(before, before + 40)))
    for plane, step in (("y", 1), ("u", 2), ("v", 2)):
        result, source = getattr(pasted, plane).copy(), getattr(picture, plane).copy()
        window = np.s_[BOX.top // step : BOX.bottom // step, BOX.left // step : BOX.right // step]
        assert (result[window] != source[window]).any()
        result[window] = source[window] = 0
        np.testing.assert_array_equal(result, source)


def test_only_the_pixels_that_an_engine_changed_are_touched() -> None:
    picture = noise()
    patch = extract_patch(picture, BOX)
    before = patch.to_yuv444()
    after = before.clone()
    after[:, 4:8, 6:10] = 128.0
    pasted = picture.with_region(to_region(BOX, patch.with_change(before, after)))
    changed = np.argwhere(pasted.y != picture.y)
    assert changed[:, 0].min() >= BOX.top + 4
    assert changed[:, 0].max() < BOX.top + 8
    assert changed[:, 1].min() >= BOX.left + 6
    assert changed[:, 1].max() < BOX.left + 10
    assert (pasted.y[BOX.top + 4 : BOX.top + 8, BOX.left + 6 : BOX.left + 10] == 128).all()


def test_the_source_picture_itself_is_not_written_to() -> None:
    picture = noise()
    kept = picture.y.copy()
    patch = extract_patch(picture, BOX)
    before = patch.to_yuv444()
    picture.with_region(to_region(BOX, patch.with_change(before, torch.zeros_like(before))))
    np.testing.assert_array_equal(picture.y, kept)


def test_values_stay_inside_eight_bits() -> None:
    picture = noise()
    patch = extract_patch(picture, BOX)
    before = patch.to_yuv444()
    white = picture.with_region(to_region(BOX, patch.with_change(before, before + 1000)))
    assert (white.y[BOX.top : BOX.bottom, BOX.left : BOX.right] == 255).all()
