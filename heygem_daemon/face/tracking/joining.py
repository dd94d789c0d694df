"""Joins the pieces of a track: which face of a piece is which of the pieces before.

A face that both pieces show in one picture is the same. One that was away at the time is known by
its colours, as inside a piece.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from heygem_daemon.face.reading.crop import Crop, crop_around_landmarks
from heygem_daemon.face.tracking.follower import (
    HANDOVER_PICTURES,
    LOGIT_DROP_LIMIT,
    OTHER_PLACE_LIMIT,
    SAME_PLACE_LIMIT,
    Appearance,
)
from heygem_daemon.face.tracking.multi_face import MAX_REMEMBERED_FACES, is_one_face
from heygem_daemon.face.tracking.pieces import MAX_TAIL_PICTURES
from heygem_daemon.face.tracking.selection import FaceCandidate
from heygem_daemon.face.tracking.stored_pieces import Rows, StoredLane, StoredPiece, StoredStretch


@dataclass(frozen=True, slots=True)
class LanePart:
    """Consecutive rows of a lane of a piece, as they are in the shot."""

    lane: StoredLane
    start: int
    """Number of its first row."""
    stop: int
    shift: int
    """Added to the numbers of the pictures."""
    tracklets: int
    """Added to the numbers of the tracklets."""
    jump: NDArray[np.float32] | None = None
    """(478, 3), pixels: the landmarks' jump at its first picture, which is spread; None: there is
    none."""

    def blocks(self) -> Iterator[Rows]:
        """Yield its rows. Raises OSError."""
        first = tracklet = None
        for rows in self.lane.blocks(self.start, self.stop):
            rows["picture"] += self.shift
            rows["tracklet"] += self.tracklets
            if first is None:
                first, tracklet = int(rows["picture"][0]), int(rows["tracklet"][0])
                if self.jump is not None:
                    _spread(self.jump, rows, first, tracklet)
            yield rows


def _spread(jump: NDArray[np.float32], rows: Rows, first: int, tracklet: int) -> None:
    for row in rows[:HANDOVER_PICTURES]:
        age = int(row["picture"]) - first
        if row["tracklet"] == tracklet and age < HANDOVER_PICTURES:
            row["landmarks"] += jump * np.float32(1 - age / HANDOVER_PICTURES)


@dataclass(slots=True)
class JoinedLane:
    """One face of a shot, in as many pieces as the shot has."""

    parts: list[LanePart] = field(default_factory=list)
    runs: list[list[int]] = field(default_factory=list)
    """[first picture, picture after the last] of each run without a gap."""
    appearance: Appearance = field(default_factory=Appearance)
    last_crop: Crop | None = None
    """Where the face was last."""
    last_tracklet: int = 0
    tail: LanePart | None = None
    """What it has of the next piece, before that is added."""
    _sizes: float = 0.0
    _middles: float = 0.0

    def __len__(self) -> int:
        """In how many pictures it was seen."""
        return sum(stop - start for start, stop in self.runs)

    def blocks(self) -> Iterator[Rows]:
        """Yield all observations, block by block. Raises OSError."""
        for part in self.parts:
            yield from part.blocks()

    @property
    def candidate(self) -> FaceCandidate:
        """Its figures, for the choice of the speaker."""
        count = max(len(self), 1)
        return FaceCandidate(len(self), self._sizes / count, self._middles / count)

    @property
    def last_picture(self) -> int:
        """The last picture that shows it; -1: none."""
        return self.runs[-1][1] - 1 if self.runs else -1

    def add(self, part: LanePart) -> None:
        """Add observations. Raises OSError."""
        if part.start == part.stop:
            return
        self.parts.append(part)
        for rows in part.blocks():
            for row in rows:
                self._note(row)

    def end_tail(self) -> None:
        """Add what is left of its tail. Raises OSError."""
        if self.tail is not None:
            self.add(self.tail)
            self.tail = None

    def _note(self, row: np.void) -> None:
        picture = int(row["picture"])
        if self.runs and self.runs[-1][1] == picture:
            self.runs[-1][1] += 1
        else:
            self.runs.append([picture, picture + 1])
        self.appearance.add(row["colours"])
        self.last_crop = crop_around_landmarks(row["landmarks"])
        self.last_tracklet = int(row["tracklet"])
        self._sizes += self.last_crop.face_size
        self._middles += self.last_crop.x


@dataclass(slots=True)
class JoinedShot:
    """A shot, whose stretches are added one after the other."""

    lanes: list[JoinedLane] = field(default_factory=list)
    pictures: int = 0
    size: tuple[int, int] = (0, 0)
    """Width and height of its pictures."""

    def add(self, stretch: StoredStretch) -> None:
        """Add what the next piece has of the shot. Raises OSError."""
        lanes = sorted(stretch.lanes, key=_first_picture)
        handovers = [self._take_over(lane) for lane in lanes]
        for joined in self.lanes:
            joined.end_tail()  # where it was not found in this piece
        for lane, handover in zip(lanes, handovers, strict=True):
            if handover is not None:
                self._append(handover.joined, lane, stretch, handover)
        for lane, handover in zip(lanes, handovers, strict=True):
            if handover is None:
                self._append(self._find_lost(lane) or self._open_lane(), lane, stretch, None)
        self.pictures += stretch.pictures

    def _append(
        self,
        joined: JoinedLane,
        lane: StoredLane,
        stretch: StoredStretch,
        handover: "_Handover | None",
    ) -> None:
        """Add the rows of a lane to that of the shot, and keep its tail for the next piece."""
        rows = lane.read()
        start = 0 if handover is None else handover.row
        stop = int(np.searchsorted(rows["picture"], stretch.pictures))
        goes_on = 0 if handover is None else 1
        tracklets = joined.last_tracklet + 1 - goes_on - int(rows["tracklet"][start])
        jump = None if handover is None else handover.jump
        joined.add(LanePart(lane, start, stop, self.pictures, tracklets, jump))
        if stop < lane.count:
            joined.tail = LanePart(lane, stop, lane.count, self.pictures, tracklets)

    def _take_over(self, lane: StoredLane) -> "_Handover | None":
        """Return where a lane of the next piece takes over from one of the shot, which then ends
        there: in the first picture in which both show one face."""
        rows = lane.read(0, min(lane.count, MAX_TAIL_PICTURES))
        for joined in self.lanes:
            found = _handover(joined, rows, self.pictures)
            if found is not None:
                joined.tail = found.tail
                joined.end_tail()
                return found
        return None

    def _find_lost(self, lane: StoredLane) -> JoinedLane | None:
        """Return the lane of a face that went missing in this shot and looks like this one."""
        first = lane.read(0, 1)[0]
        crop = crop_around_landmarks(first["landmarks"])
        found = []
        for number, joined in enumerate(self.lanes):
            if joined.last_picture >= self.pictures + first["picture"]:
                continue
            is_same_place = joined.last_crop is not None and is_one_face(crop, joined.last_crop)
            difference = joined.appearance.difference(first["colours"])
            if difference < (SAME_PLACE_LIMIT if is_same_place else OTHER_PLACE_LIMIT):
                found.append((difference, number))
        return self.lanes[min(found)[1]] if found else None

    def _open_lane(self) -> JoinedLane:
        """Add a lane for a new face, in the place of the one seen least where there are many."""
        if len(self.lanes) >= MAX_REMEMBERED_FACES:
            away = [each for each in self.lanes if each.last_picture < self.pictures]
            if away:
                self.lanes.remove(min(away, key=len))
        self.lanes.append(JoinedLane())
        return self.lanes[-1]


@dataclass(frozen=True, slots=True)
class _Handover:
    """Where a lane of a piece takes over from one of the shot."""

    joined: JoinedLane
    tail: LanePart
    """What the shot has of the face before."""
    row: int
    """Number of the lane's first row that is used."""
    jump: NDArray[np.float32] | None
    """As ``LanePart.jump``."""


def _handover(joined: JoinedLane, rows: Rows, shift: int) -> _Handover | None:
    """Return where ``rows``, the first ones of a lane, take over from ``joined``; None: nowhere."""
    tail = joined.tail
    if tail is None:
        return None
    for number, row in enumerate(row for block in tail.blocks() for row in block):
        at = int(np.searchsorted(rows["picture"] + shift, row["picture"]))
        if at == len(rows) or rows["picture"][at] + shift != row["picture"]:
            continue
        after = rows[at]
        places = (crop_around_landmarks(each["landmarks"]) for each in (row, after))
        if is_one_face(*places):
            # Where it had begun to lose the face, the other landmarks are used at once.
            is_good = row["logit"] >= LOGIT_DROP_LIMIT * after["logit"]
            jump = row["landmarks"] - after["landmarks"] if is_good else None
            kept = replace(tail, stop=tail.start + number)
            return _Handover(joined, kept, at, jump)
    return None


def _first_picture(lane: StoredLane) -> int:
    return int(lane.read(0, 1)["picture"][0])


def join_shots(pieces: Iterable[StoredPiece]) -> Iterator[JoinedShot]:
    """Yield the shots of a video, from all of its pieces in their order. Raises OSError."""
    shot = JoinedShot()
    for piece in pieces:
        for number, stretch in enumerate(piece.stretches):
            if number and shot.pictures:
                yield shot
                shot = JoinedShot()
            shot.size = piece.size
            shot.add(stretch)
        if piece.is_before_cut:
            yield shot
            shot = JoinedShot()
    if shot.pictures:
        yield shot
