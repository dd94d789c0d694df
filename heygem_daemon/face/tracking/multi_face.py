"""All the faces of one shot, each followed for itself, none mistaken for another."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from heygem_daemon.config.choices import MOST_FACES
from heygem_daemon.face.reading.crop import Crop, distance
from heygem_daemon.face.reading.face_models import Eyes, is_found
from heygem_daemon.face.reading.mesh_reader import Reading
from heygem_daemon.face.tracking.follower import (
    OTHER_PLACE_LIMIT,
    PATIENCE,
    SAME_PLACE_LIMIT,
    Appearance,
    Follower,
    Sight,
)
from heygem_daemon.face.tracking.records import Records
from heygem_daemon.face.tracking.selection import Face
from heygem_daemon.face.tracking.shots import Block
from heygem_daemon.media.picture import Picture

SAME_FACE = 0.5
"""Two crops nearer than this share of the smaller face's size look at one face."""
SURVEY_EVERY = 24
"""Pictures between two looks for faces that came into the picture, while others are followed,"""
SURVEY_SOON = 8
"""and while one of them is missing since less than ``MISSED`` pictures."""
MISSED = 75
THOROUGH_SURVEY = 240
"""Pictures after which such a look goes to small faces too,"""
THOROUGH_EVERY = 12
"""and pictures without any face after which it does."""
SELDOM = 4
"""Of the pictures in which there was no face for long, only every so many are searched."""
KEPT = 2 * MOST_FACES
"""Faces of one shot that are remembered; of more, those seen least are forgotten."""
PLAIN = 0.1
"""Beside a face of this share of the picture's longer side no larger one is overlooked."""
WORTH = 0.5
"""Where the largest face is wanted, one is followed only from this share of its size."""


class Lane:
    """One face of a shot: how it is followed, and what was seen of it."""

    def __init__(self, eyes: Eyes, folder: Path | None) -> None:
        self.appearance = Appearance()
        self.follower = Follower(eyes, self.appearance)
        self.records = Records(folder)
        self._sizes = 0.0
        self._middles = 0.0

    def keep(self, first: int, sights: Sequence[Sight | None]) -> None:
        """What was seen from picture ``first`` of the shot on. Raises OSError."""
        self.records.append(first, sights)
        for sight in sights:
            if sight is not None:
                self.appearance.add(sight.colours)
                self._sizes += sight.place.face
                self._middles += sight.place.x

    @property
    def face(self) -> Face:
        """Its figures, for the choice."""
        count = len(self.records)
        return Face(count, self._sizes / max(count, 1), self._middles / max(count, 1))

    def missing_since(self, picture: int) -> int:
        """Pictures since it was seen last, before ``picture``."""
        return picture - self.records.runs[-1][1] if self.records.runs else 0


class Lanes:
    """The faces of a shot. ``all_sizes``: follow small faces beside large ones too."""

    def __init__(self, eyes: Eyes, all_sizes: bool, folder: Path | None) -> None:
        self.all: list[Lane] = []
        self._eyes = eyes
        self._all_sizes = all_sizes
        self._folder = folder
        self._empty = 0
        self._surveyed = 0

    def close(self) -> None:
        """Give up what is kept on disk."""
        for lane in self.all:
            lane.records.close()

    def follow(self, block: Block) -> None:
        """Follow all faces through the next pictures of the shot."""
        start = self._first_with_face(block)
        rest = block.pictures[start:]
        if not rest:
            return
        at = block.first + start
        if any(lane.follower.held for lane in self.all) and self._is_due(at):
            self._survey(
                rest[0], at, thorough=at // THOROUGH_SURVEY > self._surveyed // THOROUGH_SURVEY
            )
        seen = {lane: lane.follower.follow(rest) for lane in self.all if lane.follower.active}
        for one, other in combinations(seen, 2):
            _separate(one, seen[one], other, seen[other])
        for lane, sights in seen.items():
            lane.keep(at, sights)

    def _first_with_face(self, block: Block) -> int:
        """Number of the block's first picture from which on there is a face to follow."""
        for number, picture in enumerate(block.pictures):
            if any(lane.follower.active for lane in self.all):
                return number
            if self._empty < PATIENCE or self._empty % SELDOM == 0:
                thorough = self._empty % THOROUGH_EVERY == 0
                self._survey(picture, block.first + number, thorough)
            if any(lane.follower.held for lane in self.all):
                self._empty = 0
                return number
            self._empty += 1
        return len(block.pictures)

    def _is_due(self, at: int) -> bool:
        missed = any(
            not lane.follower.held and lane.missing_since(at) < MISSED for lane in self.all
        )
        return at - self._surveyed >= (SURVEY_SOON if missed else SURVEY_EVERY)

    def _survey(self, picture: Picture, at: int, thorough: bool) -> None:
        """Look for faces that nobody follows, and take up following them."""
        self._surveyed = at
        for found in self._found(picture, thorough):
            if self._is_known(found) or not self._is_worth(found):
                continue
            crop, reading = self._eyes.approach(picture, found)
            if is_found(reading) and not self._is_known(crop):
                lane = self._lost(reading, crop) or self._opened()
                if lane is not None:
                    lane.follower.take(crop, reading.logit)

    def _found(self, picture: Picture, thorough: bool) -> list[Crop]:
        faces = self._eyes.finder.find(picture)
        longer = max(picture.width, picture.height)
        if self._all_sizes or (thorough and all(face.face < PLAIN * longer for face in faces)):
            faces += self._eyes.finder.find_small(picture)
        return faces

    def _held(self) -> Iterator[tuple[Lane, Crop]]:
        for lane in self.all:
            if lane.follower.held and lane.follower.place is not None:
                yield lane, lane.follower.place

    def _is_known(self, crop: Crop) -> bool:
        return any(_is_one_face(crop, place) for _, place in self._held())

    def _is_worth(self, crop: Crop) -> bool:
        largest = max((place.side for _, place in self._held()), default=0.0)
        return self._all_sizes or crop.side >= WORTH * largest

    def _lost(self, reading: Reading, crop: Crop) -> Lane | None:
        """The lane of a face that went missing in this shot and looks like this one."""
        candidates = []
        for lane in self.all:
            if lane.follower.held or not lane.records:
                continue
            place = lane.follower.place
            here = place is not None and _is_one_face(crop, place)
            difference = lane.appearance.difference(reading.colours)
            if difference < (SAME_PLACE_LIMIT if here else OTHER_PLACE_LIMIT):
                candidates.append((difference, id(lane), lane))
        return min(candidates)[2] if candidates else None

    def _opened(self) -> Lane | None:
        """A lane for a face not seen before; None where enough are followed."""
        if sum(lane.follower.active for lane in self.all) >= MOST_FACES:
            return None
        if len(self.all) >= KEPT:
            # Before the new one is there: it has not been seen at all yet.
            least = min(
                (each for each in self.all if not each.follower.active),
                key=lambda each: len(each.records),
            )
            least.records.close()
            self.all.remove(least)
        lane = Lane(self._eyes, self._folder)
        self.all.append(lane)
        return lane


def _is_one_face(one: Crop, other: Crop) -> bool:
    return distance(one, other) < SAME_FACE * min(one.face, other.face)


def _separate(one: Lane, ones: list[Sight | None], other: Lane, others: list[Sight | None]) -> None:
    """Where two lanes have come to look at one face, it stays with the lane whose it is; the
    other has lost its own, which that person hides."""
    both = [
        k
        for k, (a, b) in enumerate(zip(ones, others, strict=True))
        if a is not None and b is not None and _is_one_face(a.place, b.place)
    ]
    if not both:
        return
    looks = [sight.colours for k in both if (sight := ones[k]) is not None]
    look = np.median(looks, axis=0)
    is_ones = one.appearance.difference(look) < other.appearance.difference(look)
    lane, sights = (other, others) if is_ones else (one, ones)
    before = [sight.place for sight in sights[: both[0]] if sight is not None]
    sights[both[0] :] = [None] * (len(sights) - both[0])
    lane.follower.release(before[-1] if before else None)
