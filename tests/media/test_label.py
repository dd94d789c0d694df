"""The visible label: what it covers, that it is legible, and that every character has a glyph."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import ImageFont

from heygem_daemon.config.label import (
    LabelOptions,
    is_chinese,
    is_latin,
    unknown_characters,
)
from heygem_daemon.media.label import FONTS, make_label
from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.shown_pixels import shown_size

FPS = Fraction(25)
LIMITED, FULL = ColourTags(1, 1, 1), ColourTags(1, 1, 1, full_range=True)


def grey(width: int, height: int, luma: int = 120) -> Picture:
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 90, np.uint8)
    y = np.full((height, width), luma, np.uint8)
    return Picture(0, y, chroma, chroma.copy(), LIMITED)


def labelled(options: LabelOptions, width: int, height: int, frame: int = 0) -> Picture:
    return make_label(options, (width, height), LIMITED, FPS).draw(frame, grey(width, height))


def changed_box(picture: Picture) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what the label changed."""
    rows, columns = np.nonzero(picture.y != 120)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("corner", ["top-left", "top-right", "bottom-left", "bottom-right"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (404, 720), (321, 241), (96, 64)])
def test_the_label_lies_in_its_corner_and_changes_nothing_else(
    corner: str, width: int, height: int
) -> None:
    options = LabelOptions.model_validate({"text": "AI生成", "corner": corner})
    picture = labelled(options, width, height)
    left, top, right, bottom = changed_box(picture)
    assert (left < width - right) == ("left" in corner)
    assert (top < height - bottom) == ("top" in corner)
    rows, columns = np.nonzero(picture.u != 90)
    assert columns.min() >= left // 2
    assert columns.max() < (right + 1) // 2
    assert rows.min() >= top // 2
    assert rows.max() < (bottom + 1) // 2


@pytest.mark.parametrize("percent", [5.0, 8.0])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280)])
def test_a_chinese_character_is_at_least_as_high_as_asked_for(
    percent: float, width: int, height: int
) -> None:
    picture = labelled(LabelOptions(text="国", percent=percent), width, height)
    rows = np.nonzero((picture.y > 200).any(axis=1))[0]
    wanted = percent / 100 * 720
    assert wanted <= rows.max() + 1 - rows.min() <= wanted * 1.06


@pytest.mark.parametrize("luma", [16, 120, 235])
def test_the_text_stands_out_from_any_picture(luma: int) -> None:
    label = make_label(LabelOptions(text="AI"), (1280, 720), LIMITED, FPS)
    y = label.draw(0, grey(1280, 720, luma)).y
    rows, columns = label.keep.shape
    box = y[label.top : label.top + rows, label.left : label.left + columns]
    assert box.max() == 235
    assert box.max() - int(np.median(box)) > 110


def test_full_range_pictures_get_full_range_text() -> None:
    label = make_label(LabelOptions(text="AI"), (640, 360), FULL, FPS)
    assert label.draw(0, grey(640, 360)).y.max() == 255


def test_it_is_shown_for_its_seconds_from_the_first_frame_on() -> None:
    label = make_label(LabelOptions(text="AI", seconds=2), (320, 240), LIMITED, FPS)
    plain = grey(320, 240)
    assert [label.draw(frame, plain) is plain for frame in (0, 49, 50, 51)] == [
        False, False, True, True,
    ]  # fmt: skip
    shortest = make_label(LabelOptions(text="AI", seconds=0.001), (320, 240), LIMITED, FPS)
    assert shortest.stop == 1
    assert make_label(LabelOptions(text="AI"), (320, 240), LIMITED, FPS).stop is None


@pytest.mark.parametrize("text", ["a video made with artificial intelligence", "人工智能生成" * 6])
def test_a_long_text_is_broken_into_lines_that_fit(text: str) -> None:
    one = make_label(LabelOptions(text=text[:4]), (480, 640), LIMITED, FPS).keep.shape[0]
    label = make_label(LabelOptions(text=text), (480, 640), LIMITED, FPS)
    assert label.keep.shape[0] > one
    assert label.left + label.keep.shape[1] <= 480
    edges = label.keep[:, [0, 1, -2, -1]]
    assert (edges == edges[0, 0]).all()  # no text is cut off


def test_each_character_that_is_allowed_has_a_glyph_of_its_own() -> None:
    for name, has in (("latin.ttf", is_latin), ("chinese.otf", is_chinese)):
        font = ImageFont.truetype(FONTS / name, 24)
        box = bytes(font.getmask("\uffff"))
        allowed = [chr(code) for code in range(0x20, 0x10000) if has(chr(code))]
        assert len(allowed) > 400
        missing = [each for each in allowed if bytes(font.getmask(each)) == box]
        assert not missing, "".join(missing)


def test_characters_without_a_glyph_are_named() -> None:
    assert unknown_characters("AI生成 – généré par l'IA, сгенерировано, wygenerowane") == ""
    assert unknown_characters("AI한국한\n") == "한국\n"


@pytest.mark.parametrize(
    ("size", "aspect"), [((720, 576), Fraction(64, 45)), ((576, 720), Fraction(45, 64))]
)
@pytest.mark.parametrize("corner", ["top-left", "bottom-right"])
def test_the_label_has_its_shape_where_pixels_are_not_square(
    size: tuple[int, int], aspect: Fraction, corner: str
) -> None:
    options = LabelOptions.model_validate({"text": "国", "percent": 8, "corner": corner})
    stored = make_label(options, size, LIMITED, FPS, aspect).draw(0, grey(*size))
    square = labelled(options, *shown_size(*size, aspect))
    across, down = size[0] / square.width, size[1] / square.height
    assert min(across, down) < 0.71
    scales = np.array([across, down, across, down])
    np.testing.assert_allclose(changed_box(stored), changed_box(square) * scales, atol=2.5)
