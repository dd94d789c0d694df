"""Tracks all faces of one stretch of a shot, each in a lane of its own, without confusing them."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from heygem_daemon.face.tracking.shots import ShotBlock
from heygem_daemon.media.picture import Picture

OnFace = Callable[[Picture, NDArray[np.float32]], None]

SAME_FACE_DISTANCE = 0.5
"""Crops whose centres are nearer than this share of the smaller face's size show one face."""
DETECTION_INTERVAL = 24
"""Pictures between two detections of new faces, while all known faces are visible."""
MISSING_FACE_DETECTION_INTERVAL = 8
"""Pictures between two detections while a face has been missing for less than
``RECENTLY_MISSING_PICTURES``."""
RECENTLY_MISSING_PICTURES = 75
THOROUGH_DETECTION_INTERVAL = 240
"""Pictures after which such a detection includes small faces."""
EMPTY_THOROUGH_DETECTION_INTERVAL = 12
"""The same while there is no face at all."""
EMPTY_DETECTION_INTERVAL = 4
"""Of pictures long after the last face, every fourth is searched."""
MAX_REMEMBERED_FACES = 2 * MAX_FACES
"""Faces of one shot that are kept; beyond this the one seen least is dropped."""
LARGE_FACE_SHARE = 0.1
"""The detector overlooks no face larger than one of this share of the picture's longer side, so
that small faces need no search beside it."""
MIN_SHARE_OF_LARGEST = 0.5
"""Where the largest face is chosen, only faces from this share of its size are followed."""


class FaceLane:
    """One face of a shot: its follower and its observations."""

    def __init__(self, models: FaceModels, folder: Path | None) -> None:
        """``folder``: see ``FaceRecords``."""
        self.appearance = Appearance()
        self.follower = FaceFollower(models, self.appearance)
        self.records = FaceRecords(folder)

    def add_observations(self, first: int, observations: Sequence[FaceObservation | None]) -> None:
        """Add the observations from picture ``first`` of the shot on. Raises OSError."""
        self.records.append(first, observations)
        for each in observations:
            if each is not None:
                self.appearance.add(each.colours)

    def pictures_since_seen(self, picture: int) -> int:
        """Return the pictures from its last observation to ``picture``; 0 where there is none."""
        return picture - self.records.runs[-1][1] if self.records.runs else 0


class MultiFaceTracker:
    """Tracks the faces of a shot.

    ``follow_small_faces``: follow small faces beside large ones as well. ``folder``: see
    ``FaceRecords``. ``on_face(picture, landmarks)`` is called for each face that is found in a
    picture, with its landmarks (478, 3) in pixels.
    """

    def __init__(
        self,
        models: FaceModels,
        follow_small_faces: bool,
        folder: Path | None,
        on_face: OnFace | None = None,
    ) -> None:
        self.lanes: list[FaceLane] = []
        self._models = models
        self._follow_small_faces = follow_small_faces
        self._folder = folder
        self._on_face = on_face
        self._pictures_without_face = 0
        self._last_detection = 0

    def close(self) -> None:
        """Delete what is kept on disk."""
        for lane in self.lanes:
            lane.records.close()

    def follow(self, block: ShotBlock) -> None:
        """Follow all faces through the next pictures of the shot."""
        start = self._first_with_face(block)
        rest = block.pictures[start:]
        if not rest:
            return
        at = block.first + start
        if any(lane.follower.is_visible for lane in self.lanes) and self._is_detection_due(at):
            self._detect_new_faces(
                rest[0],
                at,
                thorough=at // THOROUGH_DETECTION_INTERVAL
                > self._last_detection // THOROUGH_DETECTION_INTERVAL,
            )
        found = {lane: lane.follower.follow(rest) for lane in self.lanes if lane.follower.is_active}
        for one, other in combinations(found, 2):
            _resolve_shared_face(one, found[one], other, found[other])
        for lane, observations in found.items():
            lane.add_observations(at, observations)
            self._report_faces(rest, observations)

    def _report_faces(
        self, pictures: Sequence[Picture], observations: Sequence[FaceObservation | None]
    ) -> None:
        if self._on_face is not None:
            for picture, each in zip(pictures, observations, strict=True):
                if each is not None:
                    self._on_face(picture, each.landmarks)

    def _first_with_face(self, block: ShotBlock) -> int:
        """Return the number of the block's first picture with a face to follow; the block's length
        where there is none."""
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

    def _is_detection_due(self, at: int) -> bool:
        recently_missing = any(
            not lane.follower.is_visible
            and lane.pictures_since_seen(at) < RECENTLY_MISSING_PICTURES
            for lane in self.lanes
        )
        return at - self._last_detection >= (
            MISSING_FACE_DETECTION_INTERVAL if recently_missing else DETECTION_INTERVAL
        )

    def _detect_new_faces(self, picture: Picture, at: int, thorough: bool) -> None:
        """Detect faces that no lane follows, and follow them."""
        self._last_detection = at
        for found in self._detect(picture, thorough):
            if self._is_known(found) or not self._is_large_enough(found):
                continue
            crop, (reading,) = self._models.read_centred([picture], found)
            if is_certain_face(reading) and not self._is_known(crop):
                lane = self._find_lost_lane(reading, crop) or self._open_lane()
                if lane is not None:
                    lane.follower.start(crop, reading.logit)

    def _detect(self, picture: Picture, thorough: bool) -> list[Crop]:
        faces = self._models.finder.find(picture)
        longer = max(picture.width, picture.height)
        if self._follow_small_faces or (
            thorough and all(face.face_size < LARGE_FACE_SHARE * longer for face in faces)
        ):
            faces += self._models.finder.find_small(picture)
        return faces

    def visible_lanes(self) -> Iterator[tuple[FaceLane, Crop]]:
        """Yield the lanes whose face was found in the last picture, with its place there."""
        for lane in self.lanes:
            if lane.follower.is_visible and lane.follower.last_crop is not None:
                yield lane, lane.follower.last_crop

    def _is_known(self, crop: Crop) -> bool:
        return any(is_one_face(crop, place) for _, place in self.visible_lanes())

    def _is_large_enough(self, crop: Crop) -> bool:
        largest = max((place.side for _, place in self.visible_lanes()), default=0.0)
        return self._follow_small_faces or crop.side >= MIN_SHARE_OF_LARGEST * largest

    def _find_lost_lane(self, reading: MeshReading, crop: Crop) -> FaceLane | None:
        """Return the lane of a face that went missing in this shot and looks like this one."""
        candidates = []
        for lane in self.lanes:
            if lane.follower.is_visible or not lane.records:
                continue
            place = lane.follower.last_crop
            is_same_place = place is not None and is_one_face(crop, place)
            difference = lane.appearance.difference(reading.colours)
            if difference < (SAME_PLACE_LIMIT if is_same_place else OTHER_PLACE_LIMIT):
                candidates.append((difference, id(lane), lane))
        return min(candidates)[2] if candidates else None

    def _open_lane(self) -> FaceLane | None:
        """Add a lane for a new face; None where ``MAX_FACES`` are followed."""
        if sum(lane.follower.is_active for lane in self.lanes) >= MAX_FACES:
            return None
        if len(self.lanes) >= MAX_REMEMBERED_FACES:
            # Before the new lane is added, because that has no observations yet.
            least = min(
                (each for each in self.lanes if not each.follower.is_active),
                key=lambda each: len(each.records),
            )
            least.records.close()
            self.lanes.remove(least)
        lane = FaceLane(self._models, self._folder)
        self.lanes.append(lane)
        return lane


def is_one_face(one: Crop, other: Crop) -> bool:
    """Whether two crops of one picture show one face."""
    return centre_distance(one, other) < SAME_FACE_DISTANCE * min(one.face_size, other.face_size)


def _resolve_shared_face(
    one: FaceLane,
    ones: list[FaceObservation | None],
    other: FaceLane,
    others: list[FaceObservation | None],
) -> None:
    """Where two lanes have come to follow one face, leave it to the lane whose appearance it has.

    The other lane has lost its own face, which that person hides.
    """
    both = [
        k
        for k, (a, b) in enumerate(zip(ones, others, strict=True))
        if a is not None and b is not None and is_one_face(a.crop, b.crop)
    ]
    if not both:
        return
    colours = np.median([each.colours for k in both if (each := ones[k]) is not None], axis=0)
    is_ones = one.appearance.difference(colours) < other.appearance.difference(colours)
    lane, observations = (other, others) if is_ones else (one, ones)
    before = [each.crop for each in observations[: both[0]] if each is not None]
    observations[both[0] :] = [None] * (len(observations) - both[0])
    lane.follower.stop(before[-1] if before else None)
