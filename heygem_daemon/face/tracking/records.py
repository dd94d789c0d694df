"""The observations of one face in one shot, kept on disk, because a shot may last for hours."""

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
        ("tracklet", np.int32),
        ("logit", np.float32),
        ("landmarks", np.float32, (LANDMARK_COUNT, 3)),
        ("colours", np.uint8, (COLOUR_POINT_COUNT, 3)),
    ]
)
"""An observation as it is stored. ``picture``: number in the shot; ``tracklet``: see
``FaceObservation``."""

MEMORY_LIMIT_BYTES = 1 << 20
"""Size from which the records move from memory to a file."""
RECORDS_PER_READ = 256
"""Records that are read at a time."""


class FaceRecords:
    """A list of observations in the order of their pictures."""

    def __init__(self, folder: Path | None) -> None:
        """``folder``: where the file lies; None: the system's temporary folder."""
        where = None if folder is None else str(folder)
        self._file = SpooledTemporaryFile(max_size=MEMORY_LIMIT_BYTES, dir=where)  # noqa: SIM115 - see close
        self.runs: list[list[int]] = []
        """[first picture, picture after the last] of each run without a gap."""

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def append(self, first: int, observations: Sequence[FaceObservation | None]) -> None:
        """Add the observations of the pictures from ``first`` on; None: not observed.

        Raises OSError where they cannot be written.
        """
        found = [(first + k, each) for k, each in enumerate(observations) if each is not None]
        rows = np.zeros(len(found), RECORD_DTYPE)
        for row, (picture, each) in zip(rows, found, strict=True):
            row["picture"], row["tracklet"], row["logit"] = picture, each.tracklet, each.logit
            row["landmarks"], row["colours"] = each.landmarks, each.colours
            self._extend_runs(picture)
        self._file.write(rows.tobytes())

    def blocks(self) -> Iterator[NDArray[np.void]]:
        """Yield all records, block by block, as arrays of ``RECORD_DTYPE``."""
        self._file.seek(0)
        while part := self._file.read(RECORDS_PER_READ * RECORD_DTYPE.itemsize):
            yield np.frombuffer(part, RECORD_DTYPE)

    def close(self) -> None:
        """Delete the records."""
        self._file.close()

    def _extend_runs(self, picture: int) -> None:
        if self.runs and self.runs[-1][1] == picture:
            self.runs[-1][1] += 1
        else:
            self.runs.append([picture, picture + 1])
