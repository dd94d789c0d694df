"""Splits a video into shots, and each shot into blocks of few pictures.

Cuts are detected on a coarse grid of luma.
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


@dataclass(frozen=True, slots=True)
class ShotBlock:
    """Consecutive pictures of one shot."""

    pictures: tuple[Picture, ...]
    first: int
    """The number of the first picture in its shot."""

    @property
    def starts_shot(self) -> bool:
        """Whether the shot begins here."""
        return self.first == 0


def split_into_blocks(
    pictures: Iterable[Picture], size: int = BLOCK_PICTURES
) -> Iterator[ShotBlock]:
    """Yield the pictures in blocks of at most ``size``, none of which crosses a cut."""
    block: list[Picture] = []
    first = 0
    for marked in mark_cuts(pictures):
        if block and (marked.starts_shot or len(block) == size):
            yield ShotBlock(tuple(block), first)
            first = 0 if marked.starts_shot else first + len(block)
            block = []
        block.append(marked.picture)
    if block:
        yield ShotBlock(tuple(block), first)


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
