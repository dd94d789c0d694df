"""Scene cuts, told from a coarse grid of luma.

A video as a row of shots, each handed on in blocks of few pictures.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.media.picture import Picture

Thumbnail = NDArray[np.int16]

_ROWS = _COLUMNS = 48
CUT_LIMIT = 28.0
"""Mean absolute change of luma, 0-255, between two pictures that makes a cut."""


@dataclass(frozen=True, slots=True)
class ShotPicture:
    """A picture, and whether a new scene begins with it."""

    picture: Picture
    starts_shot: bool


def mark_cuts(pictures: Iterable[Picture]) -> Iterator[ShotPicture]:
    """The same pictures, those after a cut marked; the first one is not."""
    previous: Thumbnail | None = None
    for picture in pictures:
        current = thumbnail(picture)
        yield ShotPicture(picture, previous is not None and is_cut(previous, current))
        previous = current


def thumbnail(picture: Picture) -> Thumbnail:
    """About 48x48 luma values, evenly spread over the picture."""
    rows = max(1, picture.height // _ROWS)
    columns = max(1, picture.width // _COLUMNS)
    return picture.y[rows // 2 :: rows, columns // 2 :: columns].astype(np.int16)


def is_cut(previous: Thumbnail, current: Thumbnail) -> bool:
    """Whether two consecutive thumbnails belong to different scenes.

    A false alarm costs one detection and two pictures of lip smoothing, no more.
    """
    if previous.shape != current.shape:
        return True
    return bool(np.abs(current - previous).mean() > CUT_LIMIT)


BLOCK_PICTURES = 8
"""Pictures in a block: few, since all are held in memory."""


@dataclass(frozen=True, slots=True)
class ShotBlock:
    """Consecutive pictures of one shot; ``first``: the number of the first one in its shot."""

    pictures: tuple[Picture, ...]
    first: int

    @property
    def starts_shot(self) -> bool:
        """Whether the shot begins here."""
        return self.first == 0


def split_into_blocks(
    pictures: Iterable[Picture], size: int = BLOCK_PICTURES
) -> Iterator[ShotBlock]:
    """The pictures in blocks, none of which reaches over a cut."""
    waiting: list[Picture] = []
    first = 0
    for seen in mark_cuts(pictures):
        if waiting and (seen.starts_shot or len(waiting) == size):
            yield ShotBlock(tuple(waiting), first)
            first = 0 if seen.starts_shot else first + len(waiting)
            waiting = []
        waiting.append(seen.picture)
    if waiting:
        yield ShotBlock(tuple(waiting), first)
