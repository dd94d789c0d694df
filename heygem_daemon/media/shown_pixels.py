"""Bring pictures with pixels that are not square to the shape in which they are shown."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.video.reformatter import VideoReformatter

from heygem_daemon.media.picture import Picture
from heygem_daemon.media.scaling import scale

SQUARE = Fraction(2, 100)
"""Pixels are taken for square up to this difference of width and height: no face looks odd."""
MOST_ASPECT = 4
"""A pixel that is longer than this is a wrong entry in the header."""


def is_square(aspect: Fraction) -> bool:
    """Whether pixels of this width over height count as square, also since ``aspect`` is absurd."""
    longer = max(aspect, 1 / aspect) if aspect > 0 else Fraction(1)
    return longer <= 1 + SQUARE or longer > MOST_ASPECT


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return the size in square pixels of a picture whose pixels have this width over height.

    One side stays, the other one grows to an even number, so that no detail is lost.
    """
    if is_square(aspect):
        return width, height
    if aspect > 1:
        return max(2, round(width * aspect / 2) * 2), height
    return width, max(2, round(height / aspect / 2) * 2)


def in_shown_pixels(pictures: Iterable[Picture], aspect: Fraction) -> Iterator[Picture]:
    """Yield ``pictures`` in square pixels; as they are, if they have them."""
    if is_square(aspect):
        yield from pictures
        return
    reformatter = VideoReformatter()
    for picture in pictures:
        yield scale(picture, shown_size(picture.width, picture.height, aspect), reformatter)
