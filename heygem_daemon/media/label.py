"""Draw the visible label: white text on a darkened box in a corner of the picture.

The box is made once for a size of picture and is the same in every frame, so neither chunks nor
batches change what is drawn. The fonts come with the program (``fonts/OFL.txt``): FFmpeg's own
text filter is not in every build, and a machine's fonts may lack Chinese characters.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from heygem_daemon.config.label import LabelOptions, is_latin
from heygem_daemon.media.picture import ColourTags, Picture, Plane
from heygem_daemon.media.shown_pixels import shown_size

FONTS = Path(__file__).resolve().parent / "fonts"
TYPICAL = "国"
"""The character whose height is that of the label."""
BOX_OPACITY = 0.55
PADDING, LINE_HEIGHT, MARGIN = 0.35, 1.3, 0.5
"""Space around the text, between its base lines, and from the box to the edge: in font sizes."""

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VisibleLabel:
    """A label for pictures of one size. A sample below it becomes sample x ``keep`` + ``add``."""

    left: int
    """Column of the box in the picture; even, as is ``top``."""
    top: int
    keep: Values
    """(H, W), 0-1, with H and W even."""
    add: Values
    """(H, W), 0-255, for luma; chroma becomes neutral."""
    stop: int | None
    """The first frame without the label; None: every frame has it."""

    def draw(self, frame: int, picture: Picture) -> Picture:
        """Return output frame ``frame`` with the label, or as it is where it shall have none."""
        if self.stop is not None and frame >= self.stop:
            return picture
        rows, columns = self.keep.shape
        keep = self.keep.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
        neutral = 128 * (1 - keep)
        left, top = self.left // 2, self.top // 2
        return replace(
            picture,
            y=_blend(picture.y, self.left, self.top, self.keep, self.add),
            u=_blend(picture.u, left, top, keep, neutral),
            v=_blend(picture.v, left, top, keep, neutral),
        )


def make_label(
    options: LabelOptions,
    size: tuple[int, int],
    colour: ColourTags,
    fps: Fraction,
    sample_aspect: Fraction = Fraction(1),
) -> VisibleLabel:
    """Return the label for pictures of ``size``, width and height in pixels, ``fps`` a second.

    ``sample_aspect``: width of a pixel over its height. The label has its size and its shape in
    the pictures as they are shown.
    """
    width, height = size
    shown = shown_size(width, height, sample_aspect)
    across, down = width / shown[0], height / shown[1]
    text = _squeezed(_text_mask(options, *shown), across, down)
    rows, columns = text.shape
    black, white = (0, 255) if colour.full_range else (16, 235)
    keep = (1 - BOX_OPACITY) * (1 - text)
    at_left, at_top = "left" in options.corner, "top" in options.corner
    margin = MARGIN * _font_size(options, *shown)
    beside, above = round(margin * across), round(margin * down)
    return VisibleLabel(
        left=_even(min(beside, width - columns) if at_left else max(0, width - columns - beside)),
        top=_even(min(above, height - rows) if at_top else max(0, height - rows - above)),
        keep=keep.astype(np.float32),
        add=(white * text + black * BOX_OPACITY * (1 - text)).astype(np.float32),
        stop=round(options.seconds * fps) or 1 if options.seconds else None,
    )


def _blend(plane: Plane, left: int, top: int, keep: Values, add: Values) -> Plane:
    """Return a copy of a plane with the box in it."""
    changed = plane.copy()
    window = changed[top : top + keep.shape[0], left : left + keep.shape[1]]
    window[...] = np.rint(window * keep + add).astype(np.uint8)
    return changed


def _font_size(options: LabelOptions, width: int, height: int) -> int:
    """Return the size in pixels at which ``TYPICAL`` is at least as high as it shall be."""
    _, top, _, bottom = ImageFont.truetype(FONTS / "chinese.otf", 1000).getbbox(TYPICAL)
    wanted = options.percent / 100 * min(width, height)
    # A pixel more, because the first and the last row of a character are covered in part.
    return max(8, ceil(wanted * 1000 / (bottom - top)) + 1)


def _text_mask(options: LabelOptions, width: int, height: int) -> Values:
    """Return the label's box, (H, W) of at most the picture's size: 1 where there is text."""
    size = _font_size(options, width, height)
    fonts = _Fonts(size)
    padding = round(PADDING * size)
    lines = _wrap(options.text, fonts, width - 2 * padding - 2 * round(MARGIN * size))
    columns = max(round(fonts.length(line)) for line in lines) + 2 * padding
    rows = round(LINE_HEIGHT * size * len(lines)) + padding
    box = Image.new("L", (_even(min(columns, width)), _even(min(rows, height))))
    for number, line in enumerate(lines):
        base = padding / 2 + (number + 0.5) * LINE_HEIGHT * size + 0.36 * size
        fonts.draw(ImageDraw.Draw(box), padding, round(base), line)
    mask: Values = np.asarray(box, np.float32) / np.float32(255)
    return mask


def _squeezed(mask: Values, across: float, down: float) -> Values:
    """Return ``mask``, (H, W), with its columns and rows multiplied by these, both even."""
    if across == down == 1:
        return mask
    rows, columns = mask.shape
    size = max(2, _even(round(columns * across))), max(2, _even(round(rows * down)))
    squeezed: Values = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BOX))
    return squeezed


def _even(number: int) -> int:
    return max(0, number // 2 * 2)


class _Fonts:
    """The two fonts at one size."""

    def __init__(self, size: int) -> None:
        basic = ImageFont.Layout.BASIC  # the same with and without libraqm
        self._latin = ImageFont.truetype(FONTS / "latin.ttf", size, layout_engine=basic)
        self._chinese = ImageFont.truetype(FONTS / "chinese.otf", size, layout_engine=basic)

    def length(self, text: str) -> float:
        """Return the width of a line in pixels."""
        return sum(font.getlength(part) for font, part in self._parts(text))

    def draw(self, canvas: ImageDraw.ImageDraw, left: float, base: float, text: str) -> None:
        """Draw a line whose base line is at ``base``."""
        for font, part in self._parts(text):
            canvas.text((round(left), base), part, fill=255, font=font, anchor="ls")
            left += font.getlength(part)

    def _parts(self, text: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        return [
            (self._latin if latin else self._chinese, "".join(part))
            for latin, part in groupby(text, is_latin)
        ]


def _wrap(text: str, fonts: _Fonts, width: int) -> list[str]:
    """Return the lines of ``text``, broken at blanks, or within a word that is too long."""
    lines, line = [], ""
    for character in text:
        if line and fonts.length(line + character) > width:
            before, blank, word = line.rpartition(" ")
            lines.append(before if blank else line)
            line = word if blank else ""
        line += character
    return [each.strip() for each in (*lines, line)]
