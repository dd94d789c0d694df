"""The index of a video: its pictures, when each is shown, and where decoding can begin."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """The pictures of a video in presentation order."""

    pts: NDArray[np.int64]
    """Shape (N,): presentation timestamps in units of ``time_base``, ascending."""
    time_base: Fraction
    """Seconds."""
    keyframes: NDArray[np.int64]
    """Shape (K, 2), ascending: index of a picture that decodes without others, and the timestamp
    to seek to for it. K is 0 where seeking is unreliable: decoding then begins at the start."""
    has_timestamps: bool = True
    """Whether decoded frames carry the timestamps of ``pts``."""
    size: tuple[int, int] | None = None
    """Stored width and height that most of the time has, in pixels; None: that of the first
    picture."""
    repeated: int = 0
    """Pictures that the file says are the one before again (empty packets of AVI)."""
    not_shown: int = 0
    """Packets whose pictures no player shows: they precede the first picture that can be decoded,
    or an edit list leaves them out."""
    undecodable: int = 0
    """Packets that failed to decode and are no part of the index."""
    read_errors: int = 0
    """Errors while the file was read; what they hid is not part of the index."""
    lost_seconds: Fraction = Fraction(0)
    """What the file lacks, at its end, of the length that its header states."""

    def __len__(self) -> int:
        return int(self.pts.shape[0])

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds since the first picture, shape (N,)."""
        base = self.time_base
        shown: NDArray[np.float64] = (self.pts - self.pts[0]) * base.numerator / base.denominator
        return shown

    def picture_at(self, pts: int) -> int:
        """Return the last picture at or before ``pts``; -1 before the first."""
        return int(np.searchsorted(self.pts, pts, side="right")) - 1

    def keyframe_row_before(self, index: int) -> int:
        """Return the row of the last keyframe at or before picture ``index``; -1 if none."""
        return int(np.searchsorted(self.keyframes[:, 0], index, side="right")) - 1


def keyframe_rows(keyframes: list[tuple[int, int]]) -> NDArray[np.int64]:
    """Return ``VideoIndex.keyframes`` of (picture, timestamp) pairs, which may be none."""
    return np.array(keyframes, dtype=np.int64).reshape(-1, 2)
