"""Pieces of a track in files: what several workers, or attempts, hand to each other.

A file has one line of JSON, which says what is in it, and then the observations of all lanes, one
lane after the other.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from heygem_daemon.face.tracking.multi_face import MAX_REMEMBERED_FACES
from heygem_daemon.face.tracking.pieces import MAX_TAIL_PICTURES, TrackedPiece
from heygem_daemon.face.tracking.records import RECORD_DTYPE, RECORDS_PER_READ

MAX_PICTURES = 1 << 16
"""No piece has more pictures."""
MAX_HEADER_BYTES = 1 << 20
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK

Rows = NDArray[np.void]
"""Observations of a lane, of ``RECORD_DTYPE``."""
_Count = Annotated[int, Field(ge=1, le=MAX_PICTURES)]


class _Header(BaseModel):
    """The first line of a file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    is_before_cut: bool
    pictures: list[_Count]
    """Of each stretch."""
    rows: list[Annotated[list[_Count], Field(max_length=MAX_REMEMBERED_FACES)]]
    """Of each lane of each stretch."""


@dataclass(frozen=True, slots=True)
class StoredLane:
    """The observations of one face in one stretch; ``picture`` counts from its beginning."""

    path: Path
    offset: int
    """Where its first row is in the file, bytes."""
    count: int

    def read(self, start: int = 0, stop: int | None = None) -> Rows:
        """Return the rows from ``start`` to ``stop``, without it. Raises OSError."""
        stop = self.count if stop is None else stop
        with self.path.open("rb") as file:
            file.seek(self.offset + start * RECORD_DTYPE.itemsize)
            return np.fromfile(file, RECORD_DTYPE, stop - start)

    def blocks(self, start: int, stop: int) -> Iterator[Rows]:
        """Yield the same, block by block. Raises OSError."""
        for first in range(start, stop, RECORDS_PER_READ):
            yield self.read(first, min(first + RECORDS_PER_READ, stop))


@dataclass(frozen=True, slots=True)
class StoredStretch:
    """What a piece has of one shot."""

    pictures: int
    """Without a tail."""
    lanes: tuple[StoredLane, ...]


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """A piece in a file."""

    stretches: tuple[StoredStretch, ...]
    size: tuple[int, int]
    """Width and height of its pictures."""
    is_before_cut: bool

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return sum(each.pictures for each in self.stretches)


def write_piece(piece: TrackedPiece, path: Path) -> None:
    """Write a piece that is complete. Raises OSError."""
    lanes = [
        [lane.records for lane in each.tracker.lanes if len(lane.records)]
        for each in piece.stretches
    ]
    header = _Header(
        width=piece.size[0],
        height=piece.size[1],
        is_before_cut=piece.is_before_cut,
        pictures=[each.pictures for each in piece.stretches],
        rows=[[len(records) for records in each] for each in lanes],
    )
    with path.open("wb") as file:
        file.write(header.model_dump_json().encode() + b"\n")
        for records in (each for stretch in lanes for each in stretch):
            for block in records.blocks():
                file.write(block.tobytes())


def read_piece(path: Path, pictures: int) -> StoredPiece:
    """Return the piece of ``pictures`` pictures in a file. Raises OSError where there is none,
    ValueError where the file holds something else."""
    with os.fdopen(os.open(path, _OPEN), "rb") as file:
        status = os.fstat(file.fileno())
        line = file.readline(MAX_HEADER_BYTES) if stat.S_ISREG(status.st_mode) else b""
    header = _Header.model_validate_json(line)
    counts = [count for stretch in header.rows for count in stretch]
    size = len(line) + sum(counts) * RECORD_DTYPE.itemsize
    if size != status.st_size or len(header.rows) != len(header.pictures):
        raise ValueError("its rows are not those of its header")
    if sum(header.pictures) != pictures:
        raise ValueError("it is of other pictures")
    offsets = accumulate(counts, lambda at, n: at + n * RECORD_DTYPE.itemsize, initial=len(line))
    stretches = tuple(
        StoredStretch(long, tuple(StoredLane(path, next(offsets), count) for count in rows))
        for long, rows in zip(header.pictures, header.rows, strict=True)
    )
    _require_observations(stretches)
    return StoredPiece(stretches, (header.width, header.height), header.is_before_cut)


def _require_observations(stretches: tuple[StoredStretch, ...]) -> None:
    """Raise ValueError where rows are not what a tracker has written."""
    for stretch in stretches:
        most = stretch.pictures + (MAX_TAIL_PICTURES if stretch is stretches[-1] else 0)
        for lane in stretch.lanes:
            rows = lane.read()
            pictures, tracklets = rows["picture"], rows["tracklet"]
            is_ordered = (np.diff(pictures) > 0).all() and (np.diff(tracklets) >= 0).all()
            is_inside = pictures[0] >= 0 and pictures[-1] < most
            is_counted = tracklets[0] >= 1 and tracklets[-1] <= MAX_PICTURES
            is_finite = np.isfinite(rows["landmarks"]).all() and np.isfinite(rows["logit"]).all()
            if not (is_ordered and is_inside and is_counted and is_finite):
                raise ValueError("its rows are not observations of a face")
