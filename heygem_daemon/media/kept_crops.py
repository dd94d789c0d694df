"""Keep parts of pictures that are decoded anyway, so that they need not be decoded again."""

import weakref
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np

from heygem_daemon.media.picture import ColourTags, Picture

LIMIT_BYTES = 256 << 20
"""Disk space for the parts: of a minute or two with a face of usual size."""


class Corners(NamedTuple):
    """A rectangle of a picture in pixels, ``right`` and ``bottom`` exclusive; see
    ``Picture.crop``."""

    left: int
    top: int
    right: int
    bottom: int

    def contains(self, other: "Corners") -> bool:
        """Whether ``other`` lies inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


class _Place(NamedTuple):
    """Where a part is."""

    corners: Corners
    offset: int
    colour: ColourTags


class KeptCrops:
    """Parts of pictures in a temporary file without a name, which goes with this object.

    What finds no room is not kept: a part may always be missing.
    """

    def __init__(self, folder: Path | None, limit_bytes: int = LIMIT_BYTES) -> None:
        """``folder``: where the file is made when it is first needed; None: the system's folder
        for temporary files."""
        self._folder = folder
        self._room = limit_bytes
        self._size = 0
        self._places: dict[int, list[_Place]] = {}
        self._file: IO[bytes] | None = None

    def close(self) -> None:
        """Free the disk space; nothing is found any more."""
        self._places.clear()
        self._room = 0
        if self._file is not None:
            self._file.close()

    def add(self, picture: Picture, wanted: Corners) -> None:
        """Keep the part of ``picture`` inside ``wanted``, which may reach beyond the picture."""
        corners = Corners(
            max(0, wanted.left) // 2 * 2,
            max(0, wanted.top) // 2 * 2,
            min(picture.width, -(-wanted.right // 2) * 2),
            min(picture.height, -(-wanted.bottom // 2) * 2),
        )
        if corners.right <= corners.left or corners.bottom <= corners.top:
            return
        part = picture.crop(*corners)
        planes = part.y, part.u, part.v
        size = sum(plane.nbytes for plane in planes)
        if size > self._room:
            self._room = 0
            return
        try:
            if self._file is None:
                self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - see close
                weakref.finalize(self, self._file.close)
            self._file.seek(self._size)
            for plane in planes:
                self._file.write(plane.data)
        except OSError:
            self._room = 0  # a full disk is found by what is needed
            return
        self._places.setdefault(picture.index, []).append(_Place(corners, self._size, part.colour))
        self._size += size
        self._room -= size

    def find(self, index: int, wanted: Corners) -> Picture | None:
        """Return the part of picture ``index`` inside ``wanted``, as ``Picture.crop`` does.

        None where it was not kept.
        """
        for place in self._places.get(index, []):
            if place.corners.contains(wanted):
                with suppress(OSError, ValueError):
                    return self._read(index, place, wanted)
        return None

    def _read(self, index: int, place: _Place, wanted: Corners) -> Picture:
        assert self._file is not None
        left, top, right, bottom = place.corners
        height, width = bottom - top, right - left
        half = (height + 1) // 2, (width + 1) // 2
        y, u, v = (np.empty(shape, np.uint8) for shape in ((height, width), half, half))
        self._file.seek(place.offset)
        for plane in (y, u, v):
            if self._file.readinto(plane.data) != plane.nbytes:  # type: ignore[attr-defined]
                raise ValueError("the file of kept parts ends early")
        part = Picture(index, y, u, v, place.colour)
        return part.crop(
            wanted.left - left, wanted.top - top, wanted.right - left, wanted.bottom - top
        )
