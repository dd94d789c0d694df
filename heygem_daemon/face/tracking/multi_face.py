"""All the faces of one shot, each followed for itself, none mistaken for another."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from heygem_daemon.config.choices import MAX_FACES
from heygem_daemon.face.reading.crop import Crop, centre_distance
from heygem_daemon.face.reading.face_models import FaceModels, is_certain_face
from heygem_daemon.face.reading.mesh_reader import MeshReading
from heygem_daemon.face.tracking.follower import (
    MAX_MISSING_PICTURES,
    OTHER_PLACE_LIMIT,
    SAME_PLACE_LIMIT,
    Appearance,
    FaceFollower,
    FaceObservation,
)
from heygem_daemon.face.tracking.records import FaceRecords
from heygem_daemon.face.tracking.selection import FaceCandidate
from heygem_daemon.face.tracking.shots import ShotBlock
from heygem_daemon.media.picture import Picture

SAME_FACE_DISTANCE = 0.5
"""Two crops nearer than this share of the smaller face's size look at one face."""
DETECTION_INTERVAL = 24
"""Pictures between two looks for faces that came into the picture, while others are followed,"""
MISSING_FACE_DETECTION_INTERVAL = 8
"""and while one of them is missing since less than ``MISSED`` pictures."""
RECENTLY_MISSING_PICTURES = 75
THOROUGH_DETECTION_INTERVAL = 240
"""Pictures after which such a look goes to small faces too,"""
EMPTY_THOROUGH_DETECTION_INTERVAL = 12
"""and pictures without any face after which it does."""
EMPTY_DETECTION_INTERVAL = 4
"""Of the pictures in which there was no face for long, only every so many are searched."""
MAX_REMEMBERED_FACES = 2 * MAX_FACES
"""Faces of one shot that are remembered; of more, those seen least are forgotten."""
LARGE_FACE_SHARE = 0.1
"""Beside a face of this share of the picture's longer side no larger one is overlooked."""
MIN_SHARE_OF_LARGEST = 0.5
"""Where the largest face is wanted, one is followed only from this share of its size."""


class FaceLane:
    """One face of a shot: how it is followed, and what was seen of it."""

    def __init__(self, eyes: FaceModels, folder: Path | None) -> None:
        self.appearance = Appearance()
        self.follower = FaceFollower(eyes, self.appearance)
        self.records = FaceRecords(folder)
        self._sizes = 0.0
        self._middles = 0.0

    def add_observations(self, first: int, sights: Sequence[FaceObservation | None]) -> None:
        """What was seen from picture ``first`` of the shot on. Raises OSError."""
        self.records.append(first, sights)
        for sight in sights:
            if sight is not None:
                self.appearance.add(sight.colours)
                self._sizes += sight.crop.face_size
                self._middles += sight.crop.x

    @property
    def candidate(self) -> FaceCandidate:
        """Its figures, for the choice."""
        count = len(self.records)
        return FaceCandidate(count, self._sizes / max(count, 1), self._middles / max(count, 1))

    def pictures_since_seen(self, picture: int) -> int:
        """Pictures since it was seen last, before ``picture``."""
        return picture - self.records.runs[-1][1] if self.records.runs else 0


class MultiFaceTracker:
    """The faces of a shot. ``all_sizes``: follow small faces beside large ones too."""

    def __init__(self, eyes: FaceModels, follow_small_faces: bool, folder: Path | None) -> None:
        self.lanes: list[FaceLane] = []
        self._eyes = eyes
        self._follow_small_faces = follow_small_faces
        self._folder = folder
        self._pictures_without_face = 0
        self._last_detection = 0

    def close(self) -> None:
        """Give up what is kept on disk."""
        for lane in self.lanes:
            lane.records.close()

    def follow(self, block: ShotBlock) -> None:
        """Follow all faces through the next pictures of the shot."""
        start = self._first_with_face(block)
        rest = block.pictures[start:]
        if not rest:
            return
        at = block.first + start
        if any(lane.follower.is_visible for lane in self.lanes) and self._is_due(at):
            self._detect_new_faces(
                rest[0],
                at,
                thorough=at // THOROUGH_DETECTION_INTERVAL
                > self._last_detection // THOROUGH_DETECTION_INTERVAL,
            )
        seen = {lane: lane.follower.follow(rest) for lane in self.lanes if lane.follower.is_active}
        for one, other in combinations(seen, 2):
            _resolve_shared_face(one, seen[one], other, seen[other])
        for lane, sights in seen.items():
            lane.add_observations(at, sights)

    def _first_with_face(self, block: ShotBlock) -> int:
        """Number of the block's first picture from which on there is a face to follow."""
        for number, picture in enumerate(block.pictures):
            if any(lane.follower.is_active for lane in self.lanes):
                return number
            if (
                self._pictures_without_face < MAX_MISSING_PICTURES
                or self._pictures_without_face % EMPTY_DETECTION_INTERVAL == 0
            ):
                thorough = self._pictures_without_face % EMPTY_THOROUGH_DETECTION_INTERVAL == 0
                self._detect_new_faces(picture, block.first + number, thorough)
            if any(lane.follower.is_visible for lane in self.lanes):
                self._pictures_without_face = 0
                return number
            self._pictures_without_face += 1
        return len(block.pictures)

    def _is_due(self, at: int) -> bool:
        missed = any(
            not lane.follower.is_visible
            and lane.pictures_since_seen(at) < RECENTLY_MISSING_PICTURES
            for lane in self.lanes
        )
        return at - self._last_detection >= (
            MISSING_FACE_DETECTION_INTERVAL if missed else DETECTION_INTERVAL
        )

    def _detect_new_faces(self, picture: Picture, at: int, thorough: bool) -> None:
        """Look for faces that nobody follows, and take up following them."""
        self._last_detection = at
        for found in self._detect(picture, thorough):
            if self._is_known(found) or not self._is_large_enough(found):
                continue
            crop, reading = self._eyes.read_centred(picture, found)
            if is_certain_face(reading) and not self._is_known(crop):
                lane = self._find_lost_lane(reading, crop) or self._open_lane()
                if lane is not None:
                    lane.follower.start(crop, reading.logit)

    def _detect(self, picture: Picture, thorough: bool) -> list[Crop]:
        faces = self._eyes.finder.find(picture)
        longer = max(picture.width, picture.height)
        if self._follow_small_faces or (
            thorough and all(face.face_size < LARGE_FACE_SHARE * longer for face in faces)
        ):
            faces += self._eyes.finder.find_small(picture)
        return faces

    def _visible_lanes(self) -> Iterator[tuple[FaceLane, Crop]]:
        for lane in self.lanes:
            if lane.follower.is_visible and lane.follower.last_crop is not None:
                yield lane, lane.follower.last_crop

    def _is_known(self, crop: Crop) -> bool:
        return any(_is_one_face(crop, place) for _, place in self._visible_lanes())

    def _is_large_enough(self, crop: Crop) -> bool:
        largest = max((place.side for _, place in self._visible_lanes()), default=0.0)
        return self._follow_small_faces or crop.side >= MIN_SHARE_OF_LARGEST * largest

    def _find_lost_lane(self, reading: MeshReading, crop: Crop) -> FaceLane | None:
        """The lane of a face that went missing in this shot and looks like this one."""
        candidates = []
        for lane in self.lanes:
            if lane.follower.is_visible or not lane.records:
                continue
            place = lane.follower.last_crop
            here = place is not None and _is_one_face(crop, place)
            difference = lane.appearance.difference(reading.colours)
            if difference < (SAME_PLACE_LIMIT if here else OTHER_PLACE_LIMIT):
                candidates.append((difference, id(lane), lane))
        return min(candidates)[2] if candidates else None

    def _open_lane(self) -> FaceLane | None:
        """A lane for a face not seen before; None where enough are followed."""
        if sum(lane.follower.is_active for lane in self.lanes) >= MAX_FACES:
            return None
        if len(self.lanes) >= MAX_REMEMBERED_FACES:
            # Before the new one is there: it has not been seen at all yet.
            least = min(
                (each for each in self.lanes if not each.follower.is_active),
                key=lambda each: len(each.records),
            )
            least.records.close()
            self.lanes.remove(least)
        lane = FaceLane(self._eyes, self._folder)
        self.lanes.append(lane)
        return lane


def _is_one_face(one: Crop, other: Crop) -> bool:
    return centre_distance(one, other) < SAME_FACE_DISTANCE * min(one.face_size, other.face_size)


def _resolve_shared_face(
    one: FaceLane,
    ones: list[FaceObservation | None],
    other: FaceLane,
    others: list[FaceObservation | None],
) -> None:
    """Where two lanes have come to look at one face, it stays with the lane whose it is; the
    other has lost its own, which that person hides."""
    both = [
        k
        for k, (a, b) in enumerate(zip(ones, others, strict=True))
        if a is not None and b is not None and _is_one_face(a.crop, b.crop)
    ]
    if not both:
        return
    looks = [sight.colours for k in both if (sight := ones[k]) is not None]
    look = np.median(looks, axis=0)
    is_ones = one.appearance.difference(look) < other.appearance.difference(look)
    lane, sights = (other, others) if is_ones else (one, ones)
    before = [sight.crop for sight in sights[: both[0]] if sight is not None]
    sights[both[0] :] = [None] * (len(sights) - both[0])
    lane.follower.stop(before[-1] if before else None)
