"""Splits a video into pieces, shots and blocks of few pictures.

Cuts are detected on a coarse grid of luma. Pieces have a fixed length, so that workers that begin
at different pieces have the same blocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.picture import Picture

Thumbnail = NDArray[np.int16]

_ROWS = _COLUMNS = 48
"""Size of the grid, about."""
CUT_LIMIT = 28.0
"""Mean absolute change of luma, 0-255, between two pictures above which there is a cut."""
BLOCK_PICTURES = 8
"""Pictures in a block: few, because all are held in memory."""
PIECE_PICTURES = 256
"""Pictures in a piece. At its beginning faces are detected anew, which takes as long as two or
three pictures."""


@dataclass(frozen=True, slots=True)
class ShotBlock:
    """Consecutive pictures of one shot and one piece."""

    pictures: tuple[Picture, ...]
    first: int
    """The number of the first picture in its stretch: what one piece has of one shot."""
    piece: int = 0
    """The number of its piece."""
    is_after_cut: bool = False
    """Whether there is a cut before it; False where that is not known."""


def split_into_blocks(
    pictures: Iterable[Picture],
    size: int = BLOCK_PICTURES,
    piece: int = PIECE_PICTURES,
    first_piece: int = 0,
) -> Iterator[ShotBlock]:
    """Yield the pictures in blocks of at most ``size``, none of which crosses a cut or the end of
    a piece of ``piece`` pictures.

    ``first_piece``: the number of the piece that begins with the first picture. The first block of
    each but piece 0 has one picture, in which the faces of the piece before are found again.
    """
    block: list[Picture] = []
    first, most, number, is_after_cut = 0, size, first_piece, False
    for position, marked in enumerate(mark_cuts(pictures), first_piece * piece):
        starts_piece = position % piece == 0
        if block and (starts_piece or marked.starts_shot or len(block) == most):
            yield ShotBlock(tuple(block), first, number, is_after_cut)
            first = 0 if starts_piece or marked.starts_shot else first + len(block)
            block = []
        if not block:
            number, is_after_cut = position // piece, marked.starts_shot
            most = 1 if starts_piece and number else size
        block.append(marked.picture)
    if block:
        yield ShotBlock(tuple(block), first, number, is_after_cut)


@dataclass(frozen=True, slots=True)
class ShotPicture:
    """A picture of a video."""

    picture: Picture
    starts_shot: bool
    """Whether there is a cut before it."""


def mark_cuts(pictures: Iterable[Picture]) -> Iterator[ShotPicture]:
    """Yield the pictures, marked where there is a cut before them; the first one is not marked."""
    previous: Thumbnail | None = None
    for picture in pictures:
        current = thumbnail(picture)
        yield ShotPicture(picture, previous is not None and is_cut(previous, current))
        previous = current


def thumbnail(picture: Picture) -> Thumbnail:
    """Return about 48x48 luma values, evenly spread over the picture."""
    rows = max(1, picture.height // _ROWS)
    columns = max(1, picture.width // _COLUMNS)
    return picture.y[rows // 2 :: rows, columns // 2 :: columns].astype(np.int16)


def is_cut(previous: Thumbnail, current: Thumbnail) -> bool:
    """Whether there is a cut between two consecutive thumbnails.

    A false alarm only costs one detection and two pictures of lip smoothing.
    """
    if previous.shape != current.shape:
        return True
    return bool(np.abs(current - previous).mean() > CUT_LIMIT)
