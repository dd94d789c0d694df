"""What was seen of one face in one shot, kept on disk: a shot may last for hours."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.networks.mesh import LANDMARK_COUNT
from heygem_daemon.face.reading.skin_colours import COLOUR_POINT_COUNT
from heygem_daemon.face.tracking.follower import FaceObservation

RECORD_DTYPE = np.dtype(
    [
        ("picture", np.int32),
        ("stretch", np.int32),
        ("logit", np.float32),
        ("landmarks", np.float32, (LANDMARK_COUNT, 3)),
        ("colours", np.uint8, (COLOUR_POINT_COUNT, 3)),
    ]
)
"""A face in one picture; ``picture`` counts from the beginning of the shot."""

MEMORY_LIMIT_BYTES = 1 << 20
"""Bytes from which records go to a file."""
RECORDS_PER_READ = 256
"""Records that are read at once."""


class FaceRecords:
    """Records in the order of their pictures."""

    def __init__(self, folder: Path | None) -> None:
        """``folder``: where the file lies; None: the system's temporary folder."""
        where = None if folder is None else str(folder)
        self._file = SpooledTemporaryFile(max_size=MEMORY_LIMIT_BYTES, dir=where)  # noqa: SIM115 - see close
        self.runs: list[list[int]] = []
        """[first, after the last] picture of each run without a gap."""

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def append(self, first: int, sights: Sequence[FaceObservation | None]) -> None:
        """Keep what was seen in the pictures from ``first`` on. Raises OSError."""
        seen = [(first + k, sight) for k, sight in enumerate(sights) if sight is not None]
        made = np.zeros(len(seen), RECORD_DTYPE)
        for row, (picture, sight) in zip(made, seen, strict=True):
            row["picture"], row["stretch"], row["logit"] = picture, sight.tracklet, sight.logit
            row["landmarks"], row["colours"] = sight.landmarks, sight.colours
            self._count(picture)
        self._file.write(made.tobytes())

    def blocks(self) -> Iterator[NDArray[np.void]]:
        """All records, block by block."""
        self._file.seek(0)
        while part := self._file.read(RECORDS_PER_READ * RECORD_DTYPE.itemsize):
            yield np.frombuffer(part, RECORD_DTYPE)

    def close(self) -> None:
        """Give the room back."""
        self._file.close()

    def _count(self, picture: int) -> None:
        if self.runs and self.runs[-1][1] == picture:
            self.runs[-1][1] += 1
        else:
            self.runs.append([picture, picture + 1])
